// Image quality by name. Each variant says exactly which published number it reproduces: figures of different
// variants must not share a table.
//   psnr:rgb            10 log10(1 / MSE), the mean over all pixels and channels.
//   psnr:y              the same of the luma of ITU-R BT.601 in studio range (16..235), peak 255, not rounded.
//                       As BasicSR with test_y_channel.
//   ssim:gauss2d-valid  per channel, 11x11 Gaussian of sigma 1.5, windows inside the image only, the mean.
//                       As BasicSR, and scikit-image with gaussian_weights=True, use_sample_covariance=False.
//   ssim:gauss2d-valid-y  the same of that luma.
//   ssim:matlab3d       one 11x11x11 Gaussian over rows, columns and channels, replicated borders, the mean
//                       over the whole image. As MATLAB's ssim on an H x W x 3 array: MPRNet, Restormer,
//                       HINet and NAFNet.
//   ssim:uniform7       per channel, 7x7 box, sample covariance (n - 1), windows inside the image only.
//                       As scikit-image's default, and the validation of DeblurGAN-v2.
//   ms-ssim             per channel over five scales, each half the one before by means of 2x2 pixels: the
//                       contrast-structure factor of the first four and the SSIM of the last, gauss2d-valid, to
//                       the powers 0.0448, 0.2856, 0.3001, 0.2363, 0.1333; a factor below 0 counts as 0; the
//                       mean over the channels. Wang, Simoncelli, Bovik 2003, eq. 7; as TensorFlow's.
// 1 is the best SSIM, +infinity the best PSNR.
// SSIM: Wang, Bovik, Sheikh, Simoncelli 2004, eq. 13 with K1 = 0.01, K2 = 0.03, L = 1.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/image.h"

namespace dg {

// All take two images of equal size with 1 or 3 channels and values of range 0..1, used as they are: not
// clamped, not rounded (quantize8 does that, as saving to PNG would). Sums are in double. Throws Error if
// sizes or channel counts differ, if there is alpha, if an image is smaller than the window (11 pixels for
// gauss2d-valid, 7 for uniform7, 176 for ms-ssim), and if a value is not finite.
double psnr(const FloatImage& a, const FloatImage& b);  // in dB; +infinity for equal images
double psnr_y(const FloatImage& a, const FloatImage& b);
double ssim_gauss2d_valid(const FloatImage& a, const FloatImage& b);
double ssim_gauss2d_valid_y(const FloatImage& a, const FloatImage& b);
double ssim_matlab3d(const FloatImage& a, const FloatImage& b);
double ssim_uniform7(const FloatImage& a, const FloatImage& b);
double ms_ssim(const FloatImage& a, const FloatImage& b);

// By one of metric_names(); Error that lists them for any other name.
double metric(std::string_view name, const FloatImage& a, const FloatImage& b);
std::vector<std::string> metric_names();
// The smallest side that a variant can measure.
std::int64_t metric_minimum_side(std::string_view name);

// The picture that an 8-bit file would hold: clamped to 0..1, rounded to a multiple of 1/255.
FloatImage quantize8(const FloatImage& image);
// The same with fractions cut off instead of rounded, as programs do that store (x * 255).astype('uint8').
FloatImage truncate8(const FloatImage& image);

}  // namespace dg
