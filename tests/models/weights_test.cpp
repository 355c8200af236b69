// Weight files: what is in them, which network comes back, and what is refused with which words.
#include "models/weights.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "data/safetensors.h"
#include "models/presets.h"
#include "tests/data/temp_folder.h"
#include "tests/models/tiny_network.h"

using namespace dg;
using dg::test::error_of;
using dg::test::read_text;
using dg::test::TempFolder;
using dg::test::tiny_generator;

namespace {

Metadata tiny_metadata() {
  Metadata metadata = to_metadata(tiny_generator());
  metadata["step"] = "12";
  return metadata;
}

void fill(Module& module, double value) {
  for (NamedTensor& entry : module.state()) entry.tensor.fill_(value);
}

bool all_equal(const Module& module, float value) {
  for (const NamedTensor& entry : module.state()) {
    for (const float got : entry.tensor.to_floats()) {
      if (got != value) return false;
    }
  }
  return true;
}

// A file with the module's tensors behind each of the prefixes, all values being the prefix's.
void write_checkpoint(const std::filesystem::path& path, const Module& module,
                      const std::vector<std::pair<std::string, float>>& prefixes) {
  std::vector<std::vector<float>> values;
  values.reserve(prefixes.size() * module.state().size());
  std::vector<SafeTensorToWrite> tensors;
  for (const auto& [prefix, value] : prefixes) {
    for (const NamedTensor& entry : module.state()) {
      values.emplace_back(static_cast<std::size_t>(entry.tensor.numel()), value);
      const Shape& shape = entry.tensor.shape();
      tensors.push_back({prefix + entry.name,
                         SafeDType::F32,
                         {shape.begin(), shape.end()},
                         std::as_bytes(std::span(values.back()))});
    }
  }
  write_safetensors(path, tensors, weights_metadata(tiny_metadata()));
}

}  // namespace

TEST_CASE("weights: a network comes back from its file") {
  const TempFolder folder;
  Context context;
  const auto network = make_generator(context, tiny_generator());
  save_weights(folder / "w.safetensors", *network, tiny_metadata());

  Context other({.seed = 99});
  const LoadedGenerator loaded = load_generator(other, folder / "w.safetensors");
  CHECK(loaded.options == tiny_generator());
  CHECK(loaded.metadata.at("step") == "12");
  CHECK_FALSE(loaded.network->training());
  CHECK_FALSE(loaded.from_checkpoint);
  const std::vector<NamedTensor> before = network->state();
  const std::vector<NamedTensor> after = loaded.network->state();
  REQUIRE(after.size() == before.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    CHECK(after[i].name == before[i].name);
    CHECK(after[i].tensor.to_floats() == before[i].tensor.to_floats());
  }
}

TEST_CASE("weights: every preset's options and running statistics come back") {
  for (const Preset& preset : all_presets()) {
    INFO(preset.name);
    const TempFolder folder;
    GeneratorOptions options = preset.generator;
    options.ngf = 1;
    Context context;
    const auto network = make_generator(context, options);
    fill(*network, 0.25);
    save_weights(folder / "w.safetensors", *network, to_metadata(options));
    const LoadedGenerator loaded = load_generator(context, folder / "w.safetensors");
    CHECK(loaded.options == options);
    CHECK(all_equal(*loaded.network, 0.25F));
  }
}

TEST_CASE("weights: the same weights give the same bytes, with format and version in them") {
  const TempFolder folder;
  Context context;
  const auto network = make_generator(context, tiny_generator());
  save_weights(folder / "a", *network, tiny_metadata());
  save_weights(folder / "b", *network, tiny_metadata());
  CHECK(read_text(folder / "a") == read_text(folder / "b"));
  const Metadata metadata = read_metadata(folder / "a");
  CHECK(metadata.at("format") == "deblurgan");
  CHECK(metadata.at("version") == "1");
  CHECK(metadata.at("preset") == "small");
  CHECK(metadata.at("ngf") == "4");
  CHECK(metadata.at("step") == "12");
}

TEST_CASE("weights: loading does not move the context's random numbers") {
  const TempFolder folder;
  Context context({.seed = 5});
  const auto network = make_generator(context, tiny_generator());
  save_weights(folder / "w", *network, tiny_metadata());
  const PhiloxState before = context.random().state();
  CHECK(load_generator(context, folder / "w").network != nullptr);
  CHECK(context.random().state().seed == before.seed);
  CHECK(context.random().state().offset == before.offset);
}

TEST_CASE("weights: of a checkpoint the averages are taken, or the last weights where asked for") {
  const TempFolder folder;
  Context context;
  const auto network = make_generator(context, tiny_generator());
  write_checkpoint(folder / "both", *network,
                   {{"generator.", 1.0F}, {"discriminator.", 2.0F}, {"ema.", 3.0F}, {"adam_g.m.", 4.0F}});
  const LoadedGenerator averages = load_generator(context, folder / "both");
  CHECK(averages.from_checkpoint);
  CHECK(averages.from_ema);
  CHECK(all_equal(*averages.network, 3.0F));
  const LoadedGenerator last = load_generator(context, folder / "both", {.use_ema = false});
  CHECK_FALSE(last.from_ema);
  CHECK(all_equal(*last.network, 1.0F));

  write_checkpoint(folder / "plain", *network, {{"generator.", 1.0F}, {"discriminator.", 2.0F}});
  const LoadedGenerator only = load_generator(context, folder / "plain");
  CHECK(only.from_checkpoint);
  CHECK_FALSE(only.from_ema);
  CHECK(all_equal(*only.network, 1.0F));
  load_weights(folder / "both", *network);
  CHECK(all_equal(*network, 3.0F));
}

TEST_CASE("weights: another architecture is refused with the names that differ, and nothing is written") {
  const TempFolder folder;
  Context context;
  const auto network = make_generator(context, tiny_generator());
  save_weights(folder / "w", *network, tiny_metadata());
  GeneratorOptions options = tiny_generator();
  options.blocks = 2;
  const auto deeper = make_generator(context, options);
  fill(*deeper, 0.5);
  const std::string error = error_of([&] { load_weights(folder / "w", *deeper); });
  CHECK_THAT(error, Catch::Contains((folder / "w").string()));
  CHECK_THAT(error, Catch::Contains("4 missing: blocks.1.conv1.weight, blocks.1.conv1.bias"));
  CHECK_THAT(error, Catch::Contains("preset 'small', ngf 4, blocks 1"));
  CHECK(all_equal(*deeper, 0.5F));

  options = tiny_generator();
  options.ngf = 3;
  const auto narrower = make_generator(context, options);
  const std::string shapes = error_of([&] { load_weights(folder / "w", *narrower); });
  CHECK_THAT(shapes, Catch::Contains("head.conv.weight: got (4, 7, 7, 3), expected (3, 7, 7, 3)"));
  CHECK_THAT(shapes, Catch::Contains("and "));  // 14 tensors differ, 8 are named
}

TEST_CASE("weights: a preset that is named stands in for the metadata") {
  const TempFolder folder;
  Context context;
  GeneratorOptions options = find_preset("small").generator;
  const auto network = make_generator(context, options);
  fill(*network, 0.125);
  std::vector<SafeTensorToWrite> tensors;
  std::vector<std::vector<float>> values;
  for (const NamedTensor& entry : network->state()) {
    values.push_back(entry.tensor.to_floats());
    const Shape& shape = entry.tensor.shape();
    const auto* bytes = reinterpret_cast<const std::byte*>(values.back().data());
    tensors.push_back({entry.name,
                       SafeDType::F32,
                       {shape.begin(), shape.end()},
                       {bytes, values.back().size() * sizeof(float)}});
  }
  write_safetensors(folder / "w", tensors, {{"format", "pt"}});

  const std::string error = error_of([&] { load_generator(context, folder / "w"); });
  CHECK_THAT(error, Catch::Contains("was not written by deblurgan") && Catch::Contains("name the preset"));
  CHECK(all_equal(*load_generator(context, folder / "w", {.preset = "small"}).network, 0.125F));
  CHECK_THAT(error_of([&] { load_generator(context, folder / "w", {.preset = "keras"}); }),
             Catch::Contains("missing: head.norm.weight") && Catch::Contains("does not say which preset"));
  CHECK_THAT(error_of([&] { load_generator(context, folder / "w", {.preset = "smal"}); }),
             Catch::Contains("'smal'") && Catch::Contains("small"));
}

TEST_CASE("weights: a newer format, odd options and huge networks are refused by name") {
  const TempFolder folder;
  const std::vector<float> one{1.0F};
  const auto error_for = [&](const std::string& key, const std::string& text) {
    Metadata metadata = weights_metadata(tiny_metadata());
    metadata[key] = text;
    write_safetensors(folder / "w", {{"x", SafeDType::F32, {1}, std::as_bytes(std::span(one))}}, metadata);
    Context context;
    return error_of([&] { load_generator(context, folder / "w"); });
  };
  CHECK_THAT(error_for("version", "2"),
             Catch::Contains("format version is 2") && Catch::Contains("newer deblurgan"));
  CHECK_THAT(error_for("version", "one"), Catch::Contains("'one'"));
  CHECK_THAT(error_for("ngf", "1e3"),
             Catch::Contains((folder / "w").string() + ": generator option ngf: got '1e3'"));
  CHECK_THAT(error_for("ngf", "100000"), Catch::Contains("ngf"));
  CHECK_THAT(error_for("ngf", "1024"), Catch::Contains("holds 1 values") && Catch::Contains("ngf 1024"));
  CHECK_THAT(error_for("preset", "vast"), Catch::Contains("'vast'"));
  CHECK_THAT(error_for("step", "7"), Catch::Contains("1 unexpected: x"));
}

TEST_CASE("weights: values that are not finite are refused with the tensor's name") {
  const TempFolder folder;
  Context context;
  const auto network = make_generator(context, tiny_generator());
  for (NamedTensor& entry : network->state()) {
    if (entry.name == "down1.conv.bias") entry.tensor.fill_(std::numeric_limits<double>::quiet_NaN());
  }
  save_weights(folder / "w", *network, tiny_metadata());
  CHECK_THAT(error_of([&] { load_generator(context, folder / "w"); }),
             Catch::Contains("'down1.conv.bias'") && Catch::Contains("earlier checkpoint"));
}

TEST_CASE("weights: a missing and a truncated file are told as such") {
  const TempFolder folder;
  Context context;
  const auto network = make_generator(context, tiny_generator());
  CHECK_THAT(error_of([&] { load_generator(context, folder / "none"); }),
             Catch::Contains((folder / "none").string()));
  save_weights(folder / "w", *network, tiny_metadata());
  std::filesystem::resize_file(folder / "w", std::filesystem::file_size(folder / "w") - 1);
  CHECK_THAT(error_of([&] { load_generator(context, folder / "w"); }),
             Catch::Contains((folder / "w").string()));
}
