#include "data/picture_folder.h"

#include <algorithm>
#include <system_error>

#include "data/image_io.h"
#include "kernels/check.h"

namespace dg {

namespace fs = std::filesystem;

fs::path comparable_path(const fs::path& path) {
  std::error_code error;
  fs::path result = fs::weakly_canonical(fs::absolute(path), error);
  if (error) result = fs::absolute(path).lexically_normal();
  return result.has_filename() ? result : result.parent_path();
}

bool lies_in(const fs::path& path, const fs::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first == folder.end();
}

std::vector<fs::path> pictures_below(const fs::path& folder, const fs::path& skipped) {
  std::vector<fs::path> found;
  std::error_code error;
  fs::path last = folder;  // what is entered next: the one that cannot be, if there is an error
  fs::recursive_directory_iterator it(folder, error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    const fs::path& path = last = it->path();
    const bool hidden = path.filename().string().starts_with(".");
    std::error_code ignored;
    if (it->is_directory(ignored)) {
      if (hidden || comparable_path(path) == skipped) it.disable_recursion_pending();
    } else if (!hidden && is_image_path(path)) {
      found.push_back(path);
    }
  }
  check(!error, last.string(), ": cannot be listed: ", error.message(), "; check that you may read it");
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace dg
