// Safetensors for PyTorch. That the real DeblurGAN loads them is what goldens/check_torch_export.py tries.
#include "models/torch_export.h"

#include <catch2/catch.hpp>
#include <string>

#include "data/safetensors.h"
#include "models/weights.h"
#include "tests/data/temp_folder.h"
#include "tests/models/formula.h"

using namespace dg;

namespace {

GeneratorOptions tiny(const std::string& preset) {
  GeneratorOptions options = find_preset(preset).generator;
  options.ngf = 2;
  if (options.blocks > 2) options.blocks = 2;
  return options;
}

}  // namespace

TEST_CASE("torch_export: every preset is read back bit for bit") {
  for (const Preset& preset : all_presets()) {
    INFO(preset.name);
    const test::TempFolder folder;
    Context context;
    const auto network = make_generator(context, tiny(preset.name));
    golden::fill(*network);
    save_torch_weights(folder / "w.safetensors", *network, tiny(preset.name));
    const LoadedGenerator again = load_generator(context, folder / "w.safetensors");
    CHECK(again.options == tiny(preset.name));
    const auto expected = network->state();
    const auto state = again.network->state();
    REQUIRE(state.size() == expected.size());
    for (std::size_t i = 0; i < state.size(); ++i)
      CHECK(state[i].tensor.to_floats() == expected[i].tensor.to_floats());
  }
}

TEST_CASE("torch_export: the names and shapes of DeblurGAN, with its tracked statistics") {
  const test::TempFolder folder;
  Context context;
  const auto network = make_generator(context, tiny("deblurgan"));
  save_torch_weights(folder / "w", *network, tiny("deblurgan"));
  const SafeTensorsFile file(folder / "w");
  using Extents = std::vector<std::int64_t>;
  CHECK(file.entry("model.1.weight").shape == Extents{2, 3, 7, 7});
  CHECK(file.entry("model.10.conv_block.6.weight").shape == Extents{8, 8, 3, 3});
  CHECK(file.entry("model.12.weight").shape == Extents{8, 4, 3, 3});
  CHECK(file.entry("model.19.bias").shape == Extents{3});
  CHECK(file.read_as_float("model.11.conv_block.7.running_var") == std::vector<float>(8, 1.0F));
  CHECK(file.metadata().at("format") == "pt");
}

TEST_CASE("torch_export: a file without our metadata is recognised by its layers") {
  const test::TempFolder folder;
  Context context;
  const auto network = make_generator(context, tiny("unet_128"));
  golden::fill(*network);
  save_torch_weights(folder / "w", *network, tiny("unet_128"));
  const SafeTensorsFile file(folder / "w");
  std::vector<SafeTensorToWrite> tensors;
  for (const SafeTensorEntry& entry : file.entries())
    tensors.push_back({entry.name, entry.dtype, entry.shape, file.bytes(entry.name)});
  write_safetensors(folder / "bare", tensors, {{"format", "pt"}});
  const LoadedGenerator again = load_generator(context, folder / "bare");
  CHECK(again.options == tiny("unet_128"));
  CHECK(again.network->state().front().tensor.to_floats() == network->state().front().tensor.to_floats());
}
