// The pictures that a folder holds, and paths compared by the place that they name.
#pragma once

#include <filesystem>
#include <vector>

namespace dg {

// Absolute, without links, dots and a slash at the end, as far as the path exists: two names of one place are equal.
std::filesystem::path comparable_path(const std::filesystem::path& path);

// Whether a comparable path is `folder` or lies below it.
bool lies_in(const std::filesystem::path& path, const std::filesystem::path& folder);

// Files that are named like pictures (is_image_path), in the folder and below it, sorted. Hidden files and folders are
// left out, and so is the folder `skipped`, a comparable path. Throws Error if a folder cannot be listed.
std::vector<std::filesystem::path> pictures_below(const std::filesystem::path& folder,
                                                  const std::filesystem::path& skipped);

}  // namespace dg
