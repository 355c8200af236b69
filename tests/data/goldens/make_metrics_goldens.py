#!/usr/bin/env python3
"""Writes metrics_goldens.inc, PSNR and SSIM by scikit-image and scipy, and resize_goldens.inc, by Pillow.

    pip install numpy scipy scikit-image pillow
    python3 make_metrics_goldens.py

The head of the output names the versions. The pictures come from integer formulas that tests/data/metrics_pictures.h
repeats, so both sides see exactly the same values.
"""
import pathlib

import numpy as np
import PIL
import scipy
import skimage
from PIL import Image
from scipy.ndimage import correlate
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

# width, height, channels
SIZES = [(48, 33, 3), (64, 64, 3), (37, 29, 1), (11, 11, 3), (7, 9, 3), (130, 41, 3)]


def picture(width, height, channels):
    """Ramps, stripes and steps: flat and textured parts."""
    y, x, c = np.mgrid[0:height, 0:width, 0:channels]
    values = (x * 5 + y * 3 + c * 40 + (x // 8 * 3 + y // 8 * 5) % 7 * 30 + x * y % 13) % 256
    return (values.astype(np.float32) / np.float32(255)).astype(np.float64)


def damaged(width, height, channels):
    """The same with hashed noise of -20..20 and a shift in brightness, clipped to 8 bits."""
    y, x, c = np.mgrid[0:height, 0:width, 0:channels]
    values = (x * 5 + y * 3 + c * 40 + (x // 8 * 3 + y // 8 * 5) % 7 * 30 + x * y % 13) % 256
    values = np.clip(values + (x * 31 + y * 17 + c * 13 + x * y * 7) % 41 - 20 + 3, 0, 255)
    return (values.astype(np.float32) / np.float32(255)).astype(np.float64)


def ssim_2d(a, b, **options):
    if a.shape[2] == 1:
        return structural_similarity(a[..., 0], b[..., 0], data_range=1.0, **options)
    return structural_similarity(a, b, data_range=1.0, channel_axis=2, **options)


def ssim_matlab3d(a, b):
    """Written out: one dense 11x11x11 window, borders repeated in all three directions, mean over everything."""
    i = np.arange(-5, 6)
    z, y, x = np.meshgrid(i, i, i, indexing="ij")
    window = np.exp(-(x**2 + y**2 + z**2) / (2 * 1.5**2))
    window /= window.sum()
    mean = lambda volume: correlate(volume, window, mode="nearest")
    ma, mb = mean(a), mean(b)
    va, vb, vab = mean(a * a) - ma * ma, mean(b * b) - mb * mb, mean(a * b) - ma * mb
    c1, c2 = 0.01**2, 0.03**2
    return (((2 * ma * mb + c1) * (2 * vab + c2)) / ((ma**2 + mb**2 + c1) * (va + vb + c2))).mean()


def luma(values):
    """BT.601, studio range 16..235: what deblurring and super-resolution tables call Y."""
    rgb = values if values.shape[2] == 3 else np.repeat(values, 3, axis=2)
    return 16 + rgb @ np.array([65.481, 128.553, 24.966])


def psnr_basicsr(a, b):
    """Values of 0..255: 20 log10(255 / root of the mean squared difference)."""
    return 20 * np.log10(255 / np.sqrt(np.mean((a - b) ** 2)))


def ssim_basicsr(a, b):
    """One channel of 0..255: 11x11 Gaussian of sigma 1.5, the border of 5 pixels left away."""
    taps = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(taps, taps) / taps.sum() ** 2
    mean = lambda plane: correlate(plane, window)[5:-5, 5:-5]
    ma, mb = mean(a), mean(b)
    va, vb, vab = mean(a * a) - ma * ma, mean(b * b) - mb * mb, mean(a * b) - ma * mb
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return (((2 * ma * mb + c1) * (2 * vab + c2)) / ((ma**2 + mb**2 + c1) * (va + vb + c2))).mean()


def resized(values, width, height):
    return np.asarray(Image.fromarray(values.astype(np.float32), mode="F").resize((width, height), Image.BICUBIC))


def write(name, lines):
    pathlib.Path(__file__).with_name(name).write_text("\n".join(lines) + "\n")


def main():
    lines = [f"// Written by make_metrics_goldens.py: numpy {np.__version__}, scipy {scipy.__version__}, "
             f"scikit-image {skimage.__version__}.",
             "// width, height, channels, psnr:rgb, psnr:y, ssim:gauss2d-valid, ssim:gauss2d-valid-y, ssim:matlab3d, "
             "ssim:uniform7; -1: too small.",
             "constexpr MetricsGolden kMetricsGoldens[] = {"]
    for width, height, channels in SIZES:
        a, b = picture(width, height, channels), damaged(width, height, channels)
        gauss = gauss_y = -1.0
        if min(width, height) >= 11:
            gauss = ssim_2d(a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
            gauss_y = ssim_basicsr(luma(a), luma(b))
            per_channel = [ssim_basicsr(255 * a[..., c], 255 * b[..., c]) for c in range(channels)]
            assert abs(np.mean(per_channel) - gauss) < 1e-9, "scikit-image and the written-out SSIM differ"
        psnr = peak_signal_noise_ratio(a, b, data_range=1.0)
        assert abs(psnr_basicsr(255 * a, 255 * b) - psnr) < 1e-9, "scikit-image and the written-out PSNR differ"
        values = [psnr, psnr_basicsr(luma(a), luma(b)), gauss, gauss_y, ssim_matlab3d(a, b), ssim_2d(a, b)]
        lines.append(f"    {{{width}, {height}, {channels}, " + ", ".join(f"{v:.12g}" for v in values) + "},")
    write("metrics_goldens.inc", lines + ["};"])

    lines = [f"// Written by make_metrics_goldens.py: Pillow {PIL.__version__}.",
             "// The picture of 13x9 with one channel, resized by BICUBIC in float; rows of values."]
    for width, height in [(5, 4), (20, 9), (29, 17), (1, 1)]:
        values = resized(picture(13, 9, 1)[..., 0], width, height).ravel()
        lines.append(f"constexpr float kResized{width}x{height}[] = {{")
        for start in range(0, len(values), 8):
            lines.append("    " + ", ".join(f"{v:.9e}F" for v in values[start:start + 8]) + ",")
        lines.append("};")
    write("resize_goldens.inc", lines)


main()
