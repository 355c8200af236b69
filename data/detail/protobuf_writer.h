// The wire format of protocol buffers, as far as files of others need it: https://protobuf.dev/programming-guides/encoding.
// A message is a string of fields: a key (number and wire type), then a number or a length and bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace dg::protobuf {

void put_int(std::string& message, unsigned field, std::int64_t value);
void put_float(std::string& message, unsigned field, float value);
void put_double(std::string& message, unsigned field, double value);
// Texts, bytes and messages.
void put_bytes(std::string& message, unsigned field, std::string_view bytes);

// The lowest bytes of a number, lowest first.
void put_little_endian(std::string& out, std::uint64_t value, unsigned bytes);

}  // namespace dg::protobuf
