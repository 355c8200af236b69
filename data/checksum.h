// Tells files apart in reports.
#pragma once

#include <filesystem>
#include <string>

namespace dg {

// CRC-32 of ISO 3309, as zip and gzip use it, in eight hexadecimal digits. Not a protection against forgery. Errors as
// InputFile.
std::string crc32_of_file(const std::filesystem::path& path);

}  // namespace dg
