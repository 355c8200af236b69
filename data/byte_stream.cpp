// read(2) and write(2), with poll(2) in front where somebody may ask to stop: a blocked call cannot be called back.
#include "data/byte_stream.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace dg {
namespace {

constexpr int kPollMilliseconds = 100;
constexpr std::size_t kChunk = 1 << 16;

// Until the descriptor is ready, or its other end is gone: read and write then say so.
void wait_until_ready(int descriptor, short events, const std::string& name, const std::stop_token& stop,
                      const std::function<void()>& meanwhile = {}) {
  if (!stop.stop_possible() && !meanwhile) return;
  while (true) {
    if (meanwhile) meanwhile();
    check(!stop.stop_requested(), name, ": the transfer was stopped");
    pollfd place{descriptor, events, 0};
    const int ready = ::poll(&place, 1, kPollMilliseconds);
    if (ready > 0 || (ready < 0 && errno != EINTR)) return;
  }
}

// Keeps this thread from the signal that a write into an abandoned pipe raises. The disposition belongs to the
// program, so the library only looks away for the moment and takes the signal back that came meanwhile.
class WithoutSigpipe {
 public:
  WithoutSigpipe() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &set_, &before_);
  }
  WithoutSigpipe(const WithoutSigpipe&) = delete;
  WithoutSigpipe& operator=(const WithoutSigpipe&) = delete;
  ~WithoutSigpipe() {
    const timespec now = {};
    while (!was_pending_ && sigtimedwait(&set_, nullptr, &now) < 0 && errno == EINTR) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t set_ = {};
  sigset_t before_ = {};
  bool was_pending_ = false;
};

}  // namespace

// ---- in ----

ByteInput::ByteInput(int descriptor, std::string name) : descriptor_(descriptor), name_(std::move(name)) {}

ByteInput::ByteInput(const std::filesystem::path& path)
    : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)), owned_(true), name_(path.string()) {
  check(descriptor_ >= 0, name_, ": cannot be opened for reading: ", std::strerror(errno),
        "; check the spelling of the path, and that you may read it");
  struct stat status = {};
  if (::fstat(descriptor_, &status) == 0 && S_ISDIR(status.st_mode)) {
    ::close(descriptor_);
    fail(name_, ": is a folder where a file is expected; name a file in it");
  }
}

ByteInput::~ByteInput() {
  if (owned_) ::close(descriptor_);
}

std::size_t ByteInput::read_some(std::span<std::byte> into, const std::stop_token& stop) {
  while (true) {
    wait_until_ready(descriptor_, POLLIN, name_, stop, meanwhile_);
    const ssize_t count = ::read(descriptor_, into.data(), into.size());
    if (count >= 0) return static_cast<std::size_t>(count);
    check(errno == EINTR, name_, ": cannot be read: ", std::strerror(errno), "; check what it comes from");
  }
}

std::size_t ByteInput::read(std::span<std::byte> into, const std::stop_token& stop) {
  std::size_t done = std::min(into.size(), ahead_.size());
  std::memcpy(into.data(), ahead_.data(), done);
  ahead_.erase(0, done);
  while (done < into.size()) {
    const std::size_t count = read_some(into.subspan(done), stop);
    if (count == 0) break;
    done += count;
  }
  return done;
}

std::string_view ByteInput::peek(std::size_t count, const std::stop_token& stop) {
  while (ahead_.size() < count) {
    const std::size_t present = ahead_.size();
    ahead_.resize(count);
    std::size_t came = 0;
    try {
      came = read_some(std::as_writable_bytes(std::span(ahead_)).subspan(present), stop);
    } catch (...) {
      ahead_.resize(present);
      throw;
    }
    ahead_.resize(present + came);
    if (came == 0) break;
  }
  return std::string_view(ahead_).substr(0, count);
}

std::optional<std::string> ByteInput::read_line(std::size_t limit, const std::stop_token& stop) {
  std::string line;
  std::byte next{};
  // Lines are short and few: a system call per byte keeps the pixels behind them where they are.
  while (read(std::span(&next, 1), stop) == 1) {
    if (next == std::byte{'\n'}) return line;
    check(line.size() < limit, name_, ": has a line of more than ", limit,
          " bytes where a short one is expected; it is damaged or of another kind");
    line.push_back(static_cast<char>(next));
  }
  check(line.empty(), name_, ": ends in the middle of a line; what wrote it stopped too early");
  return std::nullopt;
}

std::vector<std::uint8_t> ByteInput::read_all(std::size_t limit, const std::stop_token& stop) {
  std::vector<std::uint8_t> bytes;
  while (true) {
    const std::size_t present = bytes.size();
    bytes.resize(present + std::max(kChunk, present / 2));
    const std::size_t came = read(std::as_writable_bytes(std::span(bytes)).subspan(present), stop);
    bytes.resize(present + came);
    check(bytes.size() <= limit, name_, ": gives more than ", limit,
          " bytes, expected at most that; give a file");
    if (came == 0) return bytes;
  }
}

// ---- out ----

PipeOutput::PipeOutput(int descriptor, std::string name) : descriptor_(descriptor), name_(std::move(name)) {
  struct stat status = {};
  pipe_ = ::fstat(descriptor_, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode));
}

void PipeOutput::write(std::span<const std::byte> bytes, const std::stop_token& stop) {
  const WithoutSigpipe guard;
  // A pipe that is ready has room for PIPE_BUF bytes; more might block.
  const std::size_t piece = pipe_ && stop.stop_possible() ? PIPE_BUF : SSIZE_MAX;
  while (!bytes.empty()) {
    if (pipe_) wait_until_ready(descriptor_, POLLOUT, name_, stop);
    const ssize_t count = ::write(descriptor_, bytes.data(), std::min(bytes.size(), piece));
    if (count >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(count));
      continue;
    }
    if (errno == EPIPE)
      throw ClosedByReader(name_ + ": whoever read it has closed it; nothing more was written");
    check(errno == EINTR || errno == EAGAIN, name_, ": cannot be written: ", std::strerror(errno),
          "; check the disk or the program that reads it");
  }
}

}  // namespace dg
