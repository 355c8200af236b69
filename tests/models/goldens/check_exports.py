#!/usr/bin/env python3
"""The files that deblurgan-convert writes, loaded by the programs that they are for. See README.md.

    python3 check_exports.py keras2|keras3|torch build/ci/apps/deblurgan-convert

Each golden weight file goes through deblurgan-convert and back into the framework that saved it, by the framework's own
strict loading; what its network then makes of an image must be what the golden file says.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import zipfile

import numpy as np

import golden_formula as formula

HERE = pathlib.Path(__file__).parent
KIND, PROGRAM = sys.argv[1:3]
TOLERANCE = 1e-4


def convert(source, target, *options):
    subprocess.run([PROGRAM, source, "-o", target, *options], check=True)


def check(name, output, expected):
    got = formula.summary("output", np.asarray(output, np.float64), 32)
    scale = expected["l2"] / expected["numel"] ** 0.5
    error = max(np.abs(np.array(got["samples"]) - expected["samples"]).max() / scale,
                abs(got["l2"] - expected["l2"]) / expected["l2"])
    print(f"{name}: relative error {error:.1e}")
    assert error < TOLERANCE, name


def check_keras(folder):
    import make_keras_weights as keras_weights
    ngf, blocks = {"keras2": (2, 2), "keras3": (1, 3)}[KIND]
    golden = json.loads((HERE / f"{KIND}_generator.json").read_text())
    with zipfile.ZipFile(HERE / f"{KIND}_files.zip") as archive:
        archive.extract("generator.h5", folder)
    for ending in [".h5"] if KIND == "keras2" else [".h5", ".weights.h5"]:
        target = folder / f"converted{ending}"
        convert(folder / "generator.h5", target, "--to", "keras")
        network = keras_weights.generator(ngf, blocks)
        network.load_weights(str(target))
        for case in golden["cases"]:
            image = formula.image("input", case["input_shape"]).astype(np.float32)
            check(f"{KIND} {ending} {image.shape}", network(image, training=False), case["output"])


def check_torch(folder):
    import safetensors.torch
    import torch

    import make_torch_weights as upstream
    networks = {
        "torch_deblurgan": (upstream.ResnetGenerator(2, 2, upstream.instance_norm), []),
        "torch_head": (upstream.ResnetGenerator(1, 9, upstream.instance_norm, convs=1), []),
        "torch_batch_half": (upstream.ResnetGenerator(2, 1, torch.nn.BatchNorm2d, dropout=False,
                                                      learn_residual=False), ["--no-learn-residual"]),
        "torch_unet_128": (upstream.UnetGenerator(7, 1, upstream.instance_norm), []),
    }
    for name, (network, options) in networks.items():
        target = folder / f"{name}.safetensors"
        convert(HERE / f"{name}.pth", target, "--to", "torch", *options)
        network.load_state_dict(safetensors.torch.load_file(target), strict=True)
        network.train("batch" not in name)
        upstream.without_dropout(network)
        case = json.loads((HERE / f"{name}.json").read_text())
        image = torch.tensor(formula.image("input", case["input_shape"]).transpose(0, 3, 1, 2).copy(),
                             dtype=torch.float32)
        with torch.no_grad():
            check(name, network(image).numpy().transpose(0, 2, 3, 1), case["output"])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        check_torch(pathlib.Path(scratch)) if KIND == "torch" else check_keras(pathlib.Path(scratch))
