// Event files, taken apart by a reader that is written for this test: what tensorboard itself makes of them,
// goldens/check_tensorboard.py finds out.
#include "data/tensorboard.h"

#include <bit>
#include <catch2/catch.hpp>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "data/checksum.h"
#include "temp_folder.h"

using namespace dg;
using dg::test::read_text;
using dg::test::TempFolder;
using dg::test::write_text;

namespace {

namespace fs = std::filesystem;

// A message's fields by number, in their order: numbers (also the bits of floats), or bytes.
struct Message {
  std::map<unsigned, std::vector<std::uint64_t>> numbers;
  std::map<unsigned, std::vector<std::string>> bytes;

  explicit Message(const std::string& wire) {
    std::size_t at = 0;
    const auto fixed = [&](std::size_t size) {
      REQUIRE(at + size <= wire.size());
      std::uint64_t value = 0;
      std::memcpy(&value, wire.data() + at, size);
      at += size;
      return value;
    };
    const auto varint = [&] {
      std::uint64_t value = 0;
      for (unsigned shift = 0;; shift += 7) {
        const std::uint64_t byte = fixed(1);
        value |= (byte & 0x7FU) << shift;
        if (byte < 0x80) return value;
      }
    };
    while (at < wire.size()) {
      const std::uint64_t key = varint();
      const auto field = static_cast<unsigned>(key >> 3U);
      switch (key & 7U) {
        case 0: numbers[field].push_back(varint()); break;
        case 1: numbers[field].push_back(fixed(8)); break;
        case 5: numbers[field].push_back(fixed(4)); break;
        case 2: {
          const std::uint64_t size = varint();
          REQUIRE(at + size <= wire.size());
          bytes[field].push_back(wire.substr(at, size));
          at += size;
          break;
        }
        default: FAIL("wire type " << (key & 7U));
      }
    }
  }
  Message inside(unsigned field) const { return Message(bytes.at(field).at(0)); }
};

// The whole records of a file; checksums are checked. `rest` gets the number of bytes behind them.
std::vector<Message> events_of(const std::string& file, std::size_t* rest = nullptr) {
  const auto number = [&](std::size_t at, std::size_t size) {
    std::uint64_t value = 0;
    std::memcpy(&value, file.data() + at, size);
    return value;
  };
  const auto masked = [](std::string_view bytes) {
    const std::uint32_t crc = crc32c(bytes);
    return ((crc >> 15U) | (crc << 17U)) + 0xA282EAD8U;
  };
  std::vector<Message> events;
  std::size_t at = 0;
  while (at + 16 <= file.size()) {
    const std::uint64_t size = number(at, 8);
    if (at + 16 + size > file.size()) break;
    CHECK(number(at + 8, 4) == masked(std::string_view(file).substr(at, 8)));
    CHECK(number(at + 12 + size, 4) == masked(std::string_view(file).substr(at + 12, size)));
    events.emplace_back(file.substr(at + 12, size));
    at += 16 + size;
  }
  if (rest != nullptr) *rest = file.size() - at;
  return events;
}

std::int64_t step_of(const Message& event) { return static_cast<std::int64_t>(event.numbers.at(2).at(0)); }

}  // namespace

TEST_CASE("crc32c: known answers") {
  CHECK(crc32c("") == 0);
  CHECK(crc32c("123456789") == 0xE3069283);            // the usual check value
  CHECK(crc32c(std::string(32, '\0')) == 0x8A9136AA);  // RFC 3720, appendix B.4
  CHECK(crc32c(std::string(32, '\xff')) == 0x62A8AB43);
}

TEST_CASE("tensorboard: a file says which format it has, and which steps it takes over") {
  const TempFolder folder;
  const TensorBoardWriter writer(folder / "new/tensorboard", 501);
  const std::vector<Message> events = events_of(read_text(writer.path()));
  REQUIRE(events.size() == 2);
  CHECK(events[0].bytes.at(3).at(0) == "brain.Event:2");
  const double time = std::bit_cast<double>(events[0].numbers.at(1).at(0));
  CHECK(time > 1.7e9);
  CHECK(step_of(events[1]) == 501);
  CHECK(events[1].inside(7).numbers.at(1).at(0) == 1);  // SessionLog.START
}

TEST_CASE("tensorboard: scalars of one step are one record") {
  const TempFolder folder;
  TensorBoardWriter writer(folder.path(), 1);
  const std::vector<std::pair<std::string, double>> values{{"loss/a", 0.5}, {"loss/b", -3.0}};
  writer.scalars(300, values);
  const Message event = events_of(read_text(writer.path())).at(2);
  CHECK(step_of(event) == 300);
  const std::vector<std::string> parts = event.inside(5).bytes.at(1);
  REQUIRE(parts.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    const Message value(parts[i]);
    CHECK(value.bytes.at(1).at(0) == values[i].first);
    const auto bits = static_cast<std::uint32_t>(value.numbers.at(2).at(0));
    CHECK(std::bit_cast<float>(bits) == static_cast<float>(values[i].second));
  }
}

TEST_CASE("tensorboard: a picture is the bytes of its file, a text a tensor for the text plugin") {
  const TempFolder folder;
  TensorBoardWriter writer(folder.path(), 1);
  const std::vector<std::uint8_t> png{0x89, 'P', 'N', 'G', 0, 255};
  writer.picture("strip", 7, 96, 64, png);
  writer.text("configuration", 7, "| a | b |");
  const std::vector<Message> events = events_of(read_text(writer.path()));
  const Message picture = events.at(2).inside(5).inside(1);
  CHECK(picture.bytes.at(1).at(0) == "strip");
  CHECK(picture.inside(4).numbers.at(1).at(0) == 64);
  CHECK(picture.inside(4).numbers.at(2).at(0) == 96);
  CHECK(picture.inside(4).bytes.at(4).at(0) == std::string(png.begin(), png.end()));
  const Message text = events.at(3).inside(5).inside(1);
  CHECK(text.inside(9).inside(1).bytes.at(1).at(0) == "text");
  CHECK(text.inside(8).numbers.at(1).at(0) == 7);   // DT_STRING
  CHECK(text.inside(8).bytes.at(2).at(0).empty());  // no dimension
  CHECK(text.inside(8).bytes.at(8) == std::vector<std::string>{"| a | b |"});
}

TEST_CASE("tensorboard: every record is on the disk at once, and a cut one costs nothing but itself") {
  const TempFolder folder;
  TensorBoardWriter writer(folder.path(), 1);
  const std::vector<std::pair<std::string, double>> values{{"loss", 1.0}};
  for (std::int64_t step = 1; step <= 3; ++step) {
    writer.scalars(step, values);
    CHECK(events_of(read_text(writer.path())).size() == static_cast<std::size_t>(2 + step));
  }
  const std::string whole = read_text(writer.path());
  for (const std::size_t cut : {std::size_t{1}, std::size_t{20}, std::size_t{40}}) {
    std::size_t rest = 0;
    CHECK(events_of(whole.substr(0, whole.size() - cut), &rest).size() == 4);
    CHECK(rest > 0);
  }
}

TEST_CASE("tensorboard: a later file sorts behind the earlier ones, also within a second") {
  const TempFolder folder;
  write_text(folder / "events.out.tfevents.4000000000.elsewhere.1", "");
  const TensorBoardWriter second(folder.path(), 1);
  const TensorBoardWriter third(folder.path(), 1);
  CHECK_THAT(second.path().filename().string(), Catch::StartsWith("events.out.tfevents.4000000001."));
  CHECK_THAT(third.path().filename().string(), Catch::StartsWith("events.out.tfevents.4000000002."));
}

TEST_CASE("tensorboard: a folder that cannot be made is named") {
  const TempFolder folder;
  write_text(folder / "file", "");
  CHECK_THROWS_WITH(TensorBoardWriter(folder / "file", 1), Catch::Contains((folder / "file").string()));
}
