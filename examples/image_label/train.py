#!/usr/bin/env python3
"""Train a small network on Fashion-MNIST and freeze it together with what turns a picture into its input.

    apt install dataset-fashion-mnist && pip install tensorflow-cpu opencv-python-headless && python3 train.py

Writes label.pb (a frozen GraphDef, open picture size) and the sample pictures beside this file. Takes some
minutes of one core.
"""

import gzip
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import cv2
import keras
import numpy as np
import tensorflow as tf
from keras import layers
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.environ.get("FASHION_MNIST", "/usr/share/datasets/fashion-mnist")
SIDE = 28
EPOCHS = 12


def read(part):
    """Pictures and labels of one part; the pictures dark on white, as a camera sees them."""
    with gzip.open(f"{DATA}/{part}-images-idx3-ubyte.gz") as f:
        images = np.frombuffer(f.read(), np.uint8, offset=16).reshape(-1, SIDE, SIDE)
    with gzip.open(f"{DATA}/{part}-labels-idx1-ubyte.gz") as f:
        labels = np.frombuffer(f.read(), np.uint8, offset=8)
    return 255 - images, labels.astype(np.int32)


def as_photo(image, rng, side, noise):
    """A grey 28×28 image as a picture of some shape, in some colour, on a background nearly white."""
    tall, wide = (int(side * f) for f in rng.uniform(1, 1.6, 2))
    if rng.integers(2):
        tall = side  # the graph cuts out the square in the middle: one side must fit
    else:
        wide = side
    # A pixel is not black at 0 but of a colour that may be light.
    ink, paper = rng.uniform(0, 90, 3), rng.uniform(235, 255)
    grey = cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC).astype(np.float32) / 255
    photo = np.full((tall, wide, 3), paper, np.float32)
    top, left = (tall - side) // 2, (wide - side) // 2
    photo[top : top + side, left : left + side] = ink + grey[..., None] * (paper - ink)
    photo += rng.normal(0, noise, photo.shape)
    return np.clip(photo + 0.5, 0, 255).astype(np.uint8)


def prepare(image):
    """u8 [height, width, 3] of any size to f32 [28,28,1]: the middle square, smaller, bright where it is dark."""
    size = tf.shape(image)[:2]
    side = tf.reduce_min(size)
    start = (size - side) // 2
    square = tf.slice(image, tf.concat([start, [0]], 0), tf.stack([side, side, 3]))
    small = tf.image.resize(tf.cast(square, tf.float32), [SIDE, SIDE], antialias=True)
    grey = tf.tensordot(small, tf.constant([0.299, 0.587, 0.114]), 1)
    return (1 - grey / 255)[..., None]


def network():
    x = images = keras.Input((SIDE, SIDE, 1))
    for channels in 16, 32, 64:
        x = layers.Conv2D(channels, 3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.MaxPooling2D(2)(x)
    x = layers.Dropout(0.2)(layers.Flatten()(x))
    x = layers.Dense(64, activation="relu")(x)
    return keras.Model(images, layers.Dense(10, activation="softmax")(x))


def varied(x):
    """Mirrored, moved by a pixel, paler: the network sees more than 60,000 pictures."""
    n = tf.shape(x)[0]
    x = tf.image.random_flip_left_right(x)
    x = tf.map_fn(lambda i: tf.image.random_crop(tf.pad(i, [[1, 1], [1, 1], [0, 0]]), (SIDE, SIDE, 1)), x)
    x = x * tf.random.uniform([n, 1, 1, 1], 0.7, 1) + tf.random.uniform([n, 1, 1, 1], 0, 0.06)
    return x + tf.random.normal(tf.shape(x), stddev=0.01)


def main():
    keras.utils.set_random_seed(1)
    images, labels = read("train")
    test_images, test_labels = read("t10k")
    x = tf.constant((255 - images)[..., None] / np.float32(255))

    model = network()
    batches = tf.data.Dataset.from_tensor_slices((x, labels)).shuffle(60000, seed=1).batch(128)
    batches = batches.map(lambda x, y: (varied(x), y), num_parallel_calls=2, deterministic=True).prefetch(2)
    rate = keras.optimizers.schedules.CosineDecay(3e-3, EPOCHS * len(batches))
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    model.fit(batches, epochs=EPOCHS, verbose=2)

    @tf.function(input_signature=[tf.TensorSpec([None, None, 3], tf.uint8, name="image")])
    def classify(image):
        best = tf.math.top_k(model(prepare(image)[None], training=False)[0], 5)
        return tf.identity(best.values, name="probability"), tf.identity(best.indices, name="label")

    frozen = convert_variables_to_constants_v2(classify.get_concrete_function())
    graph = frozen.graph.as_graph_def()
    # The function wrapper adds an Identity behind each named output.
    for wrapper in [n for n in graph.node if n.name.split("_")[0] == "Identity"]:
        graph.node.remove(wrapper)
    with open(os.path.join(HERE, "label.pb"), "wb") as f:
        f.write(graph.SerializeToString(deterministic=True))

    right = np.count_nonzero(model.predict((255 - test_images)[..., None] / 255, verbose=0).argmax(1) == test_labels)
    print(f"{right} of {len(test_labels)} held-back images right ({right / len(test_labels):.1%})")
    rng = np.random.default_rng(1)
    n = 2000
    photos = [as_photo(i, rng, int(rng.integers(60, 400)), rng.uniform(0, 6)) for i in test_images[:n]]
    right = sum(frozen(tf.constant(p))[1].numpy()[0] == y for p, y in zip(photos, test_labels))
    print(f"{right} of the first {n} right when made pictures of any size and colour ({right / n:.1%})")

    # Held-back pictures to try: the first one of each of these kinds.
    for name, kind in ("boot.jpg", 9), ("bag.jpg", 8), ("dress.png", 3):
        photo = as_photo(test_images[np.argmax(test_labels == kind)], rng, 180, noise=0)
        cv2.imwrite(os.path.join(HERE, name), photo[..., ::-1])


if __name__ == "__main__":
    main()
