// Files appear whole or not at all, whatever fails.
#include "data/atomic_file.h"

#include <catch2/catch.hpp>
#include <csignal>
#include <stdexcept>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/data/temp_folder.h"

using namespace dg;
using namespace dg::test;

namespace {

using Names = std::vector<std::string>;

void write(const std::filesystem::path& path, const std::string& text) {
  write_file_atomically(path, [&](AtomicFile& file) { file.write(text); });
}

// Makes write(2) fail in the middle, with a short write before: files may not grow beyond `bytes`.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    old_handler_ = ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &old_);
    rlimit limit = old_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    ::signal(SIGXFSZ, old_handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit old_ = {};
  void (*old_handler_)(int) = nullptr;
};

}  // namespace

TEST_CASE("atomic_file: the target appears at commit, not before, and nothing else stays") {
  const TempFolder folder;
  {
    AtomicFile file(folder / "a.txt");
    file.write("hello ");
    file.write("world");
    CHECK_FALSE(std::filesystem::exists(folder / "a.txt"));
    CHECK(file.temporary_path().filename().string() == "a.txt." + std::to_string(::getpid()) + ".0.tmp");
    file.commit();
    CHECK_THROWS_AS(file.commit(), Error);
    CHECK_THROWS_AS(file.write("late"), Error);
  }
  CHECK(read_text(folder / "a.txt") == "hello world");
  CHECK(folder.names() == Names{"a.txt"});
}

TEST_CASE("atomic_file: a writer that throws leaves the old file and no temporary") {
  const TempFolder folder;
  write(folder / "a.txt", "old");
  CHECK_THROWS_AS(write_file_atomically(folder / "a.txt",
                                        [](AtomicFile& file) {
                                          file.write("new");
                                          throw std::runtime_error("the writer failed");
                                        }),
                  std::runtime_error);
  CHECK(read_text(folder / "a.txt") == "old");
  CHECK(folder.names() == Names{"a.txt"});
}

TEST_CASE("atomic_file: a write that fails half-way leaves the old file and no temporary") {
  const TempFolder folder;
  write(folder / "a.txt", "old");
  std::string message;
  {
    const FileSizeLimit limit(1000);
    message = error_of([&] { write(folder / "a.txt", std::string(5000, 'x')); });
  }
  CHECK_THAT(message, Catch::Contains("a.txt: cannot be written: File too large; raise the limit"));
  CHECK(read_text(folder / "a.txt") == "old");
  CHECK(folder.names() == Names{"a.txt"});
}

TEST_CASE("atomic_file: places that cannot be written are named with the reason and the way out") {
  const TempFolder folder;
  write(folder / "file", "x");
  const auto message = [](const std::filesystem::path& path) { return error_of([&] { write(path, "y"); }); };
  CHECK_THAT(message(folder / "missing/a"),
             Catch::Contains("No such file or directory; create the folder first"));
  CHECK_THAT(message(folder / "file/a"), Catch::Contains("Not a directory; a part of the path is a file"));
  CHECK_THAT(message(folder.path()), Catch::Contains("it is a folder"));
  CHECK_THAT(message("/dev/full"), Catch::Contains("/dev/full: cannot be written: it is a device"));
  CHECK_THAT(message(folder.path() / ""), Catch::Contains("a file name is missing"));
  CHECK(folder.names() == Names{"file"});
}

TEST_CASE("atomic_file: a folder without permission is refused") {
  if (::geteuid() == 0) {
    WARN("not run: root may write everywhere");
    return;
  }
  const TempFolder folder;
  std::filesystem::permissions(folder.path(),
                               std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  const std::string message = error_of([&] { write(folder / "a", "x"); });
  std::filesystem::permissions(folder.path(), std::filesystem::perms::owner_all);
  CHECK_THAT(message, Catch::Contains("Permission denied; choose a folder that you may write to"));
  CHECK(folder.names().empty());
}

TEST_CASE("atomic_file: permissions of the old file and symbolic links are kept") {
  const TempFolder folder;
  write(folder / "a.txt", "old");
  ::chmod((folder / "a.txt").c_str(), 0640);
  std::filesystem::create_symlink("a.txt", folder / "link");
  write(folder / "link", "new");
  CHECK(std::filesystem::is_symlink(folder / "link"));
  CHECK(read_text(folder / "a.txt") == "new");
  struct stat status = {};
  REQUIRE(::stat((folder / "a.txt").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0640U);
}

TEST_CASE("atomic_file: two writers of one file do not disturb each other") {
  const TempFolder folder;
  AtomicFile first(folder / "a.txt");
  AtomicFile second(folder / "a.txt");
  first.write("first");
  second.write("second");
  second.commit();
  first.commit();
  CHECK(read_text(folder / "a.txt") == "first");
  CHECK(folder.names() == Names{"a.txt"});
}

TEST_CASE("atomic_file: a name as long as the system allows can be written") {
  const TempFolder folder;
  const std::string name(255, 'n');
  write(folder / name, "x");
  CHECK(folder.names() == Names{name});
}

TEST_CASE("atomic_file: what a killed writer left is removed, what a living one needs is not") {
  const TempFolder folder;
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {  // dies in the middle of a write, without destructors
    AtomicFile file(folder / "dead.bin");
    file.write("half");
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  AtomicFile living(folder / "living.bin");
  living.write("x");
  for (const char* name : {"notes.tmp", "a.x.0.tmp", "a.1.x.tmp", ".0.tmp", "a..0.tmp"})
    write_text(folder / name, "");
  CHECK(folder.names().size() == 7);
  CHECK(remove_stale_temporaries(folder.path()) == 1);
  CHECK(folder.names().size() == 6);
  living.commit();
  CHECK(read_text(folder / "living.bin") == "x");
  CHECK_THROWS_WITH(remove_stale_temporaries(folder / "missing"), Catch::Contains("cannot be listed"));
}
