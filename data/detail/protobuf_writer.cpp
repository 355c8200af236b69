#include "data/detail/protobuf_writer.h"

#include <bit>

namespace dg::protobuf {
namespace {

enum WireType : unsigned { kVarint = 0, kFixed64 = 1, kLength = 2, kFixed32 = 5 };

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7U) out += static_cast<char>(value | 0x80U);
  out += static_cast<char>(value);
}

void put_key(std::string& out, unsigned field, WireType type) { put_varint(out, (field << 3U) | type); }

}  // namespace

void put_little_endian(std::string& out, std::uint64_t value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
}

void put_int(std::string& message, unsigned field, std::int64_t value) {
  put_key(message, field, kVarint);
  put_varint(message, static_cast<std::uint64_t>(value));
}

void put_float(std::string& message, unsigned field, float value) {
  put_key(message, field, kFixed32);
  put_little_endian(message, std::bit_cast<std::uint32_t>(value), 4);
}

void put_double(std::string& message, unsigned field, double value) {
  put_key(message, field, kFixed64);
  put_little_endian(message, std::bit_cast<std::uint64_t>(value), 8);
}

void put_bytes(std::string& message, unsigned field, std::string_view bytes) {
  put_key(message, field, kLength);
  put_varint(message, bytes.size());
  message += bytes;
}

}  // namespace dg::protobuf
