"""Numbers that the golden scripts and the C++ tests compute identically.

u(name, i) = top 24 bits of splitmix64(fnv1a64(name) + i), divided by 2^24: exact in float32 and float64.
Tensors are in this project's layout: images NHWC, convolution weights KRSC, both row-major.
"""

import json

import numpy as np

MASK = (1 << 64) - 1


def fnv1a64(text):
    value = 14695981039346656037
    for byte in text.encode():
        value = ((value ^ byte) * 1099511628211) & MASK
    return value


def splitmix64(x):
    """x: uint64 array. Steele, Lea and Flood 2014: one step of the generator with state x."""
    with np.errstate(over="ignore"):
        z = x + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def hashes(name, count):
    with np.errstate(over="ignore"):
        return splitmix64(np.uint64(fnv1a64(name)) + np.arange(count, dtype=np.uint64))


def unit(name, count):
    """In [0, 1)."""
    return (hashes(name, count) >> np.uint64(40)).astype(np.float64) / float(1 << 24)


def signed(name, count):
    """In [-1, 1)."""
    return 2.0 * unit(name, count) - 1.0


def image(name, shape):
    return signed(name, int(np.prod(shape))).reshape(shape)


def parameter(name, shape):
    """The value of a parameter or buffer, from its name and its shape in our layout."""
    count = int(np.prod(shape))
    if name.endswith("running_var"):
        values = 0.5 + unit(name, count)
    elif name.endswith("running_mean"):
        values = 0.2 * signed(name, count)
    elif "norm" in name and name.endswith("weight"):
        values = 0.75 + 0.5 * unit(name, count)
    elif len(shape) == 1:
        values = 0.1 * signed(name, count)
    else:  # uniform with variance 1 / fan_in
        values = np.sqrt(3.0 * shape[0] / count) * signed(name, count)
    return values.reshape(shape)


def summary(name, values, samples=8):
    """What a golden file keeps of a tensor: a few values, and sums that every value takes part in."""
    flat = np.ascontiguousarray(values, dtype=np.float64).ravel()
    positions = hashes(name + "#sample", samples) % np.uint64(flat.size)
    return {
        "numel": int(flat.size),
        "sum": float(flat.sum()),
        "l2": float(np.sqrt(np.dot(flat, flat))),
        "dot": float(np.dot(flat, signed(name + "#dot", flat.size))),
        "samples": [float(flat[p]) for p in positions],
    }


def write(path, document):
    with open(path, "w") as out:
        json.dump(document, out, indent=1)
        out.write("\n")
