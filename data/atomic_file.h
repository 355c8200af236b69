// Files that are either whole or not there: written beside the target, synced, then renamed over it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string_view>

namespace dg {

// A file under construction. It lives at "<name>.<pid>.<n>.tmp" in the target's folder until commit() puts it
// in place of the target; destroyed without commit, it disappears and the target stays as it was. Every
// failure throws Error with the path, the system's reason and what to do. A symbolic link is followed; an
// existing target keeps its permissions; folders, devices and pipes are refused.
class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }

  // fsync, close, rename, fsync of the folder: after it returns the new content survives a power cut.
  void commit();

  const std::filesystem::path& temporary_path() const { return temporary_; }

 private:
  [[noreturn]] void fail_with(const char* action, int error);
  void discard() noexcept;

  std::filesystem::path target_;
  std::filesystem::path temporary_;
  int descriptor_ = -1;
};

// writer(file) fills the file; it is committed when writer returns, and discarded when writer throws.
void write_file_atomically(const std::filesystem::path& path, const std::function<void(AtomicFile&)>& writer);
void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes);

// Removes the temporaries that processes of this machine left in `folder` when they were killed
// in the middle of a write; those of living processes stay. Returns how many were removed.
// A folder that cannot be listed throws Error.
std::int64_t remove_stale_temporaries(const std::filesystem::path& folder);

}  // namespace dg
