#!/usr/bin/env python3
"""Weight files as Keras programs save them, and what their networks make of an image. See README.md.

    python3 make_keras_weights.py keras2     needs tf-keras, which is Keras 2
    python3 make_keras_weights.py keras3

The networks are written here from the seed program's table, with a padding layer of its own, as the program has it.
Widths are tiny: names, order and layouts are what matters.
"""

import pathlib
import sys
import tempfile
import zipfile

import numpy as np

import golden_formula as formula

if sys.argv[1] == "keras2":
    import tensorflow as tf
    import tf_keras as keras
else:
    import keras
    import tensorflow as tf
layers = keras.layers

HERE = pathlib.Path(__file__).parent


class ReflectionPadding2D(layers.Layer):
    def __init__(self, padding=1, **kwargs):
        super().__init__(**kwargs)
        self.padding = padding

    def call(self, x):
        return tf.pad(x, [[0, 0], [self.padding] * 2, [self.padding] * 2, [0, 0]], "REFLECT")

    def get_config(self):
        return {**super().get_config(), "padding": self.padding}


def block(x, width):
    y = layers.Conv2D(width, 3)(ReflectionPadding2D()(x))
    y = layers.ReLU()(layers.BatchNormalization()(y))
    y = layers.Dropout(0.5)(y)
    y = layers.Conv2D(width, 3)(ReflectionPadding2D()(y))
    return layers.Add()([layers.BatchNormalization()(y), x])


def generator(ngf, blocks, size=(None, None)):
    image = keras.Input((*size, 3))
    x = layers.Conv2D(ngf, 7)(ReflectionPadding2D(3)(image))
    x = layers.ReLU()(layers.BatchNormalization()(x))
    for rate in (2, 4):
        x = layers.Conv2D(rate * ngf, 3, strides=2, padding="same")(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    for _ in range(blocks):
        x = block(x, 4 * ngf)
    for rate in (2, 1):
        x = layers.Conv2D(rate * ngf, 3, padding="same")(layers.UpSampling2D()(x))
        x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Activation("tanh")(layers.Conv2D(3, 7)(ReflectionPadding2D(3)(x)))
    x = layers.Add()([x, image])
    return keras.Model(image, layers.Lambda(lambda z: z / 2)(x), name="Generator")


def discriminator(ndf, height, width):
    image = keras.Input((height, width, 3))
    x = layers.LeakyReLU(0.2)(layers.Conv2D(ndf, 4, strides=2, padding="same")(image))
    for rate, strides in [(1, 2), (2, 2), (4, 2), (8, 1)]:
        x = layers.Conv2D(rate * ndf, 4, strides=strides, padding="same")(x)
        x = layers.LeakyReLU(0.2)(layers.BatchNormalization()(x))
    x = layers.Flatten()(layers.Conv2D(1, 4, padding="same")(x))
    x = layers.Dense(1024, activation="tanh")(x)
    return keras.Model(image, layers.Dense(1, activation="sigmoid")(x), name="Discriminator")


def randomised(model):
    """Random weights that keep the signal's size, and running statistics that are not the first ones."""
    random = np.random.default_rng(20241122)
    for layer in model.layers:
        values = []
        for value in layer.get_weights():
            if value.ndim > 1:
                values.append(random.normal(0, np.prod(value.shape[:-1]) ** -0.5, value.shape))
            else:
                values.append(random.normal(0, 0.1, value.shape))
        if isinstance(layer, layers.BatchNormalization):
            values[0] += 1
            values[3] = random.uniform(0.5, 1.5, values[3].shape)
        layer.set_weights(values)
    return model


def case(name, model, shapes):
    document = {"made_with": f"Keras {keras.__version__} on TensorFlow {tf.__version__}", "cases": []}
    for shape in shapes:
        image = formula.image("input", shape).astype(np.float32)
        output = np.asarray(model(image, training=False))
        document["cases"].append({"input_shape": list(shape), "output_shape": list(output.shape),
                                  "output": formula.summary("output", output.astype(np.float64), 32)})
    formula.write(HERE / f"{name}.json", document)


def pack(name, files):
    """files: name -> function that saves there. HDF5 pads a lot, so they are kept in a compressed archive."""
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(HERE / name, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, save in files.items():
            path = pathlib.Path(folder) / file
            save(str(path))
            entry = zipfile.ZipInfo(file, (2024, 11, 22, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes(), compresslevel=9)
    print(name, (HERE / name).stat().st_size)


SIZES = [(1, 256, 256, 3), (2, 36, 28, 3)]

def main():
    if sys.argv[1] == "keras2":
        network = randomised(generator(2, 2))
        critic = randomised(discriminator(1, 32, 48))
        critic.compile(keras.optimizers.SGD(), "binary_crossentropy")
        pack("keras2_files.zip", {
            "generator.h5": network.save_weights,
            # A whole model, with its configuration and its optimizer's state.
            "discriminator.h5": lambda path: critic.save(path, save_format="h5"),
        })
        case("keras2_generator", network, SIZES)
        case("keras2_discriminator", critic, [(2, 32, 48, 3)])
    else:
        # Twelve convolutions: "conv2d_10" comes before "conv2d_2" in the alphabet.
        network = randomised(generator(1, 3))
        pack("keras3_files.zip", {
            "generator.weights.h5": network.save_weights,
            "generator.keras": network.save,
            "generator.h5": network.save,
        })
        case("keras3_generator", network, SIZES)


if __name__ == "__main__":
    main()
