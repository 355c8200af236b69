// Files of Keras as trees: names, order and what is refused. Files of the real Keras are in tests/models.
#include "data/keras_file.h"

#include <catch2/catch.hpp>
#include <string>

#include "data/detail/hdf5_tree.h"
#include "tests/data/temp_folder.h"

using namespace dg;
using dg::test::error_of;

namespace {

// The files of these tests are written by the HDF5 library.
bool skipped() {
  if (!has_hdf5_writer()) WARN("this build has no HDF5: install libhdf5-dev to run this test");
  return !has_hdf5_writer();
}

Hdf5Group group(const std::string& name) { return {.name = name, .texts = {}, .arrays = {}, .groups = {}}; }

// A layer of Keras 2 with one weight.
Hdf5Group layer(const std::string& name, const std::string& weight, float value) {
  Hdf5Group outer = group(name);
  outer.texts.push_back({"weight_names", {name + "/" + weight}});
  Hdf5Group inner = group(name);
  inner.arrays.push_back({weight, {1}, {value}});
  outer.groups.push_back(inner);
  return outer;
}

KerasFile parse(const Hdf5Group& root) { return parse_keras_file(format_hdf5(root), "FILE"); }
std::string error_for(const Hdf5Group& root) {
  return error_of([&] { parse(root); });
}

std::vector<std::byte> small_file() {
  Hdf5Group root = group("");
  root.texts.push_back({"layer_names", {"a", "b"}});
  root.groups = {layer("a", "kernel:0", 1.0F), layer("b", "bias:0", 2.0F)};
  return format_hdf5(root);
}

}  // namespace

TEST_CASE("keras_file: a tree is written and read back, and the same tree gives the same bytes") {
  if (skipped()) return;
  Hdf5Group root = group("");
  root.texts = {{"list", {"one", "", "three"}}, {"single", {"text"}, false}};
  root.arrays = {{"matrix", {2, 3}, {1, 2, 3, 4, 5, 6}}, {"scalar", {}, {7}}, {"zero", {0}, {}}};
  root.groups = {group("empty")};
  const std::vector<std::byte> bytes = format_hdf5(root);
  CHECK(bytes == format_hdf5(root));
  const Hdf5Group read = parse_hdf5(bytes, "FILE");
  CHECK(read.find_text("list")->values == root.texts[0].values);
  CHECK(read.find_text("list")->is_list);
  CHECK_FALSE(read.find_text("single")->is_list);
  CHECK(read.find_array("matrix")->values == root.arrays[0].values);
  CHECK(read.find_array("matrix")->shape == root.arrays[0].shape);
  CHECK(read.find_array("scalar")->values == std::vector<float>{7});
  CHECK(read.find_array("zero")->shape == std::vector<std::int64_t>{0});
  CHECK(read.find_group("empty") != nullptr);
  CHECK(read.find_group("matrix") == nullptr);
}

TEST_CASE("keras_file: layers come in the order of layer_names, which may be cut into parts") {
  if (skipped()) return;
  Hdf5Group root = group("");
  root.texts = {{"layer_names0", {"z", "y"}}, {"layer_names1", {"a"}}, {"backend", {"theano"}, false}};
  root.groups = {layer("a", "convolution2d_1_W", 1.0F), layer("y", "moving_mean:0", 2.0F),
                 layer("z", "kernel:0", 3.0F)};
  const KerasFile file = parse(root);
  CHECK(file.format == KerasFormat::keras2);
  CHECK(file.backend == "theano");
  REQUIRE(file.layers.size() == 3);
  CHECK(file.layers[0].name == "z");
  CHECK(file.layers[0].tensors.at(0).name == "kernel");
  CHECK(file.layers[1].tensors.at(0).name == "moving_mean");
  CHECK(file.layers[2].tensors.at(0).name == "kernel");
  CHECK(file.layers[2].tensors.at(0).values == std::vector<float>{1.0F});
}

TEST_CASE("keras_file: layers of Keras 3 come in the order of their numbers") {
  if (skipped()) return;
  Hdf5Group layers = group("layers");
  for (const char* name : {"conv2d_10", "conv2d", "conv2d_2", "dense"}) {
    Hdf5Group vars = group("vars");
    vars.arrays = {{"0", {1, 1}, {1}}, {"1", {1}, {2}}};
    layers.groups.push_back(group(name));
    layers.groups.back().groups.push_back(vars);
  }
  Hdf5Group root = group("");
  root.groups = {layers, group("optimizer")};
  root.groups.back().groups = layers.groups;
  const KerasFile file = parse(root);
  CHECK(file.format == KerasFormat::keras3);
  REQUIRE(file.layers.size() == 4);
  CHECK(file.layers[0].name == "conv2d");
  CHECK(file.layers[1].name == "conv2d_2");
  CHECK(file.layers[2].name == "conv2d_10");
  CHECK(file.layers[3].tensors.at(1).name == "bias");
}

TEST_CASE("keras_file: what is missing or named twice is refused by name") {
  if (skipped()) return;
  Hdf5Group root = group("");
  CHECK_THAT(error_for(root), Catch::Contains("without layers of Keras"));
  root.texts = {{"layer_names", {"a"}}};
  CHECK_THAT(error_for(root), Catch::Contains("its layer 'a' is missing"));
  root.groups = {layer("a", "kernel:0", 1.0F)};
  CHECK(error_for(root).empty());
  root.texts[0].values.emplace_back("a");
  CHECK_THAT(error_for(root), Catch::Contains("'a' is missing or named twice"));
  root.texts[0].values.pop_back();
  root.groups[0].texts[0].values.emplace_back("a/nothing");
  CHECK_THAT(error_for(root), Catch::Contains("the weight 'a/nothing' of its layer 'a' is missing"));
  root.groups[0].texts[0].values.back() = "a/kernel:0";
  CHECK_THAT(error_for(root), Catch::Contains("named twice"));
}

TEST_CASE("keras_file: a file cut anywhere is refused") {
  if (skipped()) return;
  const std::vector<std::byte> whole = small_file();
  for (std::size_t size = 0; size < whole.size(); size += 7) {
    const auto cut = std::span(whole).first(size);
    if (error_of([&] { parse_keras_file(cut, "FILE"); }).empty())
      FAIL("accepted when cut to " << size << " bytes");
  }
}

TEST_CASE("keras_file: the name of a written file must be one that Keras reads") {
  const test::TempFolder folder;
  const auto error = [&](const char* name, KerasFormat format) {
    return error_of([&] {
      write_keras_file(folder / name, {.format = format, .backend = {}, .version = {}, .layers = {}});
    });
  };
  CHECK_THAT(error("g.keras", KerasFormat::keras2), Catch::Contains("end it in .h5"));
  CHECK_THAT(error("g.weights.h5", KerasFormat::keras2), Catch::Contains("not in .weights.h5"));
  CHECK_THAT(error("g.h5", KerasFormat::keras3), Catch::Contains("end it in .weights.h5"));
}
