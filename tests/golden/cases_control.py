"""Functions, branches, loops, tensor lists and arrays, in both forms that files have them in."""

import numpy as np
import tensorflow as tf
from golden import EXACT, SMOOTH, SUMS, case, const, f, i, node, raw, tf1

I32 = lambda *v: const(np.array(v, np.int32))
N = lambda v: np.array(v, np.int32)
B = lambda v: np.array(v, bool)


def frames(build):
    """build with Switch, Merge, Enter, …, instead of functions."""

    def run(*args):
        tf1.disable_control_flow_v2()
        try:
            return build(*args)
        finally:
            tf1.enable_control_flow_v2()

    return run


def forms(function_op, frame_op, variant, build, *inputs, **kw):
    case(f"{function_op}/{variant}", build, *inputs, **kw)
    case(f"{frame_op}/{variant}", frames(build), *inputs, **kw)


# -- Branches --------------------------------------------------------------------------------------------
def branch(variant, build, *inputs, **kw):
    forms("If", "Switch", variant, build, *inputs, **kw)


two = lambda x, p: tf.cond(p, lambda: (x * 2, tf.constant(1)), lambda: (x - 1, tf.constant(2)))
branch("true", two, f(2, 3), B(True))
branch("false", two, f(2, 3), B(False))
branch("computed", lambda x: tf.cond(tf.reduce_sum(x) > 1e6, lambda: x * 2, lambda: x + 1), f(2, 3))
branch("known", lambda x: tf.cond(const(True), lambda: x * 2, lambda: tf.cast(tf.linalg.det(x), tf.float32)), f(3, 3))
nest = lambda x, n: tf.cond(
    n > 2,
    lambda: tf.cond(n > 5, lambda: x * 2, lambda: x * 3),
    lambda: tf.cond(n < 0, lambda: x - 1, lambda: x - 2),
)
for k in (9, 3, -1, 1):
    branch(f"nested_{k}".replace("-", "m"), nest, f(2, 3), N(k))
same = lambda x, p: tf.cond(p, lambda: tf.cond(p, lambda: x * 2, lambda: x * 3), lambda: x) * tf.cond(
    p, lambda: tf.reduce_sum(x), lambda: tf.constant(2.0)
)
branch("same_predicate", same, f(2, 3), B(False))


def chain(x, p):
    for k in range(12):
        x = tf.cond(p, lambda: x * 1.5, lambda: x + k)
    return x


branch("chain", chain, f(4), B(True), tol=SMOOTH)
branch("case", lambda x, n: tf.case([(n < 1, lambda: x), (n < 5, lambda: x * 2)], default=lambda: x * 3), f(3), N(3))


def asserted(x, n):
    with tf.control_dependencies([tf1.assert_greater(n, 1), tf1.Assert(n > 0, [n])]):
        return x * tf.cast(n, tf.float32)


branch("assert", asserted, f(3), N(3))
case("If/number", lambda x, n: raw.If(cond=n, input=[x], Tout=[tf.float32], then_branch=doubled(), else_branch=halved()), f(3), N(7))
case("If/number_zero", lambda x, n: raw.If(cond=n, input=[x], Tout=[tf.float32], then_branch=doubled(), else_branch=halved()), f(3), N(0))


def doubled():
    return tf.function(lambda x: x * 2).get_concrete_function(tf.TensorSpec([3], tf.float32))


def halved():
    return tf.function(lambda x: x / 2).get_concrete_function(tf.TensorSpec([3], tf.float32))


for k in (0, 2, 3, 9, -1):
    case(
        f"Case/branch_{k}".replace("-", "m"),
        lambda x, n: tf.switch_case(n, [lambda: x, lambda: x * 2, lambda: x * 3, lambda: x - 4]),
        f(2, 3),
        N(k),
    )


def merge(x, p):
    s = raw.Switch(data=x, pred=p)
    m = raw.Merge(inputs=[s[0] * 2, s[1] + 1])
    return m[0], m[1]


case("Merge/index_true", merge, f(3), B(True))
case("Merge/index_false", merge, f(3), B(False))


def swapped(x, p):
    s = raw.Switch(data=x, pred=p)
    m = raw.Merge(inputs=[s[1] * 2, s[0] + 1])
    return m[0], m[1]


case("Merge/swapped", swapped, f(3), B(False))


def control_only(x, p):
    s = raw.Switch(data=p, pred=p)
    with tf.control_dependencies([tf.identity(s[1])]):
        a = const(np.array([1, 2, 3], np.float32))
    with tf.control_dependencies([tf.identity(s[0])]):
        b = const(np.array([4, 5, 6], np.float32))
    return raw.Merge(inputs=[a, b])[0] + x


case("Merge/control_edges", control_only, f(3), B(True))


# -- Loops -----------------------------------------------------------------------------------------------
def loop(variant, build, *inputs, **kw):
    forms("While", "Enter", variant, build, *inputs, **kw)


times = lambda x, n: tf.while_loop(lambda k, y: k < n, lambda k, y: (k + 1, y * 0.5 + x), (0, x))
for k in (0, 1, 7):
    loop(f"times_{k}", times, f(2, 3), N(k), tol=SMOOTH)
loop("data", lambda x: tf.while_loop(lambda y: tf.reduce_sum(y) < 100.0, lambda y: (y * 1.5 + 1,), (x,)), f(2, 3), tol=SMOOTH)
inner = lambda x, y, k: tf.while_loop(lambda j, a: j <= k, lambda j, a: (j + 1, a * 0.5 + x), (0, y))[1]
loop(
    "nested",
    lambda x, n: tf.while_loop(lambda k, y: k < n, lambda k, y: (k + 1, inner(x, y, k)), (0, x))[1],
    f(2, 3),
    N(4),
    tol=SMOOTH,
)
loop(
    "cond_inside",
    lambda x, n: tf.while_loop(
        lambda k, y: k < n,
        lambda k, y: (k + 1, tf.cond(tf.equal(k % 2, 0), lambda: y * 2, lambda: y + x)),
        (0, x),
    )[1],
    f(2, 3),
    N(5),
)
loop(
    "cond_of_outer",
    lambda x, n: tf.while_loop(
        lambda k, y: k < n,
        lambda k, y: (k + 1, tf.cond(tf.reduce_sum(x) > 0, lambda: y * 2, lambda: y + x)),
        (0, x),
    )[1],
    f(2, 3),
    N(5),
)
loop(
    "inside_cond",
    lambda x, n: tf.cond(n > 2, lambda: times(x, n)[1], lambda: x - 1),
    f(2, 3),
    N(3),
    tol=SMOOTH,
)
loop("swap", lambda x, y: tf.while_loop(lambda k, a, b: k < 3, lambda k, a, b: (k + 1, b, a), (0, x, y)), f(3), f(3))
loop("map_fn", lambda x: tf.map_fn(lambda r: tf.reduce_sum(r) * r, x), f(4, 3), tol=SUMS)
loop("scan", lambda x: tf.scan(lambda a, r: a * 0.5 + r, x), f(4, 3), tol=SMOOTH)
loop("scan_reverse", lambda x: tf.scan(lambda a, r: a * 0.5 + r, x, reverse=True), f(4, 3), tol=SMOOTH)
loop("foldl", lambda x: tf.foldl(lambda a, r: a * 0.5 + r, x), f(4, 3), tol=SMOOTH)
loop("foldr", lambda x: tf.foldr(lambda a, r: a * 0.5 + r, x), f(4, 3), tol=SMOOTH)
loop(
    "sizes_grow",
    lambda x: tf.while_loop(
        lambda k, y: k < 3,
        lambda k, y: (k + 1, tf.concat([y, x], 0)),
        (0, x),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, 3])),
    )[1],
    f(2, 3),
)


# -- Functions -------------------------------------------------------------------------------------------
def calls(x):
    @tf.function
    def g(a, b):
        return a * 2 + b, a - b

    @tf.function
    def h(a):
        return g(*g(a, a + 1))

    return h(x)


case("PartitionedCall/nested", calls, f(2, 3))


def outputs_by_name(x):
    @tf.function
    def g(a):
        v, k = tf.math.top_k(a, 2)
        parts = tf.split(a, 2, axis=1)
        return k, v, parts[1], tf.unstack(a)[1]

    return g(x)


case("PartitionedCall/output_names", outputs_by_name, f(2, 4))


# -- Tensor arrays ---------------------------------------------------------------------------------------
def written(x, n, size=None, **kw):
    a = tf.TensorArray(tf.float32, size=n if size is None else size, **kw)
    return tf.while_loop(
        lambda k, a: k < n, lambda k, a: (k + 1, a.write(k, x * tf.cast(k, tf.float32))), (0, a)
    )[1]


def both_arrays(variant, build, *inputs, **kw):
    forms("TensorListSetItem", "TensorArrayV3", variant, build, *inputs, **kw)


both_arrays("stack", lambda x: written(x, 4).stack(), f(2, 3))
both_arrays("concat", lambda x: written(x, 4).concat(), f(2, 3))
both_arrays("gather", lambda x: written(x, 4).gather([2, 0]), f(2, 3))
both_arrays("read", lambda x: written(x, 4).read(3), f(2, 3))
both_arrays("size", lambda x: (written(x, 4).size(), x), f(2, 3))
both_arrays("unstack", lambda x: tf.TensorArray(tf.float32, size=3).unstack(x).gather([1, 0]), f(3, 2))
both_arrays("scatter", lambda x: tf.TensorArray(tf.float32, size=3).scatter([2, 0, 1], x).stack(), f(3, 2))
both_arrays("split", lambda x: tf.TensorArray(tf.float32, size=2).split(x, [2, 2]).stack(), f(4, 2))
both_arrays("length_of_data", lambda x, n: written(x, n).stack(), f(2, 3), N(3))
both_arrays("grows", lambda x, n: written(x, n, 0, dynamic_size=True).stack(), f(2, 3), N(3))


def ragged(x, n):
    a = tf.TensorArray(tf.float32, size=n, infer_shape=False)
    a = tf.while_loop(lambda k, a: k < n, lambda k, a: (k + 1, a.write(k, x[: k + 1])), (0, a))[1]
    return a.concat()


both_arrays("elements_differ", ragged, f(4, 3), N(3))


# -- Tensor lists ----------------------------------------------------------------------------------------
def pushed(x, shape=(3,)):
    t = raw.EmptyTensorList(element_shape=I32(*shape), max_num_elements=-1, element_dtype=tf.float32)
    for k in range(3):
        t = raw.TensorListPushBack(input_handle=t, tensor=x[k])
    return t


def stack(t, *shape):
    return raw.TensorListStack(input_handle=t, element_shape=I32(*shape), element_dtype=tf.float32)


case("TensorListPushBack/stack", lambda x: stack(pushed(x), 3), f(4, 3))


def popped(x):
    t, last = raw.TensorListPopBack(input_handle=pushed(x), element_shape=I32(3), element_dtype=tf.float32)
    return last, stack(t, 3), raw.TensorListLength(input_handle=t)


case("TensorListPopBack/last", popped, f(4, 3))
case("TensorListResize/shorter", lambda x: stack(raw.TensorListResize(input_handle=pushed(x), size=2), 3), f(4, 3))
case("TensorListResize/longer", lambda x: stack(raw.TensorListResize(input_handle=pushed(x), size=5), 3), f(4, 3))
case(
    "TensorListElementShape/known",
    lambda x: (x, raw.TensorListElementShape(input_handle=pushed(x), shape_type=tf.int64)),
    f(4, 3),
)
case(
    "TensorListGather/rows",
    lambda x: raw.TensorListGather(
        input_handle=pushed(x), indices=I32(2, 0), element_shape=I32(3), element_dtype=tf.float32
    ),
    f(4, 3),
)
case(
    "TensorListScatterV2/rows",
    lambda x: stack(
        raw.TensorListScatterV2(tensor=x, indices=I32(2, 0), element_shape=I32(3), num_elements=4), 3
    ),
    f(2, 3),
)
case(
    "TensorListScatterIntoExistingList/rows",
    lambda x: stack(
        raw.TensorListScatterIntoExistingList(input_handle=pushed(x), tensor=x[2:], indices=I32(2, 0)), 3
    ),
    f(4, 3),
)
case(
    "TensorListConcatLists/two",
    lambda x: stack(raw.TensorListConcatLists(input_a=pushed(x), input_b=pushed(x * 2), element_dtype=tf.float32), 3),
    f(4, 3),
)
case(
    "TensorListConcatV2/alike",
    lambda x: list(
        raw.TensorListConcatV2(
            input_handle=raw.TensorListFromTensor(tensor=x, element_shape=I32(2, 3)),
            element_shape=I32(-1, 3),
            leading_dims=np.zeros(0, np.int64),
            element_dtype=tf.float32,
        )
    ),
    f(4, 2, 3),
)
case(
    "TensorListSplit/alike",
    lambda x: stack(raw.TensorListSplit(tensor=x, element_shape=I32(-1, 3), lengths=np.array([2, 2])), 2, 3),
    f(4, 3),
)
case(
    "TensorListReserve/unwritten",
    lambda x: (
        x,
        stack(raw.TensorListReserve(element_shape=I32(2), num_elements=3, element_dtype=tf.float32), 2),
    ),
    f(1),
)
