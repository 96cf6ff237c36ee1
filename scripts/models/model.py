"""What a model is."""

import collections

Model = collections.namedtuple("Model", "name build inputs sizes")
MODELS = []


def model(inputs, **sizes):
    """Registers a function that builds a Keras model, or a function of tensors.

    inputs: "name: kind dims; …", with kinds as random_input() of keras_models.py has them. A dimension is a number or
    a letter of sizes, which has two values for each; the builder gets each as a number, or None where it is open.
    """

    def register(build):
        parsed = []
        for text in inputs.split(";"):
            name, rest = text.split(":")
            kind, *dims = rest.split()
            parsed.append((name.strip(), kind, dims))
        MODELS.append(Model(build.__name__, build, parsed, sizes))
        return build

    return register
