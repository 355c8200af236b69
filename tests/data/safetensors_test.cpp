// The native weight format: a file of the reference implementation, round trips, and hostile files.
#include "data/safetensors.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "tests/data/temp_folder.h"

using namespace dg;
using namespace dg::test;

namespace {

#include "goldens/file_goldens.inc"

// A file with this header and `data_size` zero bytes behind it.
std::string file_with(const std::string& header, std::size_t data_size) {
  const std::uint64_t length = header.size();
  std::string text(8, '\0');
  std::memcpy(text.data(), &length, 8);
  return text + header + std::string(data_size, '\0');
}

std::string load_error(const std::string& content) {
  const TempFolder folder;
  write_text(folder / "w.safetensors", content);
  return error_of([&] { const SafeTensorsFile file(folder / "w.safetensors"); });
}

std::string tensor(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"dtype":")" + dtype + R"(","shape":[)" + shape + R"(],"data_offsets":[)" + offsets + "]}";
}

template <typename T>
std::span<const std::byte> bytes_of(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

}  // namespace

TEST_CASE("safetensors: a file of the reference implementation is read value for value") {
  const TempFolder folder;
  write_bytes(folder / "w.safetensors", kSafeTensors);
  const SafeTensorsFile file(folder / "w.safetensors");
  CHECK(file.entries().size() == 6);
  CHECK(file.metadata() == std::map<std::string, std::string>{{"preset", "small"}, {"step", "7"}});
  CHECK(file.entry("conv.weight").shape == std::vector<std::int64_t>{2, 3});
  CHECK(file.read_as_float("conv.weight") == std::vector<float>{0, 0.25F, 0.5F, 0.75F, 1, 1.25F});
  CHECK(file.read_as_double("half") == std::vector<double>{1, -2.5, 65504, std::ldexp(1.0, -24), INFINITY});
  CHECK(file.read_as_float("brain") == std::vector<float>{1, -3, 0.15625F});
  CHECK(file.read_as_double("double") == std::vector<double>{0.1});
  CHECK(file.read_as_float("double") == std::vector<float>{0.1F});
  CHECK(file.entry("step").shape.empty());
  CHECK(file.entry("step").dtype == SafeDType::I64);
  CHECK(file.entry("step").numel() == 1);
  std::int64_t step = 0;
  std::memcpy(&step, file.bytes("step").data(), sizeof step);
  CHECK(step == 1234567890123);
  CHECK(file.read_as_float("empty").empty());
  CHECK(file.entry("empty").shape == std::vector<std::int64_t>{0, 3});
}

TEST_CASE("safetensors: asking for what is not there or not a float says so") {
  const TempFolder folder;
  write_bytes(folder / "w.safetensors", kSafeTensors);
  const SafeTensorsFile file(folder / "w.safetensors");
  CHECK_FALSE(file.contains("nothing"));
  CHECK_THROWS_WITH(file.bytes("nothing"),
                    Catch::Contains("w.safetensors: has no tensor 'nothing' among its 6"));
  CHECK_THROWS_WITH(file.read_as_float("step"), Catch::Contains("'step' holds I64, expected F16"));
}

TEST_CASE("safetensors: what is written comes back, byte for byte the same each time") {
  const TempFolder folder;
  const std::vector<float> weight = {1, 2, 3, 4, 5, 6};
  const std::vector<std::uint8_t> mask = {7, 8, 9};
  const std::vector<double> scalar = {0.5};
  const std::vector<SafeTensorToWrite> tensors = {
      {"z", SafeDType::F32, {3, 2}, bytes_of(weight)},
      {"a", SafeDType::U8, {3}, bytes_of(mask)},
      {"nothing", SafeDType::F32, {0}, {}},
      {"\xc3\xbc \"quoted\"\n", SafeDType::F64, {}, bytes_of(scalar)}};
  write_safetensors(folder / "1", tensors, {{"step", "3"}, {"preset", "small"}});
  write_safetensors(folder / "2", tensors, {{"preset", "small"}, {"step", "3"}});
  const std::string content = read_text(folder / "1");
  CHECK(content == read_text(folder / "2"));
  std::uint64_t header = 0;
  std::memcpy(&header, content.data(), 8);
  CHECK(header % 8 == 0);
  CHECK(content.size() == 8 + header + 24 + 3 + 8);

  const SafeTensorsFile file(folder / "1");
  CHECK(file.entries()[0].name == "z");  // in the given order, not sorted
  CHECK(file.entries()[1].name == "a");
  CHECK(file.read_as_float("z") == weight);
  CHECK(file.bytes("a")[2] == std::byte{9});
  CHECK(file.read_as_double("\xc3\xbc \"quoted\"\n") == scalar);  // lies at an odd offset
  CHECK(file.metadata().at("step") == "3");
}

TEST_CASE("safetensors: a file without tensors is a file") {
  const TempFolder folder;
  write_safetensors(folder / "w", {}, {});
  CHECK(SafeTensorsFile(folder / "w").entries().empty());
}

TEST_CASE("safetensors: the writer refuses what the reader would, and leaves no file") {
  const TempFolder folder;
  const std::vector<float> two = {1, 2};
  const auto message = [&](const std::vector<SafeTensorToWrite>& tensors,
                           const std::map<std::string, std::string>& metadata = {}) {
    return error_of([&] { write_safetensors(folder / "w", tensors, metadata); });
  };
  const auto named = [&](const std::string& name, std::vector<std::int64_t> shape) {
    return SafeTensorToWrite{name, SafeDType::F32, std::move(shape), bytes_of(two)};
  };
  CHECK_THAT(message({named("a", {2}), named("a", {2})}), Catch::Contains("two tensors are called 'a'"));
  CHECK_THAT(message({named("__metadata__", {2})}), Catch::Contains("reserved"));
  CHECK_THAT(message({named("a", {3})}), Catch::Contains("has 8 bytes, but its shape and type F32 need 12"));
  CHECK_THAT(message({named("a", {-1, -2})}), Catch::Contains("'a'"));
  CHECK_THAT(message({named("\xff", {2})}), Catch::Contains("not UTF-8"));
  CHECK_THAT(message({}, {{"key", "\xff"}}), Catch::Contains("not UTF-8"));
  CHECK(folder.names().empty());
}

TEST_CASE("safetensors: a file cut anywhere is refused") {
  const std::string whole(std::begin(kSafeTensors), std::end(kSafeTensors));
  std::size_t accepted = 0;
  for (std::size_t size = 0; size < whole.size(); ++size)
    accepted += load_error(whole.substr(0, size)).empty() ? 1U : 0U;
  CHECK(accepted == 0);
  CHECK_THAT(load_error(whole.substr(0, whole.size() - 1)), Catch::Contains("is truncated"));
  CHECK_THAT(load_error(whole + "x"), Catch::Contains("1 bytes after its last tensor"));
}

TEST_CASE("safetensors: hostile headers are refused with the tensor's name") {
  const std::string four = tensor("F32", "1", "0,4");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"[]", "does not begin with '{'"},
      {" {}", "does not begin with '{'"},
      {"{\"a\":", "not valid JSON"},
      {"{} {}", "not valid JSON"},
      {"{\"\xff\":1}", "not valid JSON"},
      {"{" + std::string(100000, '['), "not valid JSON"},
      {"{\"a\":" + std::string(100000, '['), "nested"},
      {R"({"a":1})", "tensor 'a' lacks"},
      {R"({"a":{"dtype":"F32","shape":[1]}})", "tensor 'a' lacks"},
      {R"({"a":)" + four + R"(,"a":)" + four + "}", "'a' twice"},
      {R"({"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "'dtype' twice"},
      {R"({"__metadata__":{"k":1},"a":)" + four + "}", "metadata 'k' is not a text"},
      {R"({"__metadata__":[],"a":)" + four + "}", "__metadata__ is not an object"},
      {R"({"a":)" + tensor("F31", "1", "0,4") + "}", "element type 'F31'"},
      {R"({"a":)" + tensor("F32", "-1", "0,4") + "}", "has '-1' in its shape"},
      {R"({"a":)" + tensor("F32", "1.0", "0,4") + "}", "has '1.0' in its shape"},
      {R"({"a":)" + tensor("F32", "18446744073709551615", "0,4") + "}",
       "'18446744073709551615' in its shape"},
      {R"({"a":)" + tensor("F32", "4294967296,4294967296,1", "0,4") + "}", "does not fit into 63 bits"},
      {R"({"a":)" + tensor("F32", "2305843009213693952,2", "0,4") + "}", "does not fit into 63 bits"},
      {R"({"a":)" + tensor("F32", "2", "0,4") + "}", "has 4 bytes, but its shape and type F32 need 8"},
      {R"({"a":)" + tensor("F32", "1", "0,4,8") + "}", "not a begin and an end"},
      {R"({"a":)" + tensor("F32", "1", "4,0") + "}", "not a begin and an end"},
      {R"({"a":)" + tensor("F32", "1", "-4,0") + "}", "'-4' in its data_offsets"},
      {R"({"a":)" + tensor("F32", "1", "1,5") + "}", "leaves a hole"},
      {R"({"a":)" + four + R"(,"b":)" + tensor("F32", "1", "0,4") + "}",
       "tensor 'b' begins at byte 0 of the data, which overlaps"},
      {R"({"a":)" + four + R"(,"b":)" + tensor("F32", "1", "3,7") + "}", "overlaps"},
      {R"({"a":)" + tensor("F32", "2", "0,8") + "}",
       "is truncated: its tensors need 8 bytes of data, it has 4"},
      {"{}", "has 4 bytes after its last tensor"},
  };
  for (const auto& [header, expected] : cases) {
    CAPTURE(header.substr(0, 200));
    CHECK_THAT(load_error(file_with(header, 4)),
               Catch::Contains("w.safetensors") && Catch::Contains(expected));
  }
  CHECK(load_error(file_with(R"({"a":)" + four + "}   ", 4)).empty());  // the cases differ from a good file
}

TEST_CASE("safetensors: lengths that no file can have are refused before memory is taken") {
  CHECK_THAT(load_error(std::string(7, '\0')), Catch::Contains("has 7 bytes, too few"));
  CHECK_THAT(load_error(std::string(8, '\xff')),
             Catch::Contains("claims a header of 18446744073709551615 bytes"));
  CHECK_THAT(load_error(std::string("\x10\0\0\0\0\0\0\0{}", 10)),
             Catch::Contains("its header needs 16 bytes, only 2"));
}

TEST_CASE("safetensors: control characters of a hostile name do not reach the message") {
  const std::string message = load_error(file_with("{\"a\\u001b[2J\\n\":1}", 0));
  CHECK_THAT(message, Catch::Contains("'a?[2J?'"));
}
