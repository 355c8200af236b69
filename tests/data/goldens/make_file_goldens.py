#!/usr/bin/env python3
"""Writes file_goldens.inc: small image files by Pillow and a weight file by the safetensors package, as byte arrays.

    pip install numpy ml_dtypes pillow safetensors
    python3 make_file_goldens.py

Pixel (x, y) of channel c is (37 x + 11 y + 50 c) mod 256, also in tests/data/image_io_test.cpp.
"""
import importlib.metadata
import io
import pathlib

import ml_dtypes
import numpy as np
import PIL
import safetensors.numpy
from PIL import Image

WIDTH, HEIGHT = 5, 4


def pixels(channels):
    y, x, c = np.mgrid[0:HEIGHT, 0:WIDTH, 0:channels]
    return ((x * 37 + y * 11 + c * 50) % 256).astype(np.uint8)


def encoded(image, file_format, **options):
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    return stream.getvalue()


def palette_image():
    """Indices 0..3 in a cycle: red, green, blue, white."""
    image = Image.fromarray((np.arange(WIDTH * HEIGHT) % 4).astype(np.uint8).reshape(HEIGHT, WIDTH), mode="P")
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255])
    return image


def weights():
    return safetensors.numpy.save({
        "conv.weight": np.arange(6, dtype=np.float32).reshape(2, 3) / 4,
        "half": np.array([1.0, -2.5, 65504.0, 2.0**-24, np.inf], dtype=np.float16),
        "brain": np.array([1.0, -3.0, 0.15625], dtype=ml_dtypes.bfloat16),
        "double": np.array([0.1], dtype=np.float64),
        "step": np.array(1234567890123, dtype=np.int64),
        "empty": np.zeros((0, 3), dtype=np.float32),
    }, metadata={"preset": "small", "step": "7"})


def main():
    rgb = Image.fromarray(pixels(3))
    files = {
        "kPngGrey": encoded(Image.fromarray(pixels(1)[..., 0]), "PNG"),
        "kPngGreyAlpha": encoded(Image.fromarray(pixels(2), mode="LA"), "PNG"),
        "kPngRgba": encoded(Image.fromarray(pixels(4)), "PNG"),
        "kPngRgbTransparentColour": encoded(rgb, "PNG", transparency=(0, 50, 100)),
        "kPngPalette": encoded(palette_image(), "PNG", bits=2),
        "kPngPaletteAlpha": encoded(palette_image(), "PNG", bits=2, transparency=bytes([0, 128, 255, 255])),
        "kPngOneBit": encoded(Image.fromarray(pixels(1)[..., 0] >= 128), "PNG"),
        "kPngGrey16": encoded(Image.fromarray(pixels(1)[..., 0].astype(np.uint16) * 257 + 1), "PNG"),
        "kJpegProgressive": encoded(Image.new("L", (9, 7), 100), "JPEG", quality=95, progressive=True),
        "kBmpRgb": encoded(rgb, "BMP"),
        "kBmpGrey": encoded(Image.fromarray(pixels(1)[..., 0]), "BMP"),
        "kTgaRgbRle": encoded(rgb, "TGA", compression="tga_rle"),
        "kTgaRgba": encoded(Image.fromarray(pixels(4)), "TGA"),
        "kSafeTensors": weights(),
    }
    lines = [f"// Written by make_file_goldens.py: Pillow {PIL.__version__}, "
             f"safetensors {importlib.metadata.version('safetensors')}."]
    for name, data in files.items():
        lines.append(f"constexpr std::uint8_t {name}[] = {{")
        for start in range(0, len(data), 24):
            lines.append("    " + ", ".join(str(b) for b in data[start:start + 24]) + ",")
        lines.append("};")
    pathlib.Path(__file__).with_name("file_goldens.inc").write_text("\n".join(lines) + "\n")


main()
