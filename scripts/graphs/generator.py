"""Builds a random graph step by step. Each step is run eagerly first: that gives its shape and TensorFlow's answer."""

import random
from dataclasses import dataclass, field
from typing import Callable, Optional

import numpy as np
import tensorflow as tf

CHANNELS = [1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 33, 48]
MAX_ELEMENTS = 60000
FLOATS = (tf.float32, tf.float64, tf.float16, tf.bfloat16)
SIGNED = (tf.int8, tf.int16, tf.int32, tf.int64)
INTS = SIGNED + (tf.uint8, tf.uint16, tf.uint32, tf.uint64)
NUMBERS = FLOATS + INTS
ALL = NUMBERS + (tf.bool,)
COMPLEX = (tf.complex64, tf.complex128)
INPUT_TYPES = {tf.float32: 60, tf.float64: 5, tf.float16: 5, tf.bfloat16: 4, tf.int32: 8, tf.int64: 4, tf.uint8: 4,
               tf.int8: 3, tf.int16: 2, tf.uint16: 1, tf.uint32: 1, tf.uint64: 1, tf.bool: 4, tf.complex64: 2}

# How exact a step is. KEEP: its result has rounding errors only if an operand has (moves, min, max, integers).
# ROUND: it rounds. JUMP: it turns a rounding error into another answer (comparisons, floor, argmax), so that
# it is only used on operands without any.
TOLERANCE = {"float64": 1e-9, "complex128": 1e-9, "float32": 1e-4, "complex64": 1e-4, "float16": 2e-2,
             "bfloat16": 1.2e-1}  # a share of the tensor's largest element
EPSILON = {tf.float64: 2e-16, tf.float32: 1.2e-7, tf.float16: 1e-3, tf.bfloat16: 8e-3}
KEEP, ROUND, JUMP = "keep", "round", "jump"


@dataclass
class Pattern:
    make: Callable  # (generator, sample value) -> step, or (step, number of another value, ...), or None
    weight: float = 1
    rank: Optional[int] = None  # that it needs
    dtypes: tuple = (tf.float32,)
    exact: str = ROUND
    least_rank: int = 1
    special: bool = True  # may be used when the inputs hold NaN and infinity
    name: str = field(default="")

    def __post_init__(self):
        self.name = self.name or self.make.__name__


def sizes(x):
    """A size that is open in the graph is computed there."""
    dynamic = tf.shape(x)
    return [dynamic[i] if n is None else n for i, n in enumerate(x.shape)]


def is_float(t):
    return t.is_floating or t.is_complex


class Generator:
    def __init__(self, seed, patterns):
        self.r = random.Random(seed)
        self.np = np.random.default_rng(seed)
        self.patterns = patterns
        self.values, self.exact, self.steps, self.inputs, self.used, self.names = [], [], [], [], set(), []
        self.coarsest = []  # of each value: the least precise type of floats that it was computed in
        self.special = self.r.random() < 0.08  # NaN and infinity in the inputs
        self.typed = self.r.random() < 0.45  # types other than float32
        self.control_v1 = self.r.random() < 0.5

    # -- Data ---------------------------------------------------------------------------------------------------
    def weight(self, *shape, scale=None):
        scale = scale or 1 / np.sqrt(max(np.prod(shape[:-1]), 1))
        return self.np.normal(0, scale, shape).astype("f")

    def array(self, shape, dtype, least=None, most=None):
        """Elements of any type: small integers, normal floats."""
        n, t = self.np, dtype.as_numpy_dtype
        if dtype == tf.bool:
            return np.asarray(n.random(shape) < 0.5)
        if dtype.is_complex:
            return np.asarray(n.normal(0, 1, shape) + 1j * n.normal(0, 1, shape)).astype(t)
        if dtype.is_floating:
            return np.asarray(n.normal(0, 1, shape)).astype(t)
        low = least if least is not None else (0 if dtype.is_unsigned else -9)
        return np.asarray(n.integers(low, most or 10, shape)).astype(t)

    def elements(self, shape, dtype):
        """Of an input."""
        x = self.array(shape, dtype)
        if self.special and dtype.is_floating and x.size:
            odd = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0]).astype(x.dtype)  # no denormals: flushed or not
            x = np.where(self.np.random(shape) < 0.1, self.np.choice(odd, shape), x)
        return np.asarray(x)

    def constant(self, shape, dtype):
        return tf.constant(self.array(shape, dtype), dtype)

    def input(self):
        r = self.r
        dtype = r.choices(list(INPUT_TYPES), list(INPUT_TYPES.values()))[0] if self.typed else tf.float32
        image = dtype == tf.float32 and r.random() < 0.75
        rank = r.choice([2, 3, 4, 4, 4, 4]) if image else r.choice([0, 1, 2, 2, 3, 3, 4, 5])
        if image:
            shape = [r.choice([0, 1, 1, 1, 2, 2, 3, 5])]
            shape += [r.randint(1, 19) for _ in range(rank - 2)] + [r.choice(CHANNELS)]
        else:
            shape = [r.choice([0, 1, 1, 2, 3, 4, 5, 7, 16, 17]) for _ in range(rank)]
        x = self.elements(shape, dtype)
        last = rank - 1
        spec = [None if (not image or d < last) and r.random() < (0.4 if d == 0 else 0.15) else n
                for d, n in enumerate(shape)]
        self.inputs.append((x, dtype, spec))
        self.add(tf.constant(x, dtype), True, "input")

    def add(self, y, exact, name, args=()):
        types = [y.dtype.name, *(self.coarsest[a] for a in args)]
        self.values.append(y)
        self.coarsest.append(max(types, key=lambda t: TOLERANCE.get(t, 0)))
        self.exact.append(exact or not is_float(y.dtype))
        self.names.append(name)

    # -- Choosing -----------------------------------------------------------------------------------------------
    def fits(self, i, p):
        v = self.values[i]
        return v.dtype in p.dtypes and (len(v.shape) == p.rank if p.rank is not None else len(v.shape) >= p.least_rank) \
            and (p.exact != JUMP or self.exact[i])

    def pick(self, p):
        """Prefers the latest value, so that graphs get deep."""
        fit = [i for i in range(len(self.values)) if self.fits(i, p)]
        if not fit:
            return None
        return fit[-1] if self.r.random() < 0.7 else self.r.choice(fit)

    def like(self, x, broadcasts=False):
        """The numbers of values of x's type and shape, or whose shape broadcasts with it."""
        def fit(v):
            if v.dtype != x.dtype:
                return False
            try:
                return v.shape == x.shape or broadcasts and np.broadcast_shapes(v.shape, x.shape) is not None
            except ValueError:
                return False
        return [i for i, v in enumerate(self.values) if fit(v)]

    def try_step(self, p):
        if self.special and not p.special:
            return False
        i = self.pick(p)
        if i is None:
            return False
        made = p.make(self, self.values[i])
        if made is None:
            return False
        step, *others = made if isinstance(made, tuple) else (made,)
        args = [i, *others]
        if p.exact == JUMP and not all(self.exact[a] for a in args):
            return False
        try:
            y = step(*(self.values[a] for a in args))
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError, tf.errors.NotFoundError, ValueError,
                TypeError):
            return False
        if y.shape.num_elements() > MAX_ELEMENTS or len(y.shape) > 6:
            return False
        if is_float(y.dtype) and y.shape.num_elements():
            values = y.numpy().astype("complex128" if y.dtype.is_complex else "d")
            finite = np.isfinite(values)
            if not np.abs(values[finite]).max(initial=0) < 1e4:
                return False
            if not finite.all() and not self.special and all(v.shape.num_elements() for v in self.values):
                return False
        self.steps.append((step, args))
        self.used.update(args)
        self.add(y, p.exact != ROUND and all(self.exact[a] for a in args), p.name, args)
        return True

    def grow(self, nodes):
        for _ in range(self.r.choice([1, 1, 2, 3])):
            self.input()
        wanted, tries = self.r.randint(3, max(nodes, 3)), 0
        weights = [p.weight for p in self.patterns]
        while len(self.steps) < wanted and tries < 10 * wanted:
            self.try_step(self.r.choices(self.patterns, weights)[0])
            tries += 1

    # -- The graph ----------------------------------------------------------------------------------------------
    def outputs(self):
        first = len(self.inputs)
        outs = [i for i in range(first, len(self.values)) if i not in self.used]
        if self.r.random() < 0.3 and len(self.values) > first:
            outs.append(self.r.randrange(first, len(self.values)))
        return outs

    def other_inputs(self):
        """Inputs of other sizes where dimensions are open; equal sizes stay equal. None if all are known."""
        new = {n: max(n + self.r.choice([-1, 1, 1, 2, 3]), 0) for x, _, _ in self.inputs for n in x.shape}
        shapes = [[new[n] if d is None else n for d, n in zip(spec, x.shape)] for x, _, spec in self.inputs]
        if all(tuple(s) == x.shape for s, (x, _, _) in zip(shapes, self.inputs)):
            return None
        if any(0 in s or not x.size for s, (x, _, _) in zip(shapes, self.inputs)):
            return None  # TensorFlow hardly checks sizes where nothing is computed
        return [self.elements(s, t) for s, (_, t, _) in zip(shapes, self.inputs)]

    def replay(self, inputs, outs, moved):
        """Some values, computed again; all floats on the way move by `moved` rounding errors of the largest."""
        def move(y):
            if not moved or y.dtype not in EPSILON or not y.shape.num_elements():
                return y
            a = y.numpy().astype("d")
            a = a + moved * EPSILON[y.dtype] * np.abs(a[np.isfinite(a)]).max(initial=0) * self.np.choice([-1, 1], a.shape)
            return tf.constant(a.astype(y.dtype.as_numpy_dtype), y.dtype)
        values = [move(tf.constant(inputs.get(f"in{i}", x), t)) for i, (x, t, _) in enumerate(self.inputs)]
        for step, args in self.steps:
            values.append(move(tf.convert_to_tensor(step(*(values[a] for a in args)))))
        return [values[i].numpy() for i in outs]

    def graph_def(self, outs):
        """The steps as a GraphDef with placeholders in0, in1, … and outputs result0, result1, …"""
        graph = tf.Graph()
        (tf.compat.v1.disable_control_flow_v2 if self.control_v1 else tf.compat.v1.enable_control_flow_v2)()
        with graph.as_default():
            values = [tf.compat.v1.placeholder(t, s, f"in{i}") for i, (_, t, s) in enumerate(self.inputs)]
            for step, args in self.steps:
                values.append(step(*(values[a] for a in args)))
            for k, i in enumerate(outs):
                tf.identity(values[i], name=f"result{k}")
        tf.compat.v1.enable_control_flow_v2()
        return tf.compat.v1.graph_util.extract_sub_graph(graph.as_graph_def(),
                                                         [f"result{k}" for k in range(len(outs))])
