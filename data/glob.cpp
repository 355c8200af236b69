#include "data/glob.h"

#include <algorithm>
#include <fnmatch.h>
#include <span>
#include <system_error>

#include "kernels/check.h"

namespace dg {
namespace {

namespace fs = std::filesystem;

constexpr const char* kAnyDepth = "**";

std::vector<fs::directory_entry> listing(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::directory_entry> entries;
  fs::directory_iterator it(folder.empty() ? fs::path(".") : folder, error);
  for (; !error && it != fs::directory_iterator(); it.increment(error)) entries.push_back(*it);
  check(!error, folder.string(), ": cannot be listed: ", error.message(), "; check that you may read it");
  return entries;
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path.empty() ? fs::path(".") : path, ignored);
}

void expand(const fs::path& folder, std::span<const std::string> parts, std::vector<fs::path>& found) {
  std::error_code ignored;
  const std::string& part = parts.front();
  const std::span<const std::string> rest = parts.subspan(1);
  if (part == kAnyDepth) {
    static const std::vector<std::string> kAllFiles = {"*"};
    expand(folder, rest.empty() ? std::span<const std::string>(kAllFiles) : rest, found);
    for (const fs::directory_entry& entry : listing(folder)) {
      const std::string name = entry.path().filename();
      if (name.starts_with(".") || entry.is_symlink(ignored) || !entry.is_directory(ignored)) continue;
      expand(folder / name, parts, found);
    }
    return;
  }
  std::vector<fs::path> matches;
  if (!has_wildcards(part)) {
    matches.push_back(folder / part);
  } else {
    for (const fs::directory_entry& entry : listing(folder)) {
      const std::string name = entry.path().filename();
      if (::fnmatch(part.c_str(), name.c_str(), FNM_PERIOD) == 0) matches.push_back(folder / name);
    }
  }
  for (const fs::path& match : matches) {
    if (rest.empty()) {
      if (fs::exists(match, ignored)) found.push_back(match);
    } else if (is_folder(match)) {
      expand(match, rest, found);
    }
  }
}

}  // namespace

bool has_wildcards(const std::string& text) { return text.find_first_of("*?[") != std::string::npos; }

fs::path glob_root(const std::string& pattern) {
  fs::path root;
  for (const fs::path& part : fs::path(pattern)) {
    if (has_wildcards(part.string())) break;
    root /= part;
  }
  return root;
}

std::vector<fs::path> expand_glob(const std::string& pattern) {
  const fs::path root = glob_root(pattern);
  std::vector<std::string> parts;
  bool wild = false;
  for (const fs::path& part : fs::path(pattern)) {
    wild = wild || has_wildcards(part.string());
    if (wild && !part.empty()) parts.push_back(part.string());
  }
  std::error_code ignored;
  std::vector<fs::path> found;
  if (parts.empty()) {
    if (fs::exists(pattern, ignored)) found.emplace_back(pattern);
  } else if (is_folder(root)) {
    expand(root, parts, found);
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

}  // namespace dg
