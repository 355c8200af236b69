// Learns a 3x3 blur from examples of blurred and sharp pictures, and saves what it learned.
#include <cstdio>
#include <deblurgan/core/autograd.h>
#include <deblurgan/core/ops.h>
#include <deblurgan/layers/adam.h>
#include <deblurgan/layers/conv.h>
#include <deblurgan/layers/losses.h>
#include <deblurgan/models/weights.h>
#include <vector>

int main() try {
  dg::Context context({.threads = 1, .seed = 7});
  const std::vector<float> binomial{1, 2, 1, 2, 4, 2, 1, 2, 1};
  const dg::Tensor blur = dg::Tensor::from_host(context, {1, 3, 3, 1}, binomial) / 16.0;  // (K,R,S,C)

  dg::Conv2d layer(context, {.in_channels = 1, .out_channels = 1, .kernel = 3});
  dg::Adam adam(layer.parameters(), {.learning_rate = 0.02});
  for (int step = 1; step <= 200; ++step) {
    const dg::Tensor sharp = dg::Tensor::normal(context, {4, 18, 18, 1});  // (N,H,W,C)
    const dg::Tensor loss = dg::mse_loss(layer(sharp), dg::conv2d(sharp, blur, {}));
    adam.zero_grad();
    dg::backward(loss);
    adam.step();
    if (step % 50 == 0) std::printf("step %3d  loss %.1e\n", step, loss.item());
  }
  for (const dg::NamedTensor& parameter : layer.parameters()) {
    std::printf("%-6s x 16 =", parameter.name.c_str());
    for (const float value : parameter.tensor.to_floats()) std::printf(" %6.3f", 16.0F * value);
    std::printf("\n");
  }
  dg::save_weights("blur.safetensors", layer, {{"made_by", "train_tiny"}});
} catch (const dg::Error& error) {
  std::fprintf(stderr, "train_tiny: %s\n", error.what());
  return 1;
}
