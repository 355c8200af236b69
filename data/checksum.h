// Checksums: they tell files apart in reports, and damaged records from whole ones. Not a protection against forgery.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace dg {

// CRC-32 of ISO 3309, as zip and gzip use it, in eight hexadecimal digits. Errors as InputFile.
std::string crc32_of_file(const std::filesystem::path& path);

// CRC-32C (Castagnoli 1993; RFC 3720, section 12.1), of event files and other records.
std::uint32_t crc32c(std::string_view bytes);

}  // namespace dg
