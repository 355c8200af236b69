// Checkpoints: everything comes back bit for bit, or nothing changes.
#include "models/checkpoint.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <string>

#include "core/ops.h"
#include "data/safetensors.h"
#include "models/weights.h"
#include "tests/data/temp_folder.h"
#include "tests/models/tiny_network.h"

using namespace dg;
using dg::test::error_of;
using dg::test::read_text;
using dg::test::TempFolder;

namespace {

GeneratorOptions tiny() {
  GeneratorOptions options = test::tiny_generator();
  options.norm = NormKind::batch;  // buffers, too
  return options;
}

// All that a training owns, after some steps on made-up gradients.
struct Run {
  Context context;
  std::unique_ptr<Module> generator;
  std::unique_ptr<Module> discriminator;
  std::optional<Ema> ema;
  std::optional<Adam> generator_optimizer;
  std::optional<Adam> discriminator_optimizer;
  TrainingState state;

  explicit Run(std::uint64_t seed, const GeneratorOptions& options = tiny(), bool with_ema = true)
      : context({.threads = 1, .seed = seed}) {
    generator = make_generator(context, options);
    DiscriminatorOptions d;
    d.ndf = 2;
    discriminator = make_discriminator(context, d);
    if (with_ema) ema.emplace(*generator, 0.5);
    generator_optimizer.emplace(generator->parameters());
    discriminator_optimizer.emplace(discriminator->parameters());
    state = {.context = &context,
             .generator = generator.get(),
             .discriminator = discriminator.get(),
             .ema = ema ? &*ema : nullptr,
             .generator_optimizer = &*generator_optimizer,
             .discriminator_optimizer = &*discriminator_optimizer};
  }

  void step() {
    update(*generator, *generator_optimizer);
    update(*discriminator, *discriminator_optimizer);
    update(*discriminator, *discriminator_optimizer);
    if (ema) ema->update();
    state.step += 1;
    state.total_steps = 40;
    state.best_psnr = 20.0 + 1.0 / 3.0;
  }

  void update(Module& network, Adam& optimizer) {
    for (NamedTensor& p : network.parameters()) p.tensor.set_grad(Tensor::normal(context, p.tensor.shape()));
    for (NamedTensor& b : network.buffers()) b.tensor.copy_from(Tensor::uniform(context, b.tensor.shape()));
    optimizer.step();
  }

  // Every tensor and number.
  std::map<std::string, std::vector<float>> tensors() const {
    std::map<std::string, std::vector<float>> all;
    const auto add = [&](const std::string& prefix, const std::vector<NamedTensor>& list) {
      for (const NamedTensor& t : list) all[prefix + t.name] = t.tensor.to_floats();
    };
    add("g.", generator->state());
    add("d.", discriminator->state());
    if (ema) add("ema.", ema->state());
    add("adam_g.", generator_optimizer->state());
    add("adam_d.", discriminator_optimizer->state());
    return all;
  }
};

void check_equal(Run& a, Run& b) {
  CHECK(a.tensors() == b.tensors());
  CHECK(a.state.step == b.state.step);
  CHECK(a.state.total_steps == b.state.total_steps);
  CHECK(a.state.best_psnr == b.state.best_psnr);
  CHECK(a.generator_optimizer->step_count() == b.generator_optimizer->step_count());
  CHECK(a.discriminator_optimizer->step_count() == b.discriminator_optimizer->step_count());
  CHECK(a.context.random().state().seed == b.context.random().state().seed);
  CHECK(a.context.random().state().offset == b.context.random().state().offset);
}

// The error of loading `path` into a run that has made three steps, which must stay as it was.
std::string error_of_loading(const std::filesystem::path& path, const GeneratorOptions& options = tiny(),
                             bool with_ema = true) {
  Run run(9, options, with_ema);
  Run twin(9, options, with_ema);
  for (int i = 0; i < 3; ++i) run.step(), twin.step();
  std::string error = error_of([&] { load_checkpoint(path, run.state); });
  check_equal(run, twin);
  return error;
}

}  // namespace

TEST_CASE("checkpoint: all state comes back bit for bit, and goes on alike") {
  const TempFolder folder;
  Run saved(1);
  saved.step();
  saved.step();
  save_checkpoint(folder / "c", saved.state, tiny());
  CHECK(folder.names() == std::vector<std::string>{"c"});

  Run loaded(2);
  loaded.step();
  load_checkpoint(folder / "c", loaded.state);
  check_equal(saved, loaded);
  CHECK(loaded.generator_optimizer->step_count() == 2);
  CHECK(loaded.discriminator_optimizer->step_count() == 4);

  save_checkpoint(folder / "again", loaded.state, tiny());
  CHECK((read_text(folder / "c") == read_text(folder / "again")));
  saved.step();
  loaded.step();
  check_equal(saved, loaded);
}

TEST_CASE("checkpoint: before the first validation the best score is minus infinity, and stays so") {
  const TempFolder folder;
  const Run fresh(1);
  save_checkpoint(folder / "c", fresh.state, tiny());
  Run loaded(2);
  loaded.step();
  load_checkpoint(folder / "c", loaded.state);
  CHECK(loaded.state.best_psnr == -std::numeric_limits<double>::infinity());
  CHECK(loaded.state.step == 0);
}

TEST_CASE("checkpoint: a generator for restoring can be taken from it") {
  const TempFolder folder;
  Run run(1);
  run.step();
  save_checkpoint(folder / "c", run.state, tiny());
  Context context({.threads = 1});
  const LoadedGenerator averages = load_generator(context, folder / "c");
  CHECK(averages.options.blocks == 1);
  CHECK(averages.from_ema);
  CHECK(averages.network->state().front().tensor.to_floats() == run.ema->state().front().tensor.to_floats());
  const LoadedGenerator last = load_generator(context, folder / "c", {.use_ema = false});
  CHECK(last.network->state().front().tensor.to_floats() ==
        run.generator->state().front().tensor.to_floats());
}

TEST_CASE("checkpoint: another architecture is refused with the names that differ") {
  const TempFolder folder;
  Run run(1);
  run.step();
  save_checkpoint(folder / "c", run.state, tiny());

  GeneratorOptions deeper = tiny();
  deeper.blocks = 2;
  CHECK_THAT(error_of_loading(folder / "c", deeper), Catch::Contains((folder / "c").string()) &&
                                                         Catch::Contains("missing") &&
                                                         Catch::Contains("generator.blocks.1.conv1.weight"));
  GeneratorOptions wider = tiny();
  wider.ngf = 5;
  CHECK_THAT(error_of_loading(folder / "c", wider),
             Catch::Contains("generator.head.conv.weight: got (4, 7, 7, 3), expected (5, 7, 7, 3)"));
  CHECK_THAT(error_of_loading(folder / "c", tiny(), false),
             Catch::Contains("unexpected") && Catch::Contains("ema.head.conv.weight"));
}

TEST_CASE("checkpoint: a truncated file changes nothing, wherever it ends") {
  const TempFolder folder;
  Run run(1);
  run.step();
  save_checkpoint(folder / "c", run.state, tiny());
  const std::string whole = read_text(folder / "c");
  for (const std::size_t bytes :
       {std::size_t{0}, std::size_t{7}, std::size_t{100}, whole.size() / 2, whole.size() - 1}) {
    test::write_text(folder / "cut", whole.substr(0, bytes));
    INFO(bytes << " of " << whole.size() << " bytes");
    CHECK_THAT(error_of_loading(folder / "cut"), Catch::Contains((folder / "cut").string()));
  }
}

TEST_CASE("checkpoint: a weight file and odd numbers in the metadata are refused by name") {
  const TempFolder folder;
  Run run(1);
  run.step();
  save_weights(folder / "weights", *run.generator, to_metadata(tiny()));
  CHECK_THAT(error_of_loading(folder / "weights"),
             Catch::Contains("not a training checkpoint") && Catch::Contains("'step'"));

  save_checkpoint(folder / "c", run.state, tiny());
  const SafeTensorsFile file(folder / "c");
  std::vector<SafeTensorToWrite> tensors;
  for (const SafeTensorEntry& e : file.entries())
    tensors.push_back({e.name, e.dtype, e.shape, file.bytes(e.name)});
  for (const char* key :
       {"total_steps", "random_seed", "random_offset", "best_psnr", "adam_g_step", "adam_d_step"}) {
    INFO(key);
    auto metadata = file.metadata();
    metadata[key] = "12x";
    write_safetensors(folder / "odd", tensors, metadata);
    CHECK_THAT(error_of_loading(folder / "odd"), Catch::Contains((folder / "odd").string()) &&
                                                     Catch::Contains(key) && Catch::Contains("'12x'"));
    metadata.erase(key);
    write_safetensors(folder / "odd", tensors, metadata);
    CHECK_THAT(error_of_loading(folder / "odd"), Catch::Contains(key));
  }
}

TEST_CASE("checkpoint: files are listed by step, whatever else lies there") {
  const TempFolder folder;
  CHECK(checkpoint_path("f", 7) == std::filesystem::path("f/step-00000007.safetensors"));
  for (const std::int64_t step :
       {std::int64_t{12}, std::int64_t{2}, std::int64_t{123456789}, std::int64_t{99999999}}) {
    test::write_text(checkpoint_path(folder.path(), step), "");
  }
  for (const char* other :
       {"step-.safetensors", "step-3x.safetensors", "step-00000003.safetensors.77.0.tmp", "notes.txt"}) {
    test::write_text(folder / other, "");
  }
  std::vector<std::int64_t> steps;
  for (const CheckpointFile& file : list_checkpoints(folder.path())) {
    steps.push_back(file.step);
    CHECK(file.path == checkpoint_path(folder.path(), file.step));
  }
  CHECK(steps == std::vector<std::int64_t>{2, 12, 99999999, 123456789});
  CHECK(list_checkpoints(folder / "missing").empty());
}
