"""Makes the benchmark's models: standard architectures with seeded random weights, frozen.

    models.py FOLDER BATCH NAME ...

Per model NAME: NAME.pb, NAME.onnx and NAME.tflite, and NAME.npz with the inputs ("in/TENSOR") and TensorFlow's answer
("out/TENSOR"). A model that is there already is left alone. Where a converter fails, NAME.onnx.failed or
NAME.tflite.failed says why.
"""

import os
import subprocess
import sys

APPLICATIONS = {
    "mobilenet_v2": "MobileNetV2",
    "efficientnet_b0": "EfficientNetB0",
    "densenet121": "DenseNet121",
    "resnet50": "ResNet50",
    "inception_v3": "InceptionV3",
}
NAMES = ["mlp", *APPLICATIONS, "bert_base", "lstm"]
OTHERS = ["Xception", "ResNet50V2", "NASNetMobile", "ConvNeXtTiny", "MobileNetV3Large", "EfficientNetV2B0", "vit_small", "unet"]
CONVERT_SECS = 1800


# -- Architectures. All end in logits: a softmax would hide errors. ---------------------------------------------------


def mlp():
    import keras

    layers = [keras.Input((784,))] + [keras.layers.Dense(512, "relu") for _ in range(3)]
    return keras.Sequential(layers + [keras.layers.Dense(10)])


def lstm():
    import keras

    x = i = keras.Input((100, 64))
    for more in (True, False):
        x = keras.layers.LSTM(256, return_sequences=more)(x)
    return keras.Model(i, keras.layers.Dense(10)(x))


def vit_small(size=224, patch=16, width=384, heads=6, depth=12):
    """A vision transformer without a class token: it takes the mean of its patches."""
    import keras
    from keras import layers as l

    i = keras.Input((size, size, 3))
    n = (size // patch) ** 2
    x = l.Reshape((n, width))(l.Conv2D(width, patch, patch)(i))
    x = x + l.Embedding(n, width)(keras.ops.arange(n))
    for _ in range(depth):
        y = l.LayerNormalization(epsilon=1e-6)(x)
        x = x + l.MultiHeadAttention(heads, width // heads)(y, y)
        y = l.LayerNormalization(epsilon=1e-6)(x)
        x = x + l.Dense(width)(l.Dense(4 * width, "gelu")(y))
    x = l.GlobalAveragePooling1D()(l.LayerNormalization(epsilon=1e-6)(x))
    return keras.Model(i, l.Dense(1000)(x))


def unet(size=256, width=32, depth=4):
    import keras
    from keras import layers as l

    def block(x, width):
        for _ in range(2):
            x = l.ReLU()(l.BatchNormalization()(l.Conv2D(width, 3, padding="same", use_bias=False)(x)))
        return x

    x = i = keras.Input((size, size, 3))
    skips = []
    for d in range(depth):
        skips.append(block(x, width << d))
        x = l.MaxPooling2D()(skips[-1])
    x = block(x, width << depth)
    for d in reversed(range(depth)):
        x = l.Conv2DTranspose(width << d, 2, 2)(x)
        x = block(l.Concatenate()([skips[d], x]), width << d)
    return keras.Model(i, l.Conv2D(1, 1)(x))


def application(cls):
    import keras

    return getattr(keras.applications, cls)(weights=None, classifier_activation=None)


def bert_base(batch, length=128, width=768, heads=12, inner=3072, depth=12, words=30522):
    """BERT as its authors wrote it, without Keras; with word numbers, mask and segments as inputs."""
    import numpy as np
    import tensorflow as tf

    rng = np.random.default_rng(3)

    def weight(*shape):
        return tf.Variable(rng.normal(0, 0.03 if len(shape) > 1 else 0.02, shape).astype("f4"))

    def scale():
        return tf.Variable(rng.uniform(0.8, 1.2, width).astype("f4"))

    def dense(n, m):
        w, b = weight(n, m), weight(m)
        return lambda x: tf.tensordot(x, w, 1) + b

    def norm():
        g, b = scale(), weight(width)

        def apply(x):
            mean = tf.reduce_mean(x, -1, keepdims=True)
            variance = tf.reduce_mean(tf.math.squared_difference(x, mean), -1, keepdims=True)
            return (x - mean) * tf.math.rsqrt(variance + 1e-12) * g + b

        return apply

    def gelu(x):
        return 0.5 * x * (1 + tf.math.erf(x / np.float32(np.sqrt(2))))

    tables = weight(words, width), weight(512, width), weight(2, width)
    first, pool = norm(), dense(width, width)
    layers = [
        ([dense(width, width) for _ in range(4)], norm(), dense(width, inner), dense(inner, width), norm())
        for _ in range(depth)
    ]

    def split(x):
        return tf.transpose(tf.reshape(x, [batch, length, heads, width // heads]), [0, 2, 1, 3])

    def model(ids, mask, segments):
        x = first(tf.gather(tables[0], ids) + tables[1][None, :length] + tf.one_hot(segments, 2) @ tables[2])
        bias = (1.0 - tf.cast(mask, tf.float32))[:, None, None, :] * -10000.0
        for (to_q, to_k, to_v, out), norm1, up, down, norm2 in layers:
            q, k, v = split(to_q(x)), split(to_k(x)), split(to_v(x))
            a = tf.nn.softmax(tf.matmul(q, k, transpose_b=True) / np.float32(np.sqrt(width // heads)) + bias)
            y = tf.reshape(tf.transpose(tf.matmul(a, v), [0, 2, 1, 3]), [batch, length, width])
            x = norm1(x + out(y))
            x = norm2(x + down(gelu(up(x))))
        return pool(x[:, 0]), x

    ids = rng.integers(0, words, (batch, length)).astype("i4")
    mask = np.ones((batch, length), "i4")
    mask[:, length * 3 // 4 :] = 0
    return model, [ids, mask, np.zeros((batch, length), "i4")], (tables, first, pool, layers)


# -- Making them ------------------------------------------------------------------------------------------------------


def as_if_trained(model, rng):
    """Fresh batch norms have mean 0 and variance 1, which would make folding them trivial."""
    import keras

    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            shapes = [w.shape for w in layer.get_weights()]
            spans = [(0.7, 1.1), (-0.2, 0.2), (-0.2, 0.2), (0.6, 1.4)][4 - len(shapes) :]
            layer.set_weights([rng.uniform(lo, hi, s).astype("f4") for (lo, hi), s in zip(spans, shapes)])


def from_keras(model, batch, rng):
    as_if_trained(model, rng)
    shape = [batch] + [d or 224 for d in model.input_shape[1:]]
    return lambda x: model(x, training=False), [rng.normal(size=shape).astype("f4")], model


def build(name, batch, rng):
    """A function, its inputs, and what must live as long as it does."""
    if name == "bert_base":
        return bert_base(batch)
    own = {"mlp": mlp, "lstm": lstm, "vit_small": vit_small, "unet": unet}
    return from_keras(own[name]() if name in own else application(APPLICATIONS.get(name, name)), batch, rng)


def known(name):
    """Whether a name is one of ours, or looks like one of keras.applications: making it tells."""
    return name in NAMES + OTHERS or name[:1].isupper() and name.isalnum()


def traced(name, batch):
    """The model as a function of TensorFlow, the same each time, and its inputs."""
    import keras
    import numpy as np
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")
    keras.utils.set_random_seed(1)
    function, arrays, keep = build(name, batch, np.random.default_rng(1))
    specs = [tf.TensorSpec(x.shape, x.dtype, f"x{i}") for i, x in enumerate(arrays)]
    function = tf.function(function).get_concrete_function(*specs)
    function.keep = keep
    return function, arrays


def make_one(folder, name, batch):
    import numpy as np
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    function, arrays = traced(name, batch)
    frozen = convert_variables_to_constants_v2(function)
    answers = [t.numpy() for t in frozen(*map(tf.constant, arrays))]
    with open(f"{folder}/{name}.pb", "wb") as f:
        f.write(frozen.graph.as_graph_def().SerializeToString())
    z = {f"in/{t.name}": x for t, x in zip(frozen.inputs, arrays)} | {f"out/{t.name}": a for t, a in zip(frozen.outputs, answers)}
    np.savez(f"{folder}/{name}.part.npz", **z)


def convert_onnx(folder, name, batch):
    """From a graph whose loops are functions: the converter knows an LSTM only there."""
    import tf2onnx
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    function, _ = traced(name, batch)
    frozen = convert_variables_to_constants_v2(function, lower_control_flow=False, aggressive_inlining=True)
    tf2onnx.convert.from_graph_def(
        frozen.graph.as_graph_def(), name=name, opset=17, output_path=f"{folder}/{name}.onnx",
        input_names=[t.name for t in frozen.inputs], output_names=[t.name for t in frozen.outputs],
    )


def convert_tflite(folder, name, batch):
    """From the model itself: with a frozen graph the converter holds some twenty copies of all weights."""
    import tensorflow as tf
    from tensorflow.lite.python import lite

    # It searches for weights that occur twice, for minutes where they are large, and finds none.
    lite._deduplicate_readonly_buffers = lambda data: data
    function, arrays = traced(name, batch)
    owner = tf.Module()
    owner.weights = list(function.variables)
    data = lite.TFLiteConverterV2.from_concrete_functions([function], owner).convert()
    with open(f"{folder}/{name}.tflite", "wb") as f:
        f.write(data)


STEPS = {"make": make_one, "onnx": convert_onnx, "tflite": convert_tflite}


def step(what, folder, name, batch):
    """In a process of its own, which gives its memory back, and may die. Why it failed, or nothing."""
    words = [sys.executable, os.path.abspath(__file__), "--step", what, folder, name, str(batch)]
    try:
        p = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=CONVERT_SECS)
    except subprocess.TimeoutExpired:
        return f"not done after {CONVERT_SECS} s"
    if p.returncode == 0:
        return None
    said = [s for s in p.stderr.splitlines() if s.strip()] or ["no message"]
    return f"ended by signal {-p.returncode}" if p.returncode < 0 else said[-1].strip()


def make(folder, names, batch):
    os.makedirs(folder, exist_ok=True)
    for name in names:
        if os.path.exists(f"{folder}/{name}.npz"):
            continue
        print(f"making {name}", file=sys.stderr)
        why = step("make", folder, name, batch)
        if why:
            sys.exit(f"cannot make {name}: {why}")
        for peer in ("onnx", "tflite"):
            why = step(peer, folder, name, batch)
            if why:
                print(f"{name}: no {peer} model: {why[:150]}", file=sys.stderr)
                with open(f"{folder}/{name}.{peer}.failed", "w") as f:
                    f.write(why + "\n")
        os.rename(f"{folder}/{name}.part.npz", f"{folder}/{name}.npz")


def main():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    if sys.argv[1] == "--step":
        what, folder, name, batch = sys.argv[2:]
        STEPS[what](folder, name, int(batch))
    else:
        make(sys.argv[1], sys.argv[3:], int(sys.argv[2]))


if __name__ == "__main__":
    main()
