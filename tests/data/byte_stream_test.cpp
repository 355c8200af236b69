// Pipes: in pieces, closed at the other end, and stopped while they wait.
#include "data/byte_stream.h"

#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <string>
#include <thread>
#include <unistd.h>

#include "tests/data/temp_folder.h"

using namespace dg;
using dg::test::error_of;
using dg::test::TempFolder;
using dg::test::write_text;

namespace {

struct Pipe {
  std::array<int, 2> ends = {};
  Pipe() { check(::pipe(ends.data()) == 0, "no pipe"); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  void close_end(std::size_t end) {
    if (ends[end] >= 0) ::close(ends[end]);
    ends[end] = -1;
  }
};

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

TEST_CASE("byte stream: what was peeked is read again, and the rest behind it") {
  Pipe pipe;
  PipeOutput out(pipe.ends[1], "pipe");
  ByteInput in(pipe.ends[0], "pipe");
  out.write("magic line\nrest");
  pipe.close_end(1);
  CHECK(in.peek(5) == "magic");
  CHECK(in.peek(3) == "mag");
  CHECK(in.read_line(100) == "magic line");
  std::array<std::byte, 2> two = {};
  CHECK(in.read(two) == 2);
  CHECK(text_of(two) == "re");
  CHECK(in.peek(9) == "st");
  const std::vector<std::uint8_t> left = in.read_all(100);
  CHECK(text_of(std::as_bytes(std::span(left))) == "st");
  CHECK(in.read(two) == 0);
  CHECK_FALSE(in.read_line(100));
}

TEST_CASE("byte stream: more than the pipe holds goes through in pieces", "[threads]") {
  Pipe pipe;
  const std::string text(1'000'000, 'x');
  std::stop_source stop;
  std::jthread writer([&] {
    PipeOutput(pipe.ends[1], "pipe").write(text, stop.get_token());
    pipe.close_end(1);
  });
  ByteInput in(pipe.ends[0], "pipe");
  CHECK(in.read_all(2'000'000, stop.get_token()).size() == text.size());
}

TEST_CASE("byte stream: a pipe without a reader is an exception and not the end of the process") {
  Pipe pipe;
  PipeOutput out(pipe.ends[1], "pipe");
  pipe.close_end(0);
  for (int i = 0; i < 2; ++i) CHECK_THROWS_AS(out.write("text"), ClosedByReader);
}

TEST_CASE("byte stream: waiting ends when it is asked to, or by what is called meanwhile", "[threads]") {
  Pipe pipe;
  ByteInput in(pipe.ends[0], "pipe");
  PipeOutput out(pipe.ends[1], "pipe");
  std::stop_source stop;
  const std::jthread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    stop.request_stop();
  });
  std::array<std::byte, 1> one = {};
  CHECK_THAT(error_of([&] { in.read(one, stop.get_token()); }),
             Catch::Contains("pipe: the transfer was stopped"));
  CHECK_THAT(error_of([&] { out.write(std::string(1'000'000, 'x'), stop.get_token()); }),
             Catch::Contains("stopped"));
  Pipe other;
  ByteInput waiting(other.ends[0], "other");
  waiting.set_meanwhile([] { throw Error("enough"); });
  CHECK(error_of([&] { waiting.peek(1); }) == "enough");
}

TEST_CASE("byte stream: files that cannot be read, and too much of one, are told") {
  const TempFolder folder;
  CHECK_THAT(error_of([&] { ByteInput input(folder / "none"); }), Catch::Contains("No such file"));
  CHECK_THAT(error_of([&] { ByteInput input(folder.path()); }), Catch::Contains("is a folder"));
  write_text(folder / "file", "123456");
  ByteInput input(folder / "file");
  CHECK_THAT(error_of([&] { input.read_all(5); }), Catch::Contains("more than 5 bytes"));
}
