#!/usr/bin/env python3
"""Train a small convolutional network on scikit-learn's handwritten digits and freeze it.

    pip install tensorflow-cpu scikit-learn && python3 train.py

Writes digits.pb (a frozen GraphDef, unknown batch) and the held-back fifth of the images beside this file.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import numpy as np
import tensorflow as tf
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

HERE = os.path.dirname(os.path.abspath(__file__))


def norm(x, relu=True):
    x = layers.BatchNormalization()(x)
    return layers.ReLU()(x) if relu else x


def network():
    images = keras.Input((8, 8, 1))
    x = norm(layers.Conv2D(16, 3, padding="same", use_bias=False)(images))
    y = norm(layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x))
    y = norm(layers.Conv2D(16, 1, use_bias=False)(y), relu=False)
    x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.MaxPooling2D(2)(x)
    x = norm(layers.Conv2D(32, 3, padding="same", use_bias=False)(x))
    y = norm(layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x))
    y = norm(layers.Conv2D(32, 1, use_bias=False)(y), relu=False)
    x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.AveragePooling2D(2)(x)
    x = layers.Dropout(0.3)(layers.Flatten()(x))
    x = layers.Dense(32, activation="relu")(x)
    return keras.Model(images, layers.Dense(10, activation="softmax")(x))


def shifted(x, rng):
    """Each image moved by at most one pixel: the network sees more than 1,437 pictures."""
    out = np.zeros_like(x)
    for image, to, (dy, dx) in zip(x, out, rng.integers(-1, 2, (len(x), 2))):
        to[max(dy, 0) : 8 + min(dy, 0), max(dx, 0) : 8 + min(dx, 0)] = image[
            max(-dy, 0) : 8 + min(-dy, 0), max(-dx, 0) : 8 + min(-dx, 0)
        ]
    return out


def main():
    keras.utils.set_random_seed(1)
    tf.config.experimental.enable_op_determinism()
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32).reshape(-1, 8, 8, 1)
    x, test_x, y, test_y = train_test_split(images, labels, test_size=0.2, random_state=1, stratify=labels)

    rng = np.random.default_rng(1)
    x, y = np.concatenate([x, shifted(x, rng), shifted(x, rng)]), np.concatenate([y, y, y])
    model = network()
    rate = keras.optimizers.schedules.CosineDecay(3e-3, 40 * -(-len(x) // 64))
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    model.fit(x, y, batch_size=64, epochs=40, verbose=0)

    @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 1], tf.float32, name="images")])
    def classify(images):
        return tf.identity(model(images, training=False), name="probabilities")

    frozen = convert_variables_to_constants_v2(classify.get_concrete_function())
    graph = frozen.graph.as_graph_def()
    # The function wrapper adds an Identity behind the named output.
    del graph.node[next(i for i, n in enumerate(graph.node) if n.name == "Identity") :]
    with open(os.path.join(HERE, "digits.pb"), "wb") as f:
        f.write(graph.SerializeToString(deterministic=True))
    np.save(os.path.join(HERE, "test_images.npy"), test_x)
    np.save(os.path.join(HERE, "test_labels.npy"), test_y.astype(np.int32))

    right = np.count_nonzero(frozen(tf.constant(test_x))[0].numpy().argmax(1) == test_y)
    print(f"{right} of {len(test_y)} held-back images right ({right / len(test_y):.1%})")


if __name__ == "__main__":
    main()
