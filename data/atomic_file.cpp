// Write to a temporary sibling, fsync, rename, fsync the folder. rename(2) within a folder is atomic, so a
// reader, or a restart after kill -9, sees the old file or the new one and nothing between.
#include "data/atomic_file.h"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include "kernels/check.h"

namespace dg {
namespace {

namespace fs = std::filesystem;

const char* advice_for(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT: return "free some space or choose another folder";
    case EACCES:
    case EPERM:
    case EROFS: return "choose a folder that you may write to";
    case ENOENT: return "create the folder first";
    case ENOTDIR: return "a part of the path is a file, not a folder";
    case ENAMETOOLONG: return "choose a shorter name";
    case EFBIG: return "raise the limit on file sizes ('ulimit -f') or choose another disk";
    case EMFILE:
    case ENFILE: return "close some files or raise 'ulimit -n'";
    default: return "check the disk or choose another folder";
  }
}

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

// "<name>.<pid>.<n>.tmp"; long names are cut so that the suffix fits into the 255 bytes of a file name.
fs::path temporary_name(const fs::path& target, int attempt) {
  return folder_of(target) / (target.filename().string().substr(0, 200) + "." + std::to_string(::getpid()) +
                              "." + std::to_string(attempt) + ".tmp");
}

// The pid in "<name>.<pid>.<n>.tmp", or 0 if `name` does not look like that.
pid_t writer_of(const std::string& name) {
  constexpr std::string_view suffix = ".tmp";
  if (!name.ends_with(suffix)) return 0;
  const std::string stem = name.substr(0, name.size() - suffix.size());
  const std::size_t attempt = stem.rfind('.');
  const std::size_t pid =
      attempt == std::string::npos || attempt == 0 ? attempt : stem.rfind('.', attempt - 1);
  if (pid == std::string::npos || pid == 0 || attempt + 1 == stem.size()) return 0;
  if (stem.find_first_not_of("0123456789", attempt + 1) != std::string::npos) return 0;
  pid_t result = 0;
  const char* end = stem.data() + attempt;
  const auto parsed = std::from_chars(stem.data() + pid + 1, end, result);
  return parsed.ec == std::errc() && parsed.ptr == end && result > 0 ? result : 0;
}

}  // namespace

AtomicFile::AtomicFile(const fs::path& path) : target_(path) {
  check(path.has_filename(), "'", path.string(), "': cannot be written: a file name is missing; add one");
  std::error_code ignored;
  if (fs::is_symlink(path, ignored)) target_ = fs::weakly_canonical(path);
  struct stat status = {};
  const bool exists = ::stat(target_.c_str(), &status) == 0;
  check(!exists || !S_ISDIR(status.st_mode), path.string(),
        ": cannot be written: it is a folder; name a file in it");
  check(!exists || S_ISREG(status.st_mode), path.string(),
        ": cannot be written: it is a device or a pipe; name a regular file");
  // A thread of this process, or a dead process with our number, may hold a name already: try the next.
  for (int attempt = 0; descriptor_ < 0; ++attempt) {
    temporary_ = temporary_name(target_, attempt);
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ < 0 && (errno != EEXIST || attempt == 1000)) fail_with("be created", errno);
  }
  if (exists && ::fchmod(descriptor_, status.st_mode & 07777U) != 0) fail_with("get its permissions", errno);
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::write(std::span<const std::byte> bytes) {
  check(descriptor_ >= 0, target_.string(), ": write after commit; open a new AtomicFile");
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_with("be written", errno);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

void AtomicFile::commit() {
  check(descriptor_ >= 0, target_.string(), ": committed twice; open a new AtomicFile");
  if (::fsync(descriptor_) != 0) fail_with("be synced to disk", errno);
  const int closed = ::close(descriptor_);
  const int close_error = errno;
  descriptor_ = -1;
  if (closed != 0 || ::rename(temporary_.c_str(), target_.c_str()) != 0) {
    const int error = closed != 0 ? close_error : errno;
    ::unlink(temporary_.c_str());
    fail_with(closed != 0 ? "be closed" : "be put in place", error);
  }
  // The rename itself must reach the disk. Some file systems cannot sync a folder:
  // EINVAL is their way to say so.
  const int folder = ::open(folder_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;  // a folder that may be written but not listed: nothing more can be done
  const int synced = ::fsync(folder);
  const int sync_error = errno;
  ::close(folder);
  if (synced != 0 && sync_error != EINVAL) fail_with("be synced into its folder", sync_error);
}

void AtomicFile::fail_with(const char* action, int error) {
  discard();
  fail(target_.string(), ": cannot ", action, ": ", std::strerror(error), "; ", advice_for(error));
}

void AtomicFile::discard() noexcept {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  descriptor_ = -1;
  ::unlink(temporary_.c_str());
}

void write_file_atomically(const fs::path& path, const std::function<void(AtomicFile&)>& writer) {
  AtomicFile file(path);
  writer(file);
  file.commit();
}

void write_file_atomically(const fs::path& path, std::span<const std::byte> bytes) {
  write_file_atomically(path, [bytes](AtomicFile& file) { file.write(bytes); });
}

std::int64_t remove_stale_temporaries(const fs::path& folder) {
  std::error_code error;
  std::int64_t removed = 0;
  fs::directory_iterator it(folder, error);
  for (; !error && it != fs::directory_iterator(); it.increment(error)) {
    const pid_t pid = writer_of(it->path().filename().string());
    const bool dead = pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH;
    if (dead && ::unlink(it->path().c_str()) == 0) ++removed;
  }
  check(!error, folder.string(), ": cannot be listed: ", error.message(),
        "; check that it is a folder you may read");
  return removed;
}

}  // namespace dg
