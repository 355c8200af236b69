// Losses by hand: real images are 3 and restored ones 1 everywhere, and the discriminator multiplies each of the nine
// values by its own weight, 2. So D(real) = 6, D(restored) = 2, and the gradient of the sum of D has the norm 3 * 2 = 6.
#include "models/objective.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "core/autograd.h"
#include "core/ops.h"
#include "kernels/check.h"

using namespace dg;

namespace {

const Shape kShape{1, 1, 3, 3};

class Scale final : public Module {
 public:
  explicit Scale(Context& context)
      : Module(context), weight_(register_parameter("weight", Tensor::full(context, kShape, 2.0))) {}
  std::string kind() const override { return "Scale"; }
  Tensor& weight() { return weight_; }

 private:
  Tensor forward(const Tensor& x) override { return x * weight_; }
  Tensor& weight_;
};

struct Scene {
  Context context{{.threads = 1}};
  Scale discriminator{context};
  Tensor real = Tensor::full(context, kShape, 3.0);
  Tensor restored = Tensor::full(context, kShape, 1.0);

  static ObjectiveOptions options(GanType type, ContentLoss content = ContentLoss::l1) {
    return {.gan_type = type,
            .penalty = {},
            .adversarial_weight = 1.0,
            .content = content,
            .content_weight = 100.0};
  }
  Loss discriminator_loss(GanType type) {
    return Objective(options(type), nullptr).discriminator_loss(discriminator, real, restored);
  }
  double adversarial(GanType type) {
    return Objective(options(type), nullptr)
        .generator_loss(&discriminator, restored, real)
        .terms.at(1)
        .value.item();
  }
  double content(ContentLoss kind) {
    return Objective(options(GanType::wgan, kind), nullptr)
        .generator_loss(nullptr, restored, real)
        .total.item();
  }
};

void check_terms(const Loss& loss, const std::vector<std::pair<std::string, double>>& expected) {
  REQUIRE(loss.terms.size() == expected.size());
  double total = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CHECK(loss.terms[i].name == expected[i].first);
    CHECK(loss.terms[i].value.item() == Approx(expected[i].second).epsilon(1e-5));
    total += expected[i].second;
  }
  CHECK(loss.total.item() == Approx(total).epsilon(1e-5));
}

// Every element of d(loss)/d(tensor): all are equal here.
double slope(const Tensor& loss, const Tensor& tensor) {
  const Tensor gradient = grad(loss, {tensor}).front();
  const std::vector<float> values = gradient.to_floats();
  for (const float value : values) CHECK(value == Approx(values.front()));
  return static_cast<double>(values.front());
}

}  // namespace

TEST_CASE("objective: names are read back, and an unknown one is told with those that exist") {
  for (const char* name : {"wgan-gp", "wgan", "lsgan", "gan"})
    CHECK(std::string(name_of(parse_gan_type(name))) == name);
  for (const char* name : {"perceptual", "l1", "mse", "charbonnier", "psnr"}) {
    CHECK(std::string(name_of(parse_content_loss(name))) == name);
  }
  for (const char* name : {"per-sample", "per-pixel"})
    CHECK(std::string(name_of(parse_penalty_mode(name))) == name);
  CHECK(parse_penalty_mode("paper") == GradientPenaltyMode::per_sample);
  CHECK(parse_penalty_mode("repo") == GradientPenaltyMode::per_pixel);
  CHECK_THROWS_WITH(parse_gan_type("wgan_gp"),
                    Catch::Contains("'wgan_gp'") && Catch::Contains("wgan-gp, wgan, lsgan, gan"));
  CHECK_THROWS_WITH(parse_content_loss("L1"),
                    Catch::Contains("'L1'") && Catch::Contains("perceptual, l1, mse, charbonnier"));
  CHECK_THROWS_WITH(parse_penalty_mode(""), Catch::Contains("per-sample, per-pixel"));
}

TEST_CASE("objective: wgan-gp") {
  Scene scene;
  // 10 * (6 - 1)^2, wherever between the images the gradient is taken.
  check_terms(scene.discriminator_loss(GanType::wgan_gp),
              {{"d_real", -6.0}, {"d_fake", 2.0}, {"d_penalty", 250.0}});
  CHECK(scene.adversarial(GanType::wgan_gp) == Approx(-2.0));
}

TEST_CASE("objective: wgan has the Keras program's labels and halves") {
  Scene scene;
  check_terms(scene.discriminator_loss(GanType::wgan), {{"d_real", 3.0}, {"d_fake", -1.0}});
  CHECK(scene.adversarial(GanType::wgan) == Approx(2.0));
}

TEST_CASE("objective: lsgan") {
  Scene scene;
  check_terms(scene.discriminator_loss(GanType::lsgan), {{"d_real", 12.5}, {"d_fake", 2.0}});
  CHECK(scene.adversarial(GanType::lsgan) == Approx(1.0));
}

TEST_CASE("objective: gan is cross entropy on logits") {
  Scene scene;
  check_terms(scene.discriminator_loss(GanType::gan),
              {{"d_real", 0.5 * std::log1p(std::exp(-6.0))}, {"d_fake", 0.5 * std::log1p(std::exp(2.0))}});
  CHECK(scene.adversarial(GanType::gan) == Approx(std::log1p(std::exp(-2.0))).epsilon(1e-5));
}

TEST_CASE("objective: the penalty per pixel takes the norm over its channels, and lambda weighs it") {
  Scene scene;
  ObjectiveOptions options = Scene::options(GanType::wgan_gp);
  options.penalty = {.lambda = 4.0, .mode = GradientPenaltyMode::per_pixel};
  const Loss loss =
      Objective(options, nullptr).discriminator_loss(scene.discriminator, scene.real, scene.restored);
  const double norm = 2.0 * std::sqrt(3.0);
  CHECK(loss.terms.at(2).value.item() == Approx(4.0 * (norm - 1.0) * (norm - 1.0)).epsilon(1e-5));
}

TEST_CASE("objective: the discriminator learns to tell, the generator to please it") {
  // Where minimising moves D's weight, and the restored values through D. A weight that grows raises real images, which
  // are brighter, above restored ones; in `wgan` both signs are mirrored.
  struct Expected {
    GanType type;
    double weight;
    double restored;
  };
  // lsgan: d/dw of ((6-1)^2 + 2^2) / 2 = 5 * 3 + 2 * 1 = 17; d/dy of (2-1)^2 = 2 * 1 * 2 = 4; each over nine values.
  for (const Expected& expected :
       {Expected{GanType::wgan, (3.0 - 1.0) / 2.0, 2.0}, Expected{GanType::lsgan, 17.0, 4.0}}) {
    Scene scene;
    scene.restored.set_requires_grad(true);
    const Objective objective({.gan_type = expected.type,
                               .penalty = {},
                               .adversarial_weight = 1.0,
                               .content = ContentLoss::l1,
                               .content_weight = 0.0},
                              nullptr);
    INFO(name_of(expected.type));
    const Loss d = objective.discriminator_loss(scene.discriminator, scene.real, scene.restored.detach());
    CHECK(slope(d.total, scene.discriminator.weight()) == Approx(expected.weight / 9.0));
    const Loss g = objective.generator_loss(&scene.discriminator, scene.restored, scene.real);
    CHECK(slope(g.total, scene.restored) == Approx(expected.restored / 9.0));
  }
  Scene scene;
  scene.restored.set_requires_grad(true);
  ObjectiveOptions options = Scene::options(GanType::wgan_gp);
  options.content_weight = 0.0;
  options.penalty.lambda = 0.0;
  const Objective objective(options, nullptr);
  const Loss d = objective.discriminator_loss(scene.discriminator, scene.real, scene.restored.detach());
  CHECK(slope(d.total, scene.discriminator.weight()) == Approx((1.0 - 3.0) / 9.0));
  const Loss g = objective.generator_loss(&scene.discriminator, scene.restored, scene.real);
  CHECK(slope(g.total, scene.restored) == Approx(-2.0 / 9.0));
}

TEST_CASE("objective: content losses, weighted") {
  Scene scene;
  CHECK(scene.content(ContentLoss::l1) == Approx(200.0));
  CHECK(scene.content(ContentLoss::mse) == Approx(400.0));
  CHECK(scene.content(ContentLoss::psnr) ==
        Approx(100.0 * 10.0 * std::log10((4.0 + 1e-8) / 4.0)).margin(1e-4));
  CHECK(scene.content(ContentLoss::charbonnier) == Approx(100.0 * std::sqrt(4.0 + 1e-6)));
}

TEST_CASE("objective: the adversarial term is weighted, and absent without a discriminator") {
  Scene scene;
  ObjectiveOptions options = Scene::options(GanType::lsgan);
  options.adversarial_weight = 0.25;
  const Objective objective(options, nullptr);
  check_terms(objective.generator_loss(&scene.discriminator, scene.restored, scene.real),
              {{"g_content", 200.0}, {"g_adversarial", 0.25}});
  check_terms(objective.generator_loss(nullptr, scene.restored, scene.real), {{"g_content", 200.0}});
}

TEST_CASE("objective: the perceptual loss compares features, and says what it needs") {
  Scene scene;
  const ObjectiveOptions options = Scene::options(GanType::wgan_gp, ContentLoss::perceptual);
  CHECK_THROWS_WITH(Objective(options, nullptr),
                    Catch::Contains("make_vgg_features") && Catch::Contains("l1, mse or charbonnier"));
  VggFeatures features(scene.context, {.layer = "block1_conv1"});
  for (NamedTensor& entry : features.parameters()) entry.tensor.fill_(0.0);
  // Output channel 0 is the red value: the centre tap (1, 1) of weight (64, 3, 3, 3). Of 64 features one differs, by 2.
  std::vector<float> weight(64 * 9 * 3, 0.0F);
  weight[4 * 3] = 1.0F;
  features.parameters().front().tensor.copy_from(Tensor::from_host(scene.context, {64, 3, 3, 3}, weight));
  const Loss loss = Objective(options, &features).generator_loss(nullptr, scene.restored, scene.real);
  CHECK(loss.terms.at(0).name == "g_content");
  CHECK(loss.total.item() == Approx(100.0 * 4.0 / 64.0));
}
