#!/usr/bin/env python3
"""Writes pillow_goldens.inc: pictures of 8 bits resized by Pillow.

    pip install numpy "pillow>=7,<13"
    python3 make_pillow_goldens.py

Pillow 13 changed the order of the two passes (pull request 9549). The programs whose figures are to be reproduced ran
with older ones.
"""
import pathlib

import numpy as np
import PIL
from PIL import Image

assert 7 <= int(PIL.__version__.split(".")[0]) < 13, f"Pillow {PIL.__version__}, expected 7 to 12"


def damaged(width, height, channels):
    """The noisy picture of make_metrics_goldens.py: its overshoots meet both ends of the range."""
    y, x, c = np.mgrid[0:height, 0:width, 0:channels]
    values = (x * 5 + y * 3 + c * 40 + (x // 8 * 3 + y // 8 * 5) % 7 * 30 + x * y % 13) % 256
    return np.clip(values + (x * 31 + y * 17 + c * 13 + x * y * 7) % 41 - 20 + 3, 0, 255).astype(np.uint8)


def main():
    source = Image.fromarray(damaged(37, 29, 3))
    assert source.resize((8, 8)).tobytes() == source.resize((8, 8), Image.BICUBIC).tobytes(), "not the default filter"
    lines = [f"// Written by make_pillow_goldens.py: Pillow {PIL.__version__}.",
             "// The damaged picture of 37x29 with three channels, resized: width, height, filter, levels.",
             "const PillowGolden kPillowGoldens[] = {"]
    for width, height in [(8, 8), (5, 29), (50, 4), (1, 1)]:
        for name, code in [("nearest", Image.NEAREST), ("bicubic", Image.BICUBIC)]:
            values = np.asarray(source.resize((width, height), code)).ravel()
            lines.append(f"    {{{width}, {height}, PillowFilter::{name}, {{")
            for start in range(0, len(values), 24):
                lines.append("        " + ", ".join(str(v) for v in values[start:start + 24]) + ",")
            lines.append("    }},")
    pathlib.Path(__file__).with_name("pillow_goldens.inc").write_text("\n".join(lines + ["};"]) + "\n")


main()
