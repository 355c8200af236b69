// Files of torch.save: what PyTorch wrote (goldens/make_torch_files.py), and what it would never write.
#include "data/torch_file.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "data/input_file.h"
#include "data/pickle.h"
#include "data/zip_reader.h"
#include "tests/data/temp_folder.h"

using namespace dg;
using dg::test::error_of;

namespace {

using Values = std::vector<float>;
using Extents = std::vector<std::int64_t>;

std::filesystem::path golden(const std::string& name) {
  return std::filesystem::path(DG_TEST_DATA_DIR) / "goldens" / name;
}

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

TorchFile parse(const std::string& content) { return parse_torch_file(bytes_of(content), "FILE"); }
std::string error_for(const std::string& content) {
  return error_of([&] { parse(content); });
}

std::map<std::string, TorchTensor> by_name(const TorchFile& file) {
  std::map<std::string, TorchTensor> tensors;
  for (const TorchTensor& tensor : file.tensors) tensors[tensor.name] = tensor;
  return tensors;
}

// ---- pickles and legacy files by hand, opcode by opcode ----

std::string little(std::uint64_t value, std::size_t bytes) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>(value >> (8 * i));
  return text;
}
std::string text(const std::string& value) {
  return std::string(1, 'X').append(little(value.size(), 4)).append(value);
}
std::string integer(std::int32_t value) {
  return std::string(1, 'J').append(little(static_cast<std::uint32_t>(value), 4));
}
std::string global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
std::string tuple(const std::string& items) { return "(" + items + "t"; }
std::string pickled(const std::string& value) { return "\x80\x02" + value + "."; }

std::string storage(const std::string& key, std::int32_t numel, const std::string& type = "FloatStorage") {
  return tuple(text("storage") + global("torch", type) + text(key) + text("cpu") + integer(numel) + "N") +
         "Q";
}
// A tensor of the storage "k".
std::string tensor(std::int32_t numel, std::int32_t offset, const std::string& size,
                   const std::string& stride) {
  return global("torch._utils", "_rebuild_tensor_v2") +
         tuple(storage("k", numel) + integer(offset) + tuple(size) + tuple(stride) + "\x89" + ")") + "R";
}
std::string dict(const std::string& items) { return "}(" + items + "u"; }

const std::string kMagic = pickled("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19");
const std::string kProtocol = pickled("M\xe9\x03");
const std::string kMachine = pickled(dict(text("little_endian") + "\x88"));
const std::string kKeys = pickled("]" + text("k") + "a");
const std::string kThreeFloats =
    little(3, 8) + little(0x3f800000, 4) + little(0x40000000, 4) + little(0x40400000, 4);

// A legacy file of the object and, where it refers to one, a storage of 1, 2, 3.
std::string legacy(const std::string& object) {
  const bool stored = object.find("storage") != std::string::npos;
  return kMagic + kProtocol + kMachine + pickled(object) + (stored ? kKeys + kThreeFloats : pickled("]"));
}
std::string legacy_tensor(const std::string& value) { return legacy(dict(text("w") + value)); }

}  // namespace

TEST_CASE("torch_file: every element type, stride and format gives the values that PyTorch saved") {
  for (const char* name : {"torch_zip.pth", "torch_legacy.pth", "torch_legacy_protocol4.pth"}) {
    INFO(name);
    CHECK(looks_like_torch_file(golden(name)));
    const TorchFile file = read_torch_file(golden(name));
    CHECK(file.root.empty());
    REQUIRE(file.tensors.size() == 16);
    CHECK(file.tensors.front().name == "matrix");
    CHECK(file.tensors.back().name == "empty");
    const auto tensors = by_name(file);
    const auto holds = [&](const char* key, const Extents& shape, const Values& values) {
      INFO(key);
      CHECK(tensors.at(key).shape == shape);
      CHECK(tensors.at(key).values == values);
    };
    holds("matrix", {2, 3}, {0, 0.25, 0.5, 0.75, 1, 1.25});
    holds("transposed", {3, 2}, {0, 0.75, 0.25, 1, 0.5, 1.25});
    holds("every_fifth", {4}, {3, 8, 13, 18});
    Values run(24);
    for (std::size_t i = 0; i < run.size(); ++i) run[i] = static_cast<float>(i);
    holds("channels_last", {1, 2, 3, 4}, run);
    holds("half", {4}, {1, -2.5, 65504, 0x1p-24F});
    holds("brain", {3}, {1, -3, 0.15625});
    holds("double", {1}, {0.1F});
    holds("long", {2}, {-5, 0x1p40F});
    holds("int", {1}, {-70000});
    holds("short", {1}, {-300});
    holds("char", {1}, {-7});
    holds("byte", {1}, {200});
    holds("bool", {2}, {1, 0});
    holds("parameter", {2}, {1.5, 2.5});
    holds("scalar", {}, {7});
    holds("empty", {0, 3}, {});
  }
}

TEST_CASE("torch_file: the state_dict of a checkpoint, without its DataParallel's prefix") {
  const TorchFile file = read_torch_file(golden("torch_state_dict.pth"));
  CHECK(file.root == "state_dict");
  std::vector<std::string> names;
  for (std::size_t i = 0; i < file.tensors.size(); ++i) {
    names.push_back(file.tensors[i].name);
    CHECK(file.tensors[i].values == Values{static_cast<float>(i + 1)});
  }
  CHECK(names == std::vector<std::string>{"0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean",
                                          "1.running_var", "1.num_batches_tracked"});
}

TEST_CASE("torch_file: averages come before the last weights, unless these are asked for") {
  const auto path = golden("torch_params_ema.pth");
  CHECK(read_torch_file(path).root == "params_ema");
  CHECK(read_torch_file(path).tensors.at(0).values == Values{2});
  CHECK(read_torch_file(path, {.use_ema = false}).root == "params");
  CHECK(read_torch_file(path, {.use_ema = false}).tensors.at(0).values == Values{1});
}

TEST_CASE("torch_file: deflated archives and those of big-endian machines") {
  const TorchFile deflated = read_torch_file(golden("torch_deflated.pth"));
  REQUIRE(deflated.tensors.at(0).values.size() == 1000);
  CHECK(deflated.tensors[0].values[0] == 0);
  CHECK(deflated.tensors[0].values[999] == 999);
  const TorchFile big = read_torch_file(golden("torch_big_endian.pth"));
  CHECK(big.tensors.at(0).values == Values{1.5, -2});
  CHECK(big.tensors.at(1).values == Values{258});
}

TEST_CASE("torch_file: what Python 2 and PyTorch 0.3 wrote") {
  // OrderedDict([["w", tensor]]), with byte strings and the first version of the function.
  const std::string old_tensor = global("torch._utils", "_rebuild_tensor") +
                                 tuple(storage("k", 3) + integer(1) + tuple(integer(2)) + tuple(integer(1))) +
                                 "R";
  const std::string pair = "](" + std::string("U\x01w") + old_tensor + "e";
  const std::string object = global("collections", "OrderedDict") + tuple("](" + pair + "e") + "R";
  const TorchFile file = parse(legacy(object));
  REQUIRE(file.tensors.size() == 1);
  CHECK(file.tensors[0].name == "w");
  CHECK(file.tensors[0].values == Values{2, 3});
}

TEST_CASE("torch_file: content decides what a file is") {
  const auto looks = [](const std::string& content) { return looks_like_torch_file(bytes_of(content)); };
  CHECK(looks(kMagic));
  CHECK(looks(std::string("PK\x03\x04\0\0\x08\x08\0\0", 10)));
  // safetensors whose header lengths, 640 and 0x04034b50, begin like a pickle and like a zip archive
  CHECK_FALSE(looks(std::string("\x80\x02\0\0\0\0\0\0{", 9)));
  CHECK_FALSE(looks(std::string("PK\x03\x04\0\0\0\0{", 9)));
  CHECK_FALSE(looks(""));
  CHECK_FALSE(looks("\x89PNG\r\n\x1a\n"));
}

TEST_CASE("torch_file: a Python object that is not on the list is refused by name") {
  const std::string attack = global("posix", "system") + tuple(text("touch /tmp/owned")) + "R";
  CHECK_THAT(error_for(legacy_tensor(attack)),
             Catch::Contains("FILE: ") && Catch::Contains("'posix.system'") && Catch::Contains("not run") &&
                 Catch::Contains("state_dict()"));
  CHECK_THAT(error_for(kMagic + kProtocol + pickled(attack)), Catch::Contains("'posix.system'"));
  const std::string stacked = text("builtins") + text("eval") + "\x93" + tuple(text("1")) + "R";
  CHECK_THAT(error_for(legacy_tensor(stacked)), Catch::Contains("'builtins.eval'"));
  CHECK_THAT(error_for(legacy_tensor(global("models.networks", "ResnetGenerator") + ")\x81")),
             Catch::Contains("'models.networks.ResnetGenerator'"));
  CHECK_THAT(error_for(legacy_tensor(global("torch", "FloatStorage") + ")\x81")),
             Catch::Contains("opcode 129"));
  CHECK_THAT(error_for(legacy_tensor(text("x") + tuple("") + "R")), Catch::Contains("calls a text"));
  CHECK_THAT(error_for(legacy_tensor("N}b")), Catch::Contains("attributes to None"));
}

TEST_CASE("torch_file: tensors that reach out of their storage are refused") {
  const auto error_with = [](std::int32_t numel, std::int32_t offset, const std::string& size,
                             const std::string& stride) {
    return error_for(legacy_tensor(tensor(numel, offset, size, stride)));
  };
  const std::string large = "\x8a\x08" + little(std::uint64_t{1} << 62U, 8);
  CHECK(parse(legacy_tensor(tensor(3, 0, integer(3), integer(1)))).tensors.at(0).values == Values{1, 2, 3});
  CHECK_THAT(error_with(3, 1, integer(3), integer(1)),
             Catch::Contains("'w'") && Catch::Contains("element 4 of"));
  CHECK_THAT(error_with(3, 0, integer(2), integer(3)), Catch::Contains("element 4 of"));
  CHECK_THAT(error_with(3, 0, integer(-1), integer(1)), Catch::Contains("its size is -1"));
  CHECK_THAT(error_with(3, 0, integer(1), integer(-1)), Catch::Contains("its stride is -1"));
  CHECK_THAT(error_with(3, -1, integer(1), integer(1)), Catch::Contains("its offset is -1"));
  CHECK_THAT(error_with(3, 0, "N", integer(1)), Catch::Contains("its size is None"));
  CHECK_THAT(error_with(3, 0, integer(1), ""), Catch::Contains("1 sizes and 0 strides"));
  CHECK_THAT(error_with(3, 0, large + large, integer(0) + integer(0)), Catch::Contains("63 bits"));
  CHECK_THAT(error_with(3, 0, integer(3) + integer(3), large + large), Catch::Contains("63 bits"));
  CHECK_THAT(error_with(3, 0, large, integer(0)),
             Catch::Contains("repeats the elements") && Catch::Contains("contiguous"));
  CHECK_THAT(error_with(4, 0, integer(4), integer(1)), Catch::Contains("storage has 12 bytes"));
  CHECK_THAT(error_with(-1, 0, integer(1), integer(1)), Catch::Contains("storage's size is -1"));
  // A stride that is never stepped may be anything.
  CHECK(
      parse(legacy_tensor(tensor(3, 0, integer(3) + integer(1), integer(1) + large))).tensors.at(0).values ==
      Values{1, 2, 3});
  std::string deep;
  for (int i = 0; i < 17; ++i) deep += integer(1);
  CHECK_THAT(error_with(3, 0, deep, deep), Catch::Contains("17 items"));
}

TEST_CASE("torch_file: objects that are no state_dict are refused by what they are") {
  CHECK_THAT(error_for(legacy("]")), Catch::Contains("holds a list"));
  CHECK_THAT(error_for(legacy(tensor(3, 0, integer(3), integer(1)))), Catch::Contains("a single tensor"));
  CHECK_THAT(error_for(legacy(dict(text("netG") + "}" + text("epoch") + integer(3)))),
             Catch::Contains("'netG', 'epoch'") && Catch::Contains("state_dict"));
  CHECK_THAT(error_for(legacy(dict(integer(1) + tensor(3, 0, integer(3), integer(1))))),
             Catch::Contains("called an integer"));
  CHECK_THAT(error_for(legacy(dict(text("a\nb") + tensor(3, 0, integer(3), integer(1))))),
             Catch::Contains("called 'a?b'"));
  CHECK_THAT(error_for(legacy(dict(text("w") + tensor(3, 0, integer(3), integer(1)) + text("module.w") +
                                   tensor(3, 0, integer(3), integer(1))))),
             Catch::Contains("'w' is there twice"));
  CHECK_THAT(error_for(legacy_tensor(global("torch._utils", "_rebuild_parameter") + tuple("N") + "R")),
             Catch::Contains("parameter without a tensor"));
  CHECK_THAT(error_for(legacy_tensor(global("torch._utils", "_rebuild_tensor_v2") + tuple("NNNN") + "R")),
             Catch::Contains("not a storage"));
}

TEST_CASE("torch_file: values that contain themselves are refused, not followed") {
  // d = {}; d["state_dict"] = d.   l = []; l.append(l); {"w": l}.
  CHECK_THAT(error_for(legacy("}q\x01" + text("state_dict") + "h\x01s")), Catch::Contains("without tensors"));
  CHECK_THAT(error_for(legacy_tensor("]q\x01h\x01"
                                     "a")),
             Catch::Contains("without tensors"));
  // size = []; size.append(size)
  CHECK_THAT(error_for(legacy_tensor(global("torch._utils", "_rebuild_tensor_v2") +
                                     tuple(storage("k", 3) + integer(0) +
                                           "]q\x01h\x01"
                                           "a" +
                                           "h\x01") +
                                     "R")),
             Catch::Contains("its size is a list"));
}

TEST_CASE("torch_file: a few bytes cannot fill the memory") {
  // A tuple of 1,000 items, put into 10,000 calls.
  std::string bomb =
      tuple(std::string(1000, 'N')) + "q\x01" + global("torch._utils", "_rebuild_tensor") + "q\x02";
  for (int i = 0; i < 10'000; ++i) bomb += "h\x02h\x01R0";
  CHECK_THAT(error_for(legacy_tensor(bomb)), Catch::Contains("more than 4000000 items"));
  CHECK_THAT(error_for(legacy_tensor(std::string(2'000'000, 'N'))),
             Catch::Contains("more than 1000000 values"));
  CHECK_THAT(error_for(legacy_tensor("Nq\x01" + std::string(2'000'000, '2'))),
             Catch::Contains("more than 1000000 values"));
  CHECK_THAT(error_for(legacy_tensor("X" + little(0xffffffff, 4))), Catch::Contains("breaks off"));
  CHECK_THAT(error_for(legacy_tensor("\x8d" + little(UINT64_MAX, 8))), Catch::Contains("breaks off"));
  CHECK_THAT(error_for(legacy_tensor("X" + little(20'000'000, 4) + std::string(20'000'000, 'x'))),
             Catch::Contains("the most that is read"));
  // 2,000 tensors of one storage: its 1,000 elements become two million.
  std::string shared = kMagic + kProtocol + kMachine;
  std::string items = text("a") + tensor(1000, 0, integer(1000), integer(1)) + "q\x01";
  for (int i = 0; i < 2000; ++i) items += text(std::string(1, 't').append(std::to_string(i))) + "h\x01";
  shared += pickled(dict(items)) + kKeys + little(1000, 8) + std::string(4000, '\0');
  CHECK_THAT(error_for(shared), Catch::Contains("too many tensors share one storage"));
}

TEST_CASE("torch_file: legacy files with something wrong in front of or behind the object") {
  const std::string object = pickled(dict(text("w") + tensor(3, 0, integer(3), integer(1))));
  CHECK_THAT(error_for("NOT A FILE OF WEIGHTS"), Catch::Contains("neither a zip archive nor a pickle"));
  CHECK_THAT(error_for(pickled(integer(1)) + kProtocol), Catch::Contains("not one of torch.save"));
  CHECK_THAT(error_for(kMagic + pickled(integer(1002))), Catch::Contains("its protocol is 1002"));
  CHECK_THAT(error_for(kMagic + kProtocol + pickled(dict(text("little_endian") + "\x89"))),
             Catch::Contains("big-endian machine"));
  CHECK_THAT(error_for("\x80\x01."), Catch::Contains("protocol 1"));
  const std::string head = kMagic + kProtocol + kMachine + object;
  CHECK_THAT(error_for(head + pickled("}") + kThreeFloats), Catch::Contains("instead of the list"));
  CHECK_THAT(error_for(head + pickled("]")), Catch::Contains("'k' is missing"));
  CHECK_THAT(error_for(head + pickled("]" + text("z") + "a")), Catch::Contains("lists the storage 'z'"));
  CHECK_THAT(error_for(head + kKeys + little(UINT64_MAX, 8)), Catch::Contains("truncated: a storage has"));
  const std::string two_types = tuple(storage("k", 3) + storage("k", 3, "HalfStorage"));
  CHECK_THAT(error_for(legacy(two_types)), Catch::Contains("two types or sizes"));
}

TEST_CASE("torch_file: a file cut anywhere is refused") {
  for (const char* name :
       {"torch_zip.pth", "torch_legacy.pth", "torch_legacy_protocol4.pth", "torch_deflated.pth"}) {
    INFO(name);
    const std::string whole = test::read_text(golden(name));
    REQUIRE(whole.size() > 1000);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      if (error_for(whole.substr(0, size)).empty()) FAIL("accepted when cut to " << size << " bytes");
    }
  }
}

TEST_CASE("torch_file: a file with any byte changed is read or refused, never more") {
  int refused = 0;
  for (const char* name :
       {"torch_zip.pth", "torch_legacy.pth", "torch_deflated.pth", "torch_state_dict.pth"}) {
    INFO(name);
    std::string content = test::read_text(golden(name));
    for (char& byte : content) {
      const char before = byte;
      for (const char mask : {'\x01', '\x80', '\xff'}) {
        byte = static_cast<char>(before ^ mask);
        refused += error_for(content).empty() ? 0 : 1;
      }
      byte = before;
    }
  }
  // Of 34,000, 21,798: the rest is padding, times and versions, or a number in a storage of the legacy file.
  CHECK(refused > 20'000);
}

TEST_CASE("torch_file: an error names the file") {
  const test::TempFolder folder;
  test::write_text(folder / "w.pth", kMagic);
  CHECK_THAT(error_of([&] { read_torch_file(folder / "w.pth"); }),
             Catch::StartsWith((folder / "w.pth").string()));
}

TEST_CASE("zip_reader: entries of an archive, stored, deflated and missing") {
  const std::string content = test::read_text(golden("torch_deflated.pth"));
  ZipReader zip(bytes_of(content), "FILE");
  const ZipEntry* data = zip.find("archive/data/0");
  REQUIRE(data != nullptr);
  CHECK(data->deflated);
  CHECK(zip.contents(*data).size() == 4000);
  CHECK(zip.contents(*data)[4] == std::byte{1});
  CHECK(zip.find("archive/data/1") == nullptr);
  CHECK_THAT(error_for(std::string("PK\x03\x04", 4) + std::string(100, '\0')),
             Catch::Contains("no directory"));
}

TEST_CASE("zip_reader: damage, encryption and foreign archives are told apart") {
  const std::string stored = test::read_text(golden("torch_zip.pth"));
  const auto changed = [&](std::size_t at, const std::string& with) {
    std::string content = stored;
    content.replace(at, with.size(), with);
    return error_for(content);
  };
  const std::size_t entry = stored.find("PK\x01\x02");
  REQUIRE(entry != std::string::npos);
  CHECK_THAT(changed(entry + 8, little(1, 2)), Catch::Contains("'archive/data.pkl' is encrypted"));
  CHECK_THAT(changed(entry + 10, little(12, 2)), Catch::Contains("method 12"));
  CHECK_THAT(changed(entry + 16, little(0, 4)), Catch::Contains("check sum"));
  CHECK_THAT(changed(entry + 20, little(0x7fffffff, 4)), Catch::Contains("instead of"));
  CHECK_THAT(changed(entry + 20, little(0x7fffffff7fffffff, 8)), Catch::Contains("claim more bytes"));
  CHECK_THAT(changed(entry + 42, little(0x7fffffff, 4)), Catch::Contains("lies outside"));
  CHECK_THAT(changed(entry + 46, "archive/nothing!"), Catch::Contains("without data.pkl"));
}
