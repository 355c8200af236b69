// Linux: /proc/meminfo, /proc/self/status, and the files of control groups (version 2, or version 1 as containers show
// it).
#include "kernels/host_memory.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

namespace dg {
namespace {

namespace fs = std::filesystem;
constexpr std::int64_t kUnknown = std::numeric_limits<std::int64_t>::max();

// The number behind "key" at the start of a line; `missing` if there is none.
std::int64_t value_of(const fs::path& file, const std::string& key, std::int64_t missing) {
  std::ifstream in(file);
  for (std::string word; in >> word; in.ignore(std::numeric_limits<std::streamsize>::max(), '\n')) {
    std::int64_t value = 0;
    if (word == key) return in >> value ? value : missing;
  }
  return missing;
}

// A file that holds one number; "max" and what cannot be read are kUnknown.
std::int64_t number_in(const fs::path& file) {
  std::ifstream in(file);
  std::int64_t value = 0;
  return in >> value ? value : kUnknown;
}

// A group's limit less what it uses; pages of files that can be dropped do not count as used.
std::int64_t left_in_group(std::int64_t limit, std::int64_t used, std::int64_t droppable) {
  if (limit == kUnknown || used == kUnknown) return kUnknown;
  return std::max<std::int64_t>(0, limit - std::max<std::int64_t>(0, used - droppable));
}

std::int64_t left_in_groups() {
  const fs::path root = "/sys/fs/cgroup";
  std::int64_t left = left_in_group(number_in(root / "memory/memory.limit_in_bytes"),
                                    number_in(root / "memory/memory.usage_in_bytes"),
                                    value_of(root / "memory/memory.stat", "total_inactive_file", 0));
  std::ifstream own("/proc/self/cgroup");
  std::string line;
  std::string path;
  while (std::getline(own, line)) {
    if (line.rfind("0::/", 0) == 0) path = line.substr(4);
  }
  // Every group above has a limit of its own.
  for (fs::path group = path;; group = group.parent_path()) {
    const fs::path folder = root / group;
    left =
        std::min(left, left_in_group(number_in(folder / "memory.max"), number_in(folder / "memory.current"),
                                     value_of(folder / "memory.stat", "inactive_file", 0)));
    if (group.empty()) return left;
  }
}

constexpr std::int64_t kKibi = 1024;

}  // namespace

std::int64_t available_host_memory() {
  const std::int64_t machine = value_of("/proc/meminfo", "MemAvailable:", kUnknown);
  return std::min(machine == kUnknown ? kUnknown : machine * kKibi, left_in_groups());
}

std::int64_t resident_memory() { return value_of("/proc/self/status", "VmRSS:", 0) * kKibi; }
std::int64_t peak_resident_memory() { return value_of("/proc/self/status", "VmHWM:", 0) * kKibi; }

}  // namespace dg
