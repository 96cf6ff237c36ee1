"""What a model is."""

import collections

Model = collections.namedtuple("Model", "name build inputs sizes v1 refused")
MODELS = []


def model(inputs, v1=False, refused=None, **sizes):
    """Registers a function that builds a Keras model, or a function of tensors.

    inputs: "name: kind dims; …", with kinds as random_input() of keras_models.py has them. A dimension is a number or
    a letter of sizes, which has two values for each; the builder gets each as a number, or None where it is open.
    v1: the function is called in a graph with TensorFlow 1's control flow, and may use its variables.
    refused: words of the reason why jitc cannot compute it.
    """

    def register(build):
        parsed = []
        for text in inputs.split(";"):
            name, rest = text.split(":")
            kind, *dims = rest.split()
            parsed.append((name.strip(), kind, dims))
        MODELS.append(Model(build.__name__, build, parsed, sizes, v1, refused))
        return build

    return register
