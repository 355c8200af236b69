// The lock file stays when the lock is let go. Removing it would be a race: a process that has it open already would lock
// a file that no longer has a name, and the next one a new file beside it.
#include "data/folder_lock.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <sys/file.h>
#include <unistd.h>

#include "kernels/check.h"

namespace dg {
namespace {

constexpr const char* kLockFile = "lock";

// "process 4711", as the holder wrote it; "another process" if there is nothing to be read.
std::string holder_of(int descriptor) {
  std::array<char, 20> text = {};
  const ssize_t size = ::pread(descriptor, text.data(), text.size(), 0);
  const std::string_view number(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  if (number.empty() || number.find_first_not_of("0123456789") != std::string_view::npos)
    return "another process";
  return "process " + std::string(number);
}

// For the message of those who find the folder taken; the lock holds without it, so failures do not matter.
void write_holder(int descriptor) {
  const std::string number = std::to_string(::getpid());
  const bool written =
      ::ftruncate(descriptor, 0) == 0 && ::pwrite(descriptor, number.data(), number.size(), 0) > 0;
  static_cast<void>(written);
}

}  // namespace

FolderLock::FolderLock(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / kLockFile;
  // For writing, because NFS grants exclusive locks on such descriptors only.
  descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  check(descriptor_ >= 0, file.string(), ": the lock file cannot be opened: ", std::strerror(errno),
        "; choose a folder that you may write to");
  int result = 0;
  do {
    result = ::flock(descriptor_, LOCK_EX | LOCK_NB);
  } while (result != 0 && errno == EINTR);
  held_ = result == 0;
  if (held_) {
    write_holder(descriptor_);
  } else if (errno == EWOULDBLOCK) {
    const std::string holder = holder_of(descriptor_);
    ::close(descriptor_);
    fail(folder.string(), ": ", holder, " is at work in this folder; wait until it has ended, or stop it");
  }
}

FolderLock::~FolderLock() { ::close(descriptor_); }

}  // namespace dg
