"""Makes the benchmark's models: standard architectures with seeded random weights, frozen.

Per model NAME, in one folder: NAME.pb, NAME.onnx and NAME.tflite, and NAME.npz with the inputs ("in/TENSOR")
and TensorFlow's answer ("out/TENSOR"). A model that is there already is left alone.
"""

import os
import sys

APPLICATIONS = {
    "resnet50": ("ResNet50", 224),
    "mobilenet_v2": ("MobileNetV2", 224),
    "efficientnet_b0": ("EfficientNetB0", 224),
    "densenet121": ("DenseNet121", 224),
    "inception_v3": ("InceptionV3", 299),
}
NAMES = ["mlp", *APPLICATIONS]


def build(name):
    """A Keras model that ends in logits: a softmax would hide errors."""
    import keras

    if name == "mlp":
        layers = [keras.Input((784,))] + [keras.layers.Dense(512, "relu") for _ in range(3)]
        return keras.Sequential(layers + [keras.layers.Dense(10)])
    cls, size = APPLICATIONS[name]
    make = getattr(keras.applications, cls)
    return make(weights=None, input_shape=(size, size, 3), classifier_activation=None)


def as_if_trained(model, rng):
    """Fresh batch norms have mean 0 and variance 1, which would make folding them trivial."""
    import keras

    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            shapes = [w.shape for w in layer.get_weights()]
            spans = [(0.7, 1.1), (-0.2, 0.2), (-0.2, 0.2), (0.6, 1.4)][4 - len(shapes) :]
            layer.set_weights([rng.uniform(lo, hi, s).astype("f4") for (lo, hi), s in zip(spans, shapes)])


def write_peers(folder, name, graph_def, function, inputs, outputs):
    import tensorflow as tf
    import tf2onnx

    try:
        tf2onnx.convert.from_graph_def(
            graph_def, name=name, input_names=inputs, output_names=outputs, opset=17,
            output_path=f"{folder}/{name}.onnx",
        )
    except Exception as e:
        print(f"{name}: no ONNX model: {str(e)[:100]}", file=sys.stderr)
    try:
        data = tf.lite.TFLiteConverter.from_concrete_functions([function]).convert()
        with open(f"{folder}/{name}.tflite", "wb") as f:
            f.write(data)
    except Exception as e:
        print(f"{name}: no LiteRT model: {str(e)[:100]}", file=sys.stderr)


def make(folder, names, batch):
    names = [n for n in names if not os.path.exists(f"{folder}/{n}.npz")]
    if not names:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.makedirs(folder, exist_ok=True)
    import keras
    import numpy as np
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    tf.get_logger().setLevel("ERROR")
    for name in names:
        print(f"making {name}", file=sys.stderr)
        keras.utils.set_random_seed(1)
        rng = np.random.default_rng(1)
        model = build(name)
        as_if_trained(model, rng)
        spec = tf.TensorSpec([batch, *model.input_shape[1:]], tf.float32)
        function = tf.function(lambda x: model(x, training=False)).get_concrete_function(spec)
        frozen = convert_variables_to_constants_v2(function)
        graph_def = frozen.graph.as_graph_def()
        x = rng.normal(size=spec.shape).astype("f4")
        answers = [t.numpy() for t in frozen(tf.constant(x))]
        inputs, outputs = [t.name for t in frozen.inputs], [t.name for t in frozen.outputs]
        with open(f"{folder}/{name}.pb", "wb") as f:
            f.write(graph_def.SerializeToString())
        write_peers(folder, name, graph_def, function, inputs, outputs)
        arrays = {f"in/{inputs[0]}": x} | {f"out/{n}": a for n, a in zip(outputs, answers)}
        np.savez(f"{folder}/{name}.npz", **arrays)
