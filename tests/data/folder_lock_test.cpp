// A folder that one process works in is closed to others until that process ends, however it ends.
#include "data/folder_lock.h"

#include <array>
#include <catch2/catch.hpp>
#include <csignal>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/data/temp_folder.h"

using namespace dg;
using dg::test::error_of;
using dg::test::TempFolder;

namespace {

// The error of locking the folder; empty if it can be locked.
std::string refusal(const TempFolder& folder) {
  return error_of([&] { const FolderLock lock(folder.path()); });
}

// A process of its own that holds the folder's lock until it is killed.
class Holder {
 public:
  explicit Holder(const TempFolder& folder) {
    std::array<int, 2> ready = {};
    check(::pipe(ready.data()) == 0, "no pipe");
    pid_ = ::fork();
    if (pid_ == 0) {
      error_of([&] {
        const FolderLock lock(folder.path());
        const char word = lock.held() ? 'y' : 'n';
        ::alarm(60);  // the end of a holder that nobody kills
        if (::write(ready[1], &word, 1) == 1) ::pause();
      });
      ::_exit(1);
    }
    char word = 0;
    holds_ = ::read(ready[0], &word, 1) == 1 && word == 'y';
    ::close(ready[0]);
    ::close(ready[1]);
  }
  ~Holder() { kill(); }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;

  bool holds() const { return holds_; }
  pid_t pid() const { return pid_; }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_ = -1;
  bool holds_ = false;
};

}  // namespace

TEST_CASE("folder lock: one holder at a time, also within a process") {
  const TempFolder folder;
  {
    const FolderLock lock(folder.path());
    REQUIRE(lock.held());
    CHECK(refusal(folder) == folder.path().string() + ": process " + std::to_string(::getpid()) +
                                 " is at work in this folder; wait until it has ended, or stop it");
    const TempFolder other;
    CHECK(refusal(other).empty());
  }
  CHECK(refusal(folder).empty());
}

TEST_CASE("folder lock: another process is named, and when it is killed the folder is free") {
  const TempFolder folder;
  Holder holder(folder);
  REQUIRE(holder.holds());
  CHECK_THAT(refusal(folder), Catch::Contains("process " + std::to_string(holder.pid()) + " is at work"));
  holder.kill();
  CHECK(refusal(folder).empty());
}

TEST_CASE("folder lock: what others left in the lock file does not matter") {
  const TempFolder folder;
  test::write_text(folder / "lock", "a text that is no number\n");
  const FolderLock lock(folder.path());
  CHECK(test::read_text(folder / "lock") == std::to_string(::getpid()));
  test::write_text(folder / "lock", "odd");
  CHECK_THAT(refusal(folder), Catch::Contains(": another process is at work"));
}

TEST_CASE("folder lock: a folder that is not there is refused by name") {
  const TempFolder folder;
  CHECK_THAT(error_of([&] { const FolderLock lock(folder / "none"); }),
             Catch::Contains((folder / "none" / "lock").string()) && Catch::Contains("No such file"));
}
