// POSIX reads: errno tells the user why, which std::ifstream does not promise to.
#include "data/input_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "kernels/check.h"

namespace dg {
namespace {

const char* advice_for(int error) {
  switch (error) {
    case ENOENT: return "check the spelling of the path";
    case ENOTDIR: return "a part of the path is a file, not a folder";
    case EACCES:
    case EPERM: return "ask for permission to read it";
    case EMFILE:
    case ENFILE: return "close some files or raise 'ulimit -n'";
    default: return "check the disk it lies on";
  }
}

}  // namespace

InputFile::InputFile(std::filesystem::path path) : path_(std::move(path)) {
  // O_NONBLOCK: opening a named pipe must not wait for a writer.
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) {
    const int error = errno;
    fail(path_.string(), ": cannot be opened for reading: ", std::strerror(error), "; ", advice_for(error));
  }
  struct stat status = {};
  const bool known = ::fstat(descriptor_, &status) == 0;
  if (!known || !S_ISREG(status.st_mode)) {
    ::close(descriptor_);
    check(!known || !S_ISDIR(status.st_mode), path_.string(),
          ": is a folder where a file is expected; name a file in it");
    fail(path_.string(), ": is not a regular file; name a file");
  }
  size_ = static_cast<std::int64_t>(status.st_size);
}

InputFile::~InputFile() { ::close(descriptor_); }

void InputFile::read(std::span<std::byte> into) {
  while (!into.empty()) {
    const ssize_t count = ::read(descriptor_, into.data(), into.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const int error = errno;
      fail(path_.string(), ": cannot be read: ", std::strerror(error), "; ", advice_for(error));
    }
    check(count > 0, path_.string(), ": ended ", into.size(),
          " bytes too early; make sure that no other program is writing it and try again");
    into = into.subspan(static_cast<std::size_t>(count));
  }
}

std::vector<std::uint8_t> read_file(const std::filesystem::path& path, std::int64_t limit) {
  InputFile file(path);
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(std::min(file.size(), limit)));
  file.read(std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

}  // namespace dg
