#!/usr/bin/env python3
"""Writes torch_*.pth, small files of torch.save in each of its formats, for tests/data/torch_file_test.cpp.

Made with Debian 12's python3-torch (PyTorch 1.13.0): python3 make_torch_files.py
"""
import collections
import io
import pathlib
import sys
import zipfile

import torch

HERE = pathlib.Path(__file__).parent


def tensors():
    """Every element type, and every way to lie in a storage. The test has the same values."""
    matrix = torch.arange(6, dtype=torch.float32).reshape(2, 3) / 4
    run = torch.arange(24, dtype=torch.float32)
    return collections.OrderedDict([
        ("matrix", matrix),
        ("transposed", matrix.t()),  # shares matrix's storage
        ("every_fifth", run[3:20:5]),
        ("channels_last", run.reshape(1, 2, 3, 4).to(memory_format=torch.channels_last)),
        ("half", torch.tensor([1.0, -2.5, 65504.0, 2.0**-24], dtype=torch.float16)),
        ("brain", torch.tensor([1.0, -3.0, 0.15625], dtype=torch.bfloat16)),
        ("double", torch.tensor([0.1], dtype=torch.float64)),
        ("long", torch.tensor([-5, 2**40], dtype=torch.int64)),
        ("int", torch.tensor([-70000], dtype=torch.int32)),
        ("short", torch.tensor([-300], dtype=torch.int16)),
        ("char", torch.tensor([-7], dtype=torch.int8)),
        ("byte", torch.tensor([200], dtype=torch.uint8)),
        ("bool", torch.tensor([True, False])),
        ("parameter", torch.nn.Parameter(torch.tensor([1.5, 2.5]))),
        ("scalar", torch.tensor(7)),
        ("empty", torch.zeros(0, 3)),
    ])


def rewritten(path, compression, change):
    """The same archive, packed by Python's zipfile, which uses neither zip64 nor alignment."""
    out = io.BytesIO()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(out, "w") as target:
        entries = {info.filename: change(info.filename, source.read(info)) for info in source.infolist()}
        if change is swapped:
            entries["archive/byteorder"] = b"big"
        for name, data in entries.items():
            target.writestr(zipfile.ZipInfo(name), data, compression)  # dated 1980: the same bytes every time
    return out.getvalue()


def unchanged(name, data):
    return data


def swapped(name, data):
    """All storages of the file hold 4-byte elements."""
    if "/data/" not in name:
        return data
    return b"".join(data[i:i + 4][::-1] for i in range(0, len(data), 4))


def save(name, value, **options):
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    (HERE / name).write_bytes(buffer.getvalue())


def main():
    save("torch_zip.pth", tensors())
    save("torch_legacy.pth", tensors(), _use_new_zipfile_serialization=False)
    save("torch_legacy_protocol4.pth", tensors(), _use_new_zipfile_serialization=False, pickle_protocol=4)

    network = torch.nn.DataParallel(torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1), torch.nn.BatchNorm2d(1)))
    with torch.no_grad():
        for i, value in enumerate(network.state_dict().values()):
            value.fill_(i + 1)
    save("torch_state_dict.pth", {
        "epoch": 3, "best": 0.5, "name": "deblur", "milestones": [10, (20, None)], "resumed": False,
        "state_dict": network.state_dict(),
    })
    save("torch_params_ema.pth", {"params": {"a": torch.tensor([1.0])}, "params_ema": {"a": torch.tensor([2.0])}},
         _use_new_zipfile_serialization=False)

    save("torch_deflated.pth", {"x": torch.arange(1000, dtype=torch.int32)})
    (HERE / "torch_deflated.pth").write_bytes(
        rewritten(HERE / "torch_deflated.pth", zipfile.ZIP_DEFLATED, unchanged))
    save("torch_big_endian.pth", {"x": torch.tensor([1.5, -2.0]), "y": torch.tensor([258], dtype=torch.int32)})
    (HERE / "torch_big_endian.pth").write_bytes(rewritten(HERE / "torch_big_endian.pth", zipfile.ZIP_STORED, swapped))
    for path in sorted(HERE.glob("torch_*.pth")):
        print(path.name, path.stat().st_size, file=sys.stderr)


if __name__ == "__main__":
    main()
