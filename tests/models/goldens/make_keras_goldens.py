#!/usr/bin/env python3
"""Golden values of the `keras` preset, made with Keras on TensorFlow. See README.md.

The networks are written here from the seed program's table with keras layers; `names` gives each layer this
project's name.
"""

import sys

import keras
import numpy as np
import tensorflow as tf
from keras import layers

import golden_formula as formula

keras.backend.set_floatx("float64")


# ---- the networks: functions of a tensor that note each layer under our name ----


def conv(names, name, x, filters, size, strides=1, padding="same"):
    names[name] = layers.Conv2D(filters, size, strides=strides, padding=padding)
    return names[name](x)


def norm(names, name, x):
    names[name] = layers.BatchNormalization()  # Keras' defaults: epsilon 1e-3, momentum 0.99
    return names[name](x)


def leaky(x):
    """LeakyReLU 0.2; keras.layers.LeakyReLU would round the slope to float32 (1.5e-8 off) whatever the element type."""
    return layers.Lambda(lambda z: tf.maximum(z, 0.2 * z))(x)


def reflect(x, amount):
    return layers.Lambda(lambda z: tf.pad(z, [[0, 0], [amount, amount], [amount, amount], [0, 0]], "REFLECT"))(x)


def generator(height, width, ngf=64, blocks=9):
    names = {}
    image = keras.Input((height, width, 3))
    x = conv(names, "head.conv", reflect(image, 3), ngf, 7, padding="valid")
    x = layers.ReLU()(norm(names, "head.norm", x))
    for i in (1, 2):
        x = conv(names, f"down{i}.conv", x, ngf * 2**i, 3, strides=2)
        x = layers.ReLU()(norm(names, f"down{i}.norm", x))
    for i in range(blocks):
        y = conv(names, f"blocks.{i}.conv1", reflect(x, 1), 4 * ngf, 3, padding="valid")
        y = layers.ReLU()(norm(names, f"blocks.{i}.norm1", y))
        y = conv(names, f"blocks.{i}.conv2", reflect(y, 1), 4 * ngf, 3, padding="valid")
        x = layers.Add()([x, norm(names, f"blocks.{i}.norm2", y)])
    for i in (1, 2):
        x = conv(names, f"up{i}.conv", layers.UpSampling2D()(x), 4 * ngf // 2**i, 3)
        x = layers.ReLU()(norm(names, f"up{i}.norm", x))
    x = conv(names, "tail.conv", reflect(x, 3), 3, 7, padding="valid")
    x = layers.Add()([layers.Activation("tanh")(x), image])
    return keras.Model(image, layers.Lambda(lambda z: z / 2)(x)), names


def discriminator(height, width, ndf=64):
    names = {}
    image = keras.Input((height, width, 3))
    x = leaky(conv(names, "head.conv", image, ndf, 4, strides=2))
    for i, (rate, strides) in enumerate([(1, 2), (2, 2), (4, 2), (8, 1)]):
        x = conv(names, f"stages.{i}.conv", x, ndf * rate, 4, strides=strides)
        x = leaky(norm(names, f"stages.{i}.norm", x))
    x = layers.Flatten()(conv(names, "tail.conv", x, 1, 4))
    for name, units, activation in [("dense1", 1024, "tanh"), ("dense2", 1, "sigmoid")]:
        names[name] = layers.Dense(units, activation=activation)
        x = names[name](x)
    return keras.Model(image, x), names


# ---- layouts: Keras keeps convolution kernels (R,S,C,K) and dense kernels (in, out) ----

OUR_NAME = {"kernel": "weight", "bias": "bias", "gamma": "weight", "beta": "bias",
            "moving_mean": "running_mean", "moving_variance": "running_var"}


def ours(values):
    values = np.asarray(values)
    return {4: lambda v: v.transpose(3, 0, 1, 2), 2: lambda v: v.T}.get(values.ndim, lambda v: v)(values)


def theirs(values):
    return {4: lambda v: v.transpose(1, 2, 3, 0), 2: lambda v: v.T}.get(values.ndim, lambda v: v)(values)


def variables(names):
    for prefix, layer in names.items():
        for variable in layer.weights:
            yield prefix + "." + OUR_NAME[variable.name], variable


# ---- the cases ----


def network_case(build, shape, training):
    model, names = build(shape[1], shape[2])
    for name, variable in variables(names):
        variable.assign(theirs(formula.parameter(name, ours(variable.numpy()).shape)))
    trained = [(name, v) for name, v in variables(names) if v.trainable]
    x = tf.Variable(formula.image("input", shape))
    with tf.GradientTape() as tape:
        output = model(x, training=training)
        loss = tf.reduce_sum(output * formula.image("loss", output.shape))
    input_grad, *grads = tape.gradient(loss, [x] + [v.value for _, v in trained])
    document = {
        "input_shape": list(shape), "output_shape": list(output.shape), "training": training,
        "parameter_count": int(sum(np.prod(v.shape) for _, v in variables(names))),
        "output": formula.summary("output", output.numpy(), 32),
        "input_grad": formula.summary("input_grad", input_grad.numpy(), 32),
        "parameter_grads": {name: formula.summary(name, ours(g)) for (name, _), g in zip(trained, grads)},
    }
    if training:
        document["buffers"] = {name: formula.summary(name, v.numpy()) for name, v in variables(names)
                               if not v.trainable}
    return document


def main(folder):
    cases = {
        "keras_generator": (generator, (2, 32, 32, 3), True),
        "keras_generator_eval_36x28": (generator, (1, 36, 28, 3), False),
        "keras_discriminator": (discriminator, (2, 64, 48, 3), True),
        "keras_discriminator_eval": (discriminator, (2, 64, 48, 3), False),
    }
    for name, (build, shape, training) in cases.items():
        document = network_case(build, shape, training)
        versions = f"Keras {keras.__version__} on TensorFlow {tf.__version__}"
        formula.write(f"{folder}/{name}.json", {"made_with": versions, **document})
        print(name, document["parameter_count"])


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else ".")
