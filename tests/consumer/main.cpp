// A stranger's program: the same lines whether deblurgan is installed, a subdirectory or fetched.
#include <cmath>
#include <cstdio>
#include <deblurgan/data/image.h>
#include <deblurgan/data/image_io.h>
#include <deblurgan/data/metrics.h>
#include <deblurgan/kernels/check.h>
#include <deblurgan/kernels/types.h>
#include <exception>
#include <string>
#include <vector>

namespace {

void expect(bool condition, const char* what) { dg::check(condition, "consumer: ", what); }

void use_the_library() {
  dg::Image image{.width = 2, .height = 1, .channels = 1, .bit_depth = 8, .pixels = {0, 255}};
  const dg::FloatImage picture = dg::to_float(image);
  expect(picture.pixels == std::vector<float>({0.0F, 1.0F}), "0 and 255 do not become 0 and 1");
  expect(dg::to_integer(picture).pixels == image.pixels, "the pixels did not come back");
  expect(std::string(dg::name_of(dg::DType::float32)) == "float32", "float32 has another name");

  // Through the libraries behind the files: they must be linked.
  for (const dg::ImageFormat format : {dg::ImageFormat::png, dg::ImageFormat::jpeg}) {
    const dg::Image back = dg::decode_image(dg::encode_image(image, format), "memory");
    expect(back.width == 2 && back.height == 1 && back.channels == 1, "a picture file changed its size");
  }

  // One of two values is off by 1: the mean squared error is 1/2, and 10 log10(2) = 3.0103 dB.
  dg::FloatImage white(2, 1, 1);
  white.pixels = {1.0F, 1.0F};
  expect(std::abs(dg::psnr(picture, white) - 3.0103) < 1e-4, "the PSNR at an error of 1/2 is not 3.0103 dB");

  bool refused = false;
  try {
    static_cast<void>(dg::crop(picture, 1, 0, 2, 1));
  } catch (const dg::Error&) {
    refused = true;
  }
  expect(refused, "a crop beyond the picture was not refused");
}

}  // namespace

int main() {
  try {
    use_the_library();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  std::puts("consumer: deblurgan works");
  return 0;
}
