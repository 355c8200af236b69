// A complete WGAN-GP step of a miniature GAN: on the emulated GPU as on the CPU, and as a graph as op by op.
#include "models/train_step.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "models/patch_discriminator.h"
#include "models/resnet_generator.h"

using namespace dg;

namespace {

constexpr std::int64_t kSize = 8;

struct MiniatureGan {
  explicit MiniatureGan(const ContextOptions& options, bool graph = false)
      : context(options),
        generator(context, {.ngf = 8, .blocks = 1, .norm = NormKind::instance, .dropout = 0.5}),
        discriminator(context, {.ndf = 8, .layers = 1}),
        objective({.content = ContentLoss::mse, .content_weight = 10.0}, nullptr),
        generator_optimizer(generator.parameters(), {.beta1 = 0.5}),
        discriminator_optimizer(discriminator.parameters(), {.beta1 = 0.5}),
        step(generator, &discriminator, objective, generator_optimizer, &discriminator_optimizer,
             {.critic_updates = 2, .graph = graph}) {}

  StepLosses run(int number) {
    const Shape shape{1, kSize, kSize, 3};
    std::vector<float> blurred, sharp;
    for (std::int64_t i = 0; i < shape.numel(); ++i) {
      blurred.push_back(std::sin(0.3F * static_cast<float>(i + 7 * number)));
      sharp.push_back(std::sin(0.5F * static_cast<float>(i + 7 * number)));
    }
    return step(shape, blurred, sharp, 1e-3 / number, true);
  }

  std::vector<double> weights() {
    std::vector<double> all;
    for (Module* network : {static_cast<Module*>(&generator), static_cast<Module*>(&discriminator)}) {
      for (const NamedTensor& p : network->parameters()) {
        const auto values = p.tensor.to_doubles();
        all.insert(all.end(), values.begin(), values.end());
      }
    }
    return all;
  }

  Context context;
  ResnetGenerator generator;
  PatchDiscriminator discriminator;
  Objective objective;
  Adam generator_optimizer, discriminator_optimizer;
  TrainStep step;
};

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(a[i] - b[i]);
    if (std::isnan(difference)) return INFINITY;
    worst = std::max(worst, difference);
  }
  return worst;
}

std::vector<double> all_losses(const StepLosses& losses) {
  std::vector<double> values;
  for (const LossTerm& term : losses.generator) values.push_back(term.value.item());
  for (const auto& update : losses.critic) {
    for (const LossTerm& term : update) values.push_back(term.value.item());
  }
  return values;
}

}  // namespace

TEST_CASE("train step: a WGAN-GP step on the emulated GPU equals the CPU's") {
  if (!has_cuda_emulator()) {
    WARN("not run: this build has no emulator");
    return;
  }
  MiniatureGan cpu({.threads = 1, .seed = 5});
  MiniatureGan emulated({.device = "cuda-emulated", .seed = 5});
  // The same seed has drawn the same weights, up to the rounding of log and cos.
  CHECK(largest_difference(cpu.weights(), emulated.weights()) < 1e-6);
  const auto expected = all_losses(cpu.run(1));
  const auto got = all_losses(emulated.run(1));
  REQUIRE(expected.size() == 2 + 2 * 3);
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(got[i] == Approx(expected[i]).epsilon(2e-5));
  // Adam's first step is lr * sign(gradient): where a gradient is rounding noise, its sign may differ.
  const auto a = cpu.weights();
  const auto b = emulated.weights();
  std::size_t differ = 0;
  for (std::size_t i = 0; i < a.size(); ++i) differ += std::abs(a[i] - b[i]) > 1e-5;
  CHECK(differ <= a.size() / 100);
}

TEST_CASE("train step: as a graph it loses and learns the same, bit for bit") {
  if (!has_cuda_emulator()) {
    WARN("not run: this build has no emulator");
    return;
  }
  MiniatureGan eager({.device = "cuda-emulated", .seed = 6});
  MiniatureGan captured({.device = "cuda-emulated", .seed = 6}, true);
  for (int step = 1; step <= 4; ++step) {
    INFO("step " << step);
    CHECK(all_losses(eager.run(step)) == all_losses(captured.run(step)));
  }
  CHECK(eager.weights() == captured.weights());
  CHECK(captured.generator_optimizer.step_count() == 4);
  CHECK(captured.discriminator_optimizer.step_count() == 8);
}

TEST_CASE("train step: bfloat16 activations keep the losses within their rounding") {
  MiniatureGan full({.threads = 1, .seed = 7});
  MiniatureGan narrow({.precision = Precision::bf16, .threads = 1, .seed = 7});
  const auto expected = all_losses(full.run(1));
  const auto got = all_losses(narrow.run(1));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    INFO("term " << i);
    CHECK(got[i] == Approx(expected[i]).epsilon(0.05).margin(0.05));
  }
  CHECK(narrow.generator.parameters().front().tensor.dtype() == DType::float32);
}

TEST_CASE("train step: a graph on a device without graphs is refused") {
  CHECK_THROWS_WITH(MiniatureGan({.threads = 1}, true),
                    Catch::Contains("--cuda-graph") && Catch::Contains("cpu"));
}
