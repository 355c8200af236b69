// Bytes in and out of pipes: standard input and output, named pipes, and files read or written from front to back.
//
// Waiting for a pipe ends when `stop` asks for it, within a tenth of a second; so a thread that waits for the
// program at the other end can be joined.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/atomic_file.h"
#include "kernels/check.h"

namespace dg {

// Whoever read the pipe has closed it: nothing more can be written.
class ClosedByReader : public Error {
 public:
  using Error::Error;
};

class ByteInput {
 public:
  // Reads from a descriptor that stays the caller's. `name` stands in messages: "standard input".
  ByteInput(int descriptor, std::string name);
  // Opens a file or a named pipe. Throws Error if it is missing, a folder, or may not be read.
  explicit ByteInput(const std::filesystem::path& path);
  ~ByteInput();
  ByteInput(const ByteInput&) = delete;
  ByteInput& operator=(const ByteInput&) = delete;

  const std::string& name() const { return name_; }
  // Called about ten times a second while it waits for a pipe; what it throws leaves the call that waits.
  void set_meanwhile(std::function<void()> meanwhile) { meanwhile_ = std::move(meanwhile); }

  // Fills `into` and returns how many bytes came: fewer only at the end of the stream. Throws Error where the system
  // cannot read, and when `stop` is requested.
  std::size_t read(std::span<std::byte> into, const std::stop_token& stop = {});

  // The next `count` bytes, or fewer at the end; they stay to be read.
  std::string_view peek(std::size_t count, const std::stop_token& stop = {});

  // A line without its '\n', of at most `limit` bytes. Nothing at the end of the stream. Throws Error for a line
  // that is longer, or that ends with the stream.
  std::optional<std::string> read_line(std::size_t limit, const std::stop_token& stop = {});

  // All that is left. Throws Error beyond `limit` bytes.
  std::vector<std::uint8_t> read_all(std::size_t limit, const std::stop_token& stop = {});

 private:
  std::size_t read_some(std::span<std::byte> into, const std::stop_token& stop);

  int descriptor_;
  bool owned_ = false;
  std::string name_;
  std::string ahead_;  // peeked
  std::function<void()> meanwhile_;
};

class ByteOutput {
 public:
  ByteOutput() = default;
  ByteOutput(const ByteOutput&) = delete;
  ByteOutput& operator=(const ByteOutput&) = delete;
  virtual ~ByteOutput() = default;

  // All bytes, or an exception: ClosedByReader, or Error with the system's reason.
  virtual void write(std::span<const std::byte> bytes, const std::stop_token& stop) = 0;

  void write(std::span<const std::byte> bytes) { write(bytes, {}); }
  void write(std::string_view text, const std::stop_token& stop = {}) {
    write(std::as_bytes(std::span(text)), stop);
  }
};

// A descriptor that stays the caller's. A pipe without a reader is an exception here and never SIGPIPE.
class PipeOutput final : public ByteOutput {
 public:
  PipeOutput(int descriptor, std::string name);
  using ByteOutput::write;
  void write(std::span<const std::byte> bytes, const std::stop_token& stop) override;

 private:
  int descriptor_;
  std::string name_;
  bool pipe_ = false;  // of limited room: written piecemeal
};

// A file that appears whole, with commit(), or not at all.
class FileOutput final : public ByteOutput {
 public:
  explicit FileOutput(const std::filesystem::path& path) : file_(path) {}
  using ByteOutput::write;
  void write(std::span<const std::byte> bytes, const std::stop_token&) override { file_.write(bytes); }
  void commit() { file_.commit(); }

 private:
  AtomicFile file_;
};

}  // namespace dg
