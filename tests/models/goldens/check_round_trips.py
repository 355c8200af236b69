#!/usr/bin/env python3
"""Networks of full size between PyTorch or Keras and deblurgan's programs, in both directions. See README.md.

    python3 check_round_trips.py torch|keras2|keras3 build/ci/apps

Theirs to ours: the framework makes the network of the preset deblurgan or keras, with random weights, and saves it in every
format that docs/convert.md names. deblurgan-convert reads the file, deblurgan-deblur restores pictures with the result, and
the framework's own output is what they should be.
Ours to theirs: deblurgan-train makes the weights, deblurgan-convert writes them in every format, PyTorch or Keras (strictly)
and onnxruntime load them, and the picture of deblurgan-deblur is what their outputs should be.

Pictures are PNG of 16 bits, so that the largest difference that rounding makes is 1/65535 of the range -1..1.
"""

import pathlib
import struct
import subprocess
import sys
import tempfile
import zlib

import numpy as np

import golden_formula as formula

SIZES = [(256, 256), (192, 320), (180, 252)]
TOLERANCE = 1e-4
NGF, BLOCKS = 64, 9


# ---- our programs ----


def write_png(path, levels):
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width, _ = levels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in levels)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)) +
                     chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))


class Programs:
    def __init__(self, binaries, folder):
        self.binaries = pathlib.Path(binaries)
        self.folder = folder

    def run(self, program, *arguments):
        subprocess.run([self.binaries / f"deblurgan-{program}", *map(str, arguments), "--quiet"], check=True)

    def convert(self, source, target, *options):
        self.run("convert", source, "-o", target, *options)
        return target

    def train(self, preset, steps):
        run = self.folder / "run"
        self.run("train", "--data", "procedural", "--preset", preset, "--adversarial-weight", 0, "--content", "l1",
                 "--crop-size", 16, "--steps", steps, "--validate-every", 0, "--out", run)
        return run / "generator.safetensors"

    def restore(self, weights, levels):
        """What deblurgan-deblur makes of a picture, in -1..1."""
        source, target = self.folder / "image.png", self.folder / "restored.png"
        write_png(source, levels)
        self.run("deblur", "--weights", weights, source, "-o", target)
        return read_png(target) / 65535 * 2 - 1


def read_png(path):
    """RGB of 16 bits, not interlaced, any filters."""
    content, at, data = path.read_bytes(), 8, b""
    while at < len(content):
        length, kind = struct.unpack(">I4s", content[at:at + 8])
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", content[at + 8:at + 18])
            assert (depth, colour) == (16, 2), f"{path}: depth {depth}, colour type {colour}"
        if kind == b"IDAT":
            data += content[at + 8:at + 8 + length]
        at += 12 + length
    rows = np.frombuffer(zlib.decompress(data), np.uint8).reshape(height, 1 + 6 * width)
    pixels, above = np.zeros((height, 6 * width), np.uint8), np.zeros(6 * width, np.int64)
    for y, row in enumerate(rows):
        above = pixels[y] = unfiltered(row[0], row[1:].astype(np.int64), above.astype(np.int64))
    return pixels.view(">u2").reshape(height, width, 3).astype(np.float64)


def unfiltered(kind, row, above):
    """PNG specification, section 9.2; a pixel is 6 bytes."""
    if kind == 0:
        return row.astype(np.uint8)
    if kind == 2:
        return (row + above).astype(np.uint8)
    left, corner = np.zeros(6, np.int64), np.zeros(6, np.int64)
    for x in range(0, row.size, 6):
        up = above[x:x + 6]
        if kind == 1:
            guess = left
        elif kind == 3:
            guess = (left + up) // 2
        else:
            paeth = left + up - corner
            distances = np.abs(np.stack([left, up, corner]) - paeth)
            guess = np.choose(distances.argmin(0), [left, up, corner])
        left = row[x:x + 6] = (row[x:x + 6] + guess) % 256
        corner = up
    return row.astype(np.uint8)


# ---- the frameworks: a network, its output, and the files of both directions ----


class Torch:
    preset, steps = "deblurgan", 3

    def residual(self, image, output):
        return output - image

    def __init__(self):
        import torch

        import make_torch_weights as upstream
        self.torch, self.upstream = torch, upstream
        torch.set_num_threads(2)
        self.version = f"PyTorch {torch.__version__}"

    def network(self):
        network = self.upstream.ResnetGenerator(NGF, BLOCKS, self.upstream.instance_norm)
        network.train()
        return self.upstream.without_dropout(self.upstream.randomised(network))

    def output(self, network, image):
        with self.torch.no_grad():
            x = self.torch.tensor(image.transpose(0, 3, 1, 2).copy())
            return network(x).numpy().transpose(0, 2, 3, 1)

    def save(self, network, folder):
        import safetensors.torch
        state = network.state_dict()
        save = self.torch.save
        save(state, folder / "zip.pth")
        save(state, folder / "legacy.pth", _use_new_zipfile_serialization=False)
        save({"epoch": 3, "state_dict": {"module." + k: v for k, v in state.items()}}, folder / "parallel.pth")
        zeros = {k: self.torch.zeros_like(v) for k, v in state.items()}
        save({"params": zeros, "params_ema": state}, folder / "params_ema.pth")
        safetensors.torch.save_file(state, folder / "saved.safetensors", metadata={"format": "pt"})
        return ["zip.pth", "legacy.pth", "parallel.pth", "params_ema.pth", "saved.safetensors"]

    exports = {"exported.safetensors": "torch"}

    def load(self, path):
        import safetensors.torch
        network = self.network()
        network.load_state_dict(safetensors.torch.load_file(path), strict=True)
        return network


class Keras:
    preset, steps = "keras", 50  # with fewer, the running statistics are still those of the first step: tanh saturates

    def residual(self, image, output):
        return 2 * output - image

    def __init__(self, kind):
        import make_keras_weights as upstream
        self.upstream, self.kind = upstream, kind
        self.version = f"Keras {upstream.keras.__version__} on TensorFlow {upstream.tf.__version__}"

    def network(self):
        return self.upstream.randomised(self.upstream.generator(NGF, BLOCKS))

    def output(self, network, image):
        return np.asarray(network(image, training=False))

    def save(self, network, folder):
        network.save_weights(folder / "saved.weights.h5")
        if self.kind == "keras2":
            network.save_weights(folder / "save_weights.h5", save_format="h5")
            network.save(folder / "whole_model.h5", save_format="h5")
            return ["saved.weights.h5", "save_weights.h5", "whole_model.h5"]
        network.save(folder / "whole_model.keras")
        network.save(folder / "whole_model.h5")
        return ["saved.weights.h5", "whole_model.keras", "whole_model.h5"]

    exports = {"exported.h5": "keras", "exported.weights.h5": "keras"}

    def load(self, path):
        network = self.upstream.generator(NGF, BLOCKS)
        network.load_weights(str(path))
        return network


def onnx_output(path, image):
    import onnxruntime
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    x = np.ascontiguousarray(image.transpose(0, 3, 1, 2))
    return session.run(["restored"], {"image": x})[0].transpose(0, 2, 3, 1)


# ---- both directions ----


def pictures():
    """(levels of 16 bits, the same as float32 in -1..1, with a batch)"""
    for height, width in SIZES:
        levels = np.rint(formula.unit(f"{height}x{width}", height * width * 3) * 65535).reshape(height, width, 3)
        yield levels, (levels / 65535 * 2 - 1).astype(np.float32)[None]


def check(name, differences):
    sizes = (f"{height}x{width} {difference:.1e}" for (height, width), difference in zip(SIZES, differences))
    print(f"{name:64} " + "  ".join(sizes), flush=True)
    assert max(differences) < TOLERANCE, name


def difference(a, b):
    return float(np.abs(np.asarray(a, np.float64) - np.asarray(b, np.float64)).max())


def main():
    kind, binaries = sys.argv[1:3]
    framework = Torch() if kind == "torch" else Keras(kind)
    import onnxruntime
    print(f"{framework.version}, onnxruntime {onnxruntime.__version__}, numpy {np.__version__}; largest differences:")
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        ours = Programs(binaries, folder)

        network = framework.network()
        expected = [framework.output(network, image)[0] for _, image in pictures()]
        for name in framework.save(network, folder):
            weights = ours.convert(folder / name, folder / "converted.safetensors")
            check(f"{kind} {name} -> deblurgan-convert -> deblurgan-deblur",
                  [difference(ours.restore(weights, levels), output)
                   for (levels, _), output in zip(pictures(), expected)])

        weights = ours.train(framework.preset, framework.steps)
        expected = [ours.restore(weights, levels) for levels, _ in pictures()]
        for (_, image), output in zip(pictures(), expected):
            size = np.median(np.abs(framework.residual(image[0], output)))
            assert 0.01 < size < 0.9, f"the network adds {size} to a picture: such an output tells nothing"
        for name, to in framework.exports.items():
            network = framework.load(ours.convert(weights, folder / name, "--to", to))
            check(f"deblurgan-train -> {name} -> {kind}",
                  [difference(framework.output(network, image)[0], output)
                   for (_, image), output in zip(pictures(), expected)])
        model = ours.convert(weights, folder / "exported.onnx")
        check("deblurgan-train -> exported.onnx -> onnxruntime",
              [difference(onnx_output(model, image)[0], output) for (_, image), output in zip(pictures(), expected)])


if __name__ == "__main__":
    main()
