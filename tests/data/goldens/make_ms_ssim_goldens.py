#!/usr/bin/env python3
"""Writes ms_ssim_goldens.inc: MS-SSIM written out in numpy (float64), checked against TensorFlow's (float32).

    pip install numpy tensorflow
    python3 make_ms_ssim_goldens.py

Wang, Simoncelli, Bovik 2003: four contrast-structure factors and the SSIM of the fifth scale. Pictures as in
make_metrics_goldens.py.
"""
import pathlib

import numpy as np
import tensorflow as tf

WEIGHTS = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333]
# width, height, channels
SIZES = [(176, 176, 3), (201, 187, 3), (256, 192, 1)]


def picture(width, height, channels):
    y, x, c = np.mgrid[0:height, 0:width, 0:channels]
    return (x * 5 + y * 3 + c * 40 + (x // 8 * 3 + y // 8 * 5) % 7 * 30 + x * y % 13) % 256


def damaged(width, height, channels):
    y, x, c = np.mgrid[0:height, 0:width, 0:channels]
    return np.clip(picture(width, height, channels) + (x * 31 + y * 17 + c * 13 + x * y * 7) % 41 - 20 + 3, 0, 255)


def factors(a, b):
    """SSIM and contrast-structure of one channel, 11x11 Gaussian, windows inside the image."""
    taps = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(taps, taps) / taps.sum() ** 2
    mean = lambda plane: np.einsum("yxij,ij->yx", np.lib.stride_tricks.sliding_window_view(plane, (11, 11)), window)
    ma, mb = mean(a), mean(b)
    va, vb, vab = mean(a * a) - ma * ma, mean(b * b) - mb * mb, mean(a * b) - ma * mb
    contrast_structure = (2 * vab + 0.03**2) / (va + vb + 0.03**2)
    luminance = (2 * ma * mb + 0.01**2) / (ma**2 + mb**2 + 0.01**2)
    return (luminance * contrast_structure).mean(), contrast_structure.mean()


def halved(plane):
    """2x2 means; borders are mirrored where a side is odd."""
    plane = np.pad(plane, [(0, plane.shape[0] % 2), (0, plane.shape[1] % 2)], mode="symmetric")
    return (plane[0::2, 0::2] + plane[1::2, 0::2] + plane[0::2, 1::2] + plane[1::2, 1::2]) / 4


def ms_ssim(a, b):
    product = 1.0
    for scale, weight in enumerate(WEIGHTS):
        ssim, contrast_structure = factors(a, b)
        product *= max(ssim if scale == 4 else contrast_structure, 0.0) ** weight
        a, b = halved(a), halved(b)
    return product


def main():
    lines = [f"// Written by make_ms_ssim_goldens.py: numpy {np.__version__}, checked against tensorflow {tf.__version__}.",
             "// width, height, channels, ms-ssim.", "constexpr MsSsimGolden kMsSsimGoldens[] = {"]
    for width, height, channels in SIZES:
        a, b = picture(width, height, channels) / 255, damaged(width, height, channels) / 255
        value = np.mean([ms_ssim(a[..., c], b[..., c]) for c in range(channels)])
        theirs = float(tf.image.ssim_multiscale(tf.constant(a, tf.float32), tf.constant(b, tf.float32), 1.0))
        assert abs(value - theirs) < 1e-5, f"written out: {value}, TensorFlow: {theirs}"
        lines.append(f"    {{{width}, {height}, {channels}, {value:.12g}}},  // TensorFlow: {theirs:.9f}")
    pathlib.Path(__file__).with_name("ms_ssim_goldens.inc").write_text("\n".join(lines + ["};"]) + "\n")


main()
