"""Elementwise arithmetic, comparison, logic, selection and reductions."""

import numpy as np
import tensorflow as tf
from golden import (
    EXACT,
    MATHS,
    MATHS64,
    SMOOTH,
    SPECIAL,
    SUMS,
    SUMS64,
    b,
    case,
    cases,
    const,
    d,
    f,
    i,
    node,
    raw,
    strip,
)  # noqa: F401

# -- Unary -------------------------------------------------------------------------------------------------
# name of the input, range, tolerance; the special values go in where TensorFlow's vector and scalar code agree
UNARY = {
    "Relu": ("features", -2, 2, EXACT),
    "Relu6": ("features", -3, 9, EXACT),
    "Elu": ("features", -4, 4, MATHS),
    "Selu": ("features", -4, 4, MATHS),
    "Softplus": ("features", -20, 20, SMOOTH),
    "Softsign": ("features", -4, 4, SMOOTH),
    "Sigmoid": ("x", -8, 8, SMOOTH),
    "Tanh": ("x", -9, 9, SMOOTH),
    "Exp": ("x", -20, 20, SMOOTH),
    "Log": ("x", 1, 9, MATHS),
    "Sqrt": ("x", 0, 9, SMOOTH),
    "Rsqrt": ("x", 1, 9, SMOOTH),
    "Square": ("x", -4, 4, SMOOTH),
    "Neg": ("x", -4, 4, EXACT),
    "Abs": ("x", -4, 4, EXACT),
    "Sign": ("x", -1, 1, EXACT),
    "Floor": ("x", -4, 4, EXACT),
    "Ceil": ("x", -4, 4, EXACT),
    "Round": ("x", -4, 4, EXACT),
    "Rint": ("x", -4, 4, EXACT),
    "Sin": ("x", -9, 9, MATHS),
    "Cos": ("x", -9, 9, MATHS),
    "Erf": ("x", -4, 4, SMOOTH),
    "Log1p": ("x", 0, 4, MATHS),
    "Expm1": ("x", -4, 4, MATHS),
    "Reciprocal": ("x", 1, 9, SMOOTH),
    "Inv": ("x", 1, 9, SMOOTH),
    "IsNan": ("x", -1, 1, EXACT),
    "IsInf": ("x", -1, 1, EXACT),
    "IsFinite": ("x", -1, 1, EXACT),
    "Tan": ("x", -1, 1, MATHS),
    "Atan": ("x", -4, 4, MATHS),
    "Erfc": ("x", -2, 2, MATHS),
    "Sinh": ("x", -4, 4, MATHS),
    "Cosh": ("x", -4, 4, MATHS),
}
for op, (arg, lo, hi, tol) in UNARY.items():
    unary = lambda x, op=op, arg=arg: getattr(raw, op)(**{arg: x})
    case(f"{op}/f32", unary, f(3, 5, 17, lo=lo, hi=hi), tol=tol)
    case(f"{op}/f64", unary, d(9, lo=lo, hi=hi), tol=EXACT if tol == EXACT else MATHS64)
    # Sines of huge angles are noise.
    case(
        f"{op}/special",
        unary,
        SPECIAL[~(np.abs(SPECIAL) > 1e6)] if op in ("Sin", "Cos", "Tan") else SPECIAL,
        tol=tol,
    )
for op in ("Relu", "Neg", "Abs", "Sign", "Square", "Sigmoid", "Exp"):
    arg = UNARY[op][0]
    unary = lambda x, op=op, arg=arg: getattr(raw, op)(**{arg: x})
    case(f"{op}/scalar", unary, np.float32(-1.25), tol=UNARY[op][3])
    case(f"{op}/empty", unary, f(0, 3), tol=UNARY[op][3])
    case(f"{op}/open_rank", unary, f(2, 3), tol=UNARY[op][3], dyn="rank")
    if op not in ("Sigmoid", "Exp"):
        case(f"{op}/i32", unary, i(3, 7))
        case(f"{op}/i64", unary, i(5, dtype=np.int64))
case("Abs/i32_lowest", lambda x: raw.Abs(x=x), np.array([-2147483648, 2147483647], np.int32))
case("Neg/i32_lowest", lambda x: raw.Neg(x=x), np.array([-2147483648, 2147483647], np.int32))
case("Square/i32_wraps", lambda x: raw.Square(x=x), np.array([65536, 46341, -99999], np.int32))
cases(
    "LeakyRelu",
    lambda x, **kw: raw.LeakyRelu(features=x, **kw),
    f(3, 17),
    tol=SMOOTH,
    variants={
        "default": {},
        "alpha01": dict(alpha=0.1),
        "alpha_over_1": dict(alpha=1.5),
        "alpha_negative": dict(alpha=-0.5),
    },
)
case("LeakyRelu/stripped", lambda x: raw.LeakyRelu(features=x), f(4, 5), tol=SMOOTH, edit=strip("alpha"))
case(
    "ClipByValue/scalars",
    lambda x: raw.ClipByValue(
        t=x, clip_value_min=const(np.float32(-1)), clip_value_max=const(np.float32(0.5))
    ),
    f(4, 9),
)
case(
    "ClipByValue/tensors",
    lambda x, y, z: raw.ClipByValue(t=x, clip_value_min=y, clip_value_max=z),
    f(4, 9),
    f(4, 9, lo=-2, hi=-1),
    f(4, 9, lo=0, hi=1),
)
case(
    "ClipByValue/nan",
    lambda x: raw.ClipByValue(t=x, clip_value_min=const(np.float32(-1)), clip_value_max=const(np.float32(6))),
    SPECIAL,
)
case(
    "ClipByValue/i32",
    lambda x: raw.ClipByValue(t=x, clip_value_min=const(np.int32(-3)), clip_value_max=const(np.int32(4))),
    i(17),
)

# -- Binary ------------------------------------------------------------------------------------------------
SHAPES = {
    "same": ((3, 5, 17), (3, 5, 17)),
    "scalar": ((4, 9), ()),
    "scalar_left": ((), (4, 9)),
    "channels": ((2, 3, 3, 33), (33,)),
    "rows": ((4, 5), (4, 1)),
    "outer": ((5, 1), (7,)),
    "middle": ((2, 3, 4), (2, 1, 4)),
    "both": ((3, 1, 5), (1, 4, 1)),
    "rank_left": ((3,), (2, 4, 3)),
    "empty": ((0, 3), (1, 3)),
    "empty_by_1": ((1, 3), (0, 3)),
    "ones": ((1, 1), (1,)),
}
INT = (np.int32, np.int64)
BINARY = {  # dtypes beside f32, tolerance
    "Add": (INT + (np.float64, np.uint8), EXACT),
    "AddV2": (INT + (np.float64, np.uint8), EXACT),
    "Sub": (INT + (np.float64,), EXACT),
    "Mul": (INT + (np.float64, np.uint8), EXACT),
    "Maximum": (INT + (np.float64, np.uint8), EXACT),
    "Minimum": (INT + (np.float64, np.uint8), EXACT),
    "SquaredDifference": (INT + (np.float64,), EXACT),
    "Div": (INT + (np.float64, np.uint8), SMOOTH),
    "RealDiv": ((np.float64,), SMOOTH),
    "DivNoNan": ((np.float64,), SMOOTH),
    "FloorDiv": (INT + (np.float64, np.uint8), EXACT),
    "FloorMod": (INT + (np.float64,), MATHS),
    "Mod": (INT + (np.float64,), MATHS),
    "TruncateDiv": (INT + (np.uint8,), EXACT),
    "TruncateMod": (INT + (np.float64,), MATHS),
    "Pow": ((np.float64,), SMOOTH),
    "Atan2": ((np.float64,), MATHS),
    "Equal": (INT + (np.float64, np.uint8, bool), EXACT),
    "NotEqual": (INT + (bool,), EXACT),
    "Less": (INT + (np.float64, np.uint8), EXACT),
    "LessEqual": (INT, EXACT),
    "Greater": (INT, EXACT),
    "GreaterEqual": (INT, EXACT),
}
DIVISIONS = ("Div", "RealDiv", "FloorDiv", "FloorMod", "Mod", "TruncateDiv", "TruncateMod")
BROADCASTS = ("AddV2", "Mul", "Less")  # the rest share their broadcasting and get three shapes only
FIRST = np.repeat(np.array([np.nan, np.inf, -np.inf, -0.0, 0.0, 1.5, -2], np.float32), 7)
SECOND = np.tile(np.array([np.nan, np.inf, -np.inf, -0.0, 0.0, 1.5, -2], np.float32), 7)


def operand(shape, dtype, op, right):
    if dtype is bool:
        return b(*shape)
    if op in DIVISIONS and right:  # never zero
        make = (
            f(*shape, lo=1, hi=4, dtype=dtype)
            if np.dtype(dtype).kind == "f"
            else i(*shape, lo=1, hi=5, dtype=dtype)
        )
        return (
            make if dtype is np.uint8 else (lambda: make() * np.where(f(*shape)() < 0, -1, 1).astype(dtype))
        )
    if op == "Pow":
        return f(*shape, lo=-2, hi=3, dtype=dtype) if right else f(*shape, lo=1, hi=4, dtype=dtype)
    if np.dtype(dtype).kind == "f":
        return f(*shape, lo=-3, hi=3, dtype=dtype)
    return (
        i(*shape, lo=0, hi=200, dtype=dtype) if dtype is np.uint8 else i(*shape, lo=-20, hi=20, dtype=dtype)
    )


for op, (dtypes, tol) in BINARY.items():
    binary = lambda x, y, op=op: getattr(raw, op)(x=x, y=y)
    for name in SHAPES if op in BROADCASTS else ("same", "channels", "both"):
        s, t = SHAPES[name]
        if op != "TruncateDiv":
            case(
                f"{op}/{name}",
                binary,
                operand(s, np.float32, op, False),
                operand(t, np.float32, op, True),
                tol=tol,
            )
    for dtype in dtypes:
        case(
            f"{op}/{np.dtype(dtype).name}",
            binary,
            operand((3, 7), dtype, op, False),
            operand((7,), dtype, op, True),
            tol=MATHS64 if dtype is np.float64 and tol != EXACT else EXACT,
        )
    if op != "TruncateDiv" and op not in ("FloorMod", "Mod", "TruncateMod", "Pow"):
        case(f"{op}/special", binary, FIRST, SECOND, tol=tol)
for op in ("AddV2", "Mul", "Maximum"):
    case(f"{op}/open_rank", lambda x, y, op=op: getattr(raw, op)(x=x, y=y), f(2, 3), f(3), dyn="rank")
    case(f"{op}/open_all", lambda x, y, op=op: getattr(raw, op)(x=x, y=y), f(2, 1, 3), f(4, 1), dyn="all")
    case(f"{op}/open_n", lambda x, op=op: getattr(raw, op)(x=x, y=const(f(17))), f(3, 17), dyn="n")
case(
    "AddV2/i32_wraps",
    lambda x, y: raw.AddV2(x=x, y=y),
    np.array([2147483647, -2147483648], np.int32),
    np.array([1, -1], np.int32),
)
case(
    "Mul/i32_wraps",
    lambda x, y: raw.Mul(x=x, y=y),
    np.array([2147483647, 65536], np.int32),
    np.array([3, 65536], np.int32),
)
case(
    "Pow/special",
    lambda x, y: raw.Pow(x=x, y=y),
    np.array([0, 0, -8, -8, 2, -2, 4, 1, np.inf, 2], "f"),
    np.array([0, 2, 3, 2, -1, 0.5, 0.5, np.nan, -1, np.inf], "f"),
    tol=SMOOTH,
)
case("Pow/i32", lambda x, y: raw.Pow(x=x, y=y), i(9, lo=-3, hi=3), i(9, lo=0, hi=6))
case("Pow/square", lambda x: raw.Pow(x=x, y=const(np.float32(2))), f(4, 5), tol=SMOOTH)
case("Pow/half", lambda x: raw.Pow(x=x, y=const(np.float32(0.5))), f(4, 5, lo=0, hi=9), tol=SMOOTH)
case(
    "DivNoNan/zero",
    lambda x, y: raw.DivNoNan(x=x, y=y),
    f(9),
    np.array([0, 1, 0, -0.0, 2, 0, 3, 0, 4], "f"),
    tol=SMOOTH,
)
case("Div/constant", lambda x: raw.RealDiv(x=x, y=const(np.float32(255))), f(4, 5), tol=SMOOTH)
case("Equal/no_shape_error", lambda x, y: raw.Equal(x=x, y=y, incompatible_shape_error=True), f(3, 4), f(4))
case("AddN/three", lambda x, y, z: raw.AddN(inputs=[x, y, z]), f(3, 17), f(3, 17), f(3, 17))
case("AddN/one", lambda x: raw.AddN(inputs=[x]), f(3, 5))
case("AddN/i32", lambda x, y: raw.AddN(inputs=[x, y, x]), i(7), i(7))
case("AddN/nine", lambda x, y: raw.AddN(inputs=[x, y] * 4 + [x]), f(5), f(5))

# -- Logic and selection -----------------------------------------------------------------------------------
for op in ("LogicalAnd", "LogicalOr"):
    for name in ("same", "channels", "both"):
        s, t = SHAPES[name]
        case(f"{op}/{name}", lambda x, y, op=op: getattr(raw, op)(x=x, y=y), b(*s), b(*t))
case("LogicalNot/plain", lambda x: raw.LogicalNot(x=x), b(3, 5))
case("LogicalNot/of_compare", lambda x: raw.LogicalNot(x=raw.Less(x=x, y=const(np.float32(0)))), f(3, 17))
case("LogicalXor/composed", lambda x, y: tf.math.logical_xor(x, y), b(4, 5), b(5))
case("Select/same", lambda x, y, z: raw.Select(condition=x, x=y, y=z), b(3, 17), f(3, 17), f(3, 17))
case("Select/rows", lambda x, y, z: raw.Select(condition=x, x=y, y=z), b(4), f(4, 3, 5), f(4, 3, 5))
case("Select/scalar", lambda x, y, z: raw.Select(condition=x, x=y, y=z), np.bool_(True), f(4, 3), f(4, 3))
case(
    "Select/i64",
    lambda x, y, z: raw.Select(condition=x, x=y, y=z),
    b(6),
    i(6, dtype=np.int64),
    i(6, dtype=np.int64),
)
case(
    "Select/nan_not_taken",
    lambda x, y: raw.Select(condition=x, x=y, y=const(np.array([1, 2, 3], "f"))),
    np.array([True, False, False]),
    np.array([5, np.nan, np.inf], "f"),
)
case("SelectV2/broadcast", lambda x, y, z: raw.SelectV2(condition=x, t=y, e=z), b(4, 1), f(3), f(2, 4, 3))
case(
    "SelectV2/channels",
    lambda x, y, z: raw.SelectV2(condition=x, t=y, e=z),
    b(17),
    f(2, 3, 17),
    np.float32(-1),
)
case("SelectV2/bool", lambda x, y, z: raw.SelectV2(condition=x, t=y, e=z), b(3, 4), b(3, 4), b(4))
case("SelectV2/i32", lambda x, y, z: raw.SelectV2(condition=x, t=y, e=z), b(3, 4), i(3, 1), i(4))
case("SelectV2/relu_by_hand", lambda x: raw.SelectV2(condition=x > 0, t=x, e=x * 0.1), f(3, 17), tol=SMOOTH)

# -- Reductions --------------------------------------------------------------------------------------------
AXES = {
    "last": [-1],
    "first": [0],
    "spatial": [1, 2],
    "all": [0, 1, 2, 3],
    "none": [],
    "outer_inner": [0, 3],
    "negative": [-2, 1],
}


def reduce(op, x, axes, **kw):
    return getattr(raw, op)(input=x, axis=const(np.array(axes, np.int32)), **kw)


for op in ("Mean", "Sum", "Max", "Min", "Prod"):
    tol = EXACT if op in ("Max", "Min") else SUMS
    lo, hi = (0, 2) if op == "Prod" else (-2, 2)
    for name, axes in AXES.items():
        keep = name in ("spatial", "first")
        shape = (2, 3, 2, 5) if op == "Prod" else (2, 4, 3, 17)
        case(f"{op}/{name}", lambda x, op=op, a=axes: reduce(op, x, a), f(*shape, lo=lo, hi=hi), tol=tol)
        if keep:
            case(
                f"{op}/{name}_keep",
                lambda x, op=op, a=axes: reduce(op, x, a, keep_dims=True),
                f(*shape, lo=lo, hi=hi),
                tol=tol,
            )
    case(f"{op}/scalar_axis", lambda x, op=op: reduce(op, x, 1), f(3, 4, lo=lo, hi=hi), tol=tol)
    case(f"{op}/empty_input", lambda x, op=op: reduce(op, x, [0]), f(0, 3), tol=tol)
    case(f"{op}/c1", lambda x, op=op: reduce(op, x, [3]), f(1, 3, 3, 1), tol=tol)
    case(
        f"{op}/open_all",
        lambda x, op=op: reduce(op, x, [1, 2]),
        f(2, 3, 2, 5, lo=lo, hi=hi),
        tol=tol,
        dyn="all",
    )
    case(f"{op}/f64", lambda x, op=op: reduce(op, x, [1]), d(3, 7), tol=EXACT if tol == EXACT else SUMS64)
    case(f"{op}/i32", lambda x, op=op: reduce(op, x, [1]), i(3, 5, lo=-4, hi=6))
    case(f"{op}/i64", lambda x, op=op: reduce(op, x, [0]), i(3, 5, lo=-4, hi=6, dtype=np.int64))
    case(
        f"{op}/axis_i64",
        lambda x, op=op: getattr(raw, op)(input=x, axis=const(np.array([1], np.int64))),
        f(3, 4, lo=lo, hi=hi),
        tol=tol,
    )
    case(f"{op}/scalar_input", lambda x, op=op: reduce(op, x, []), np.float32(1.5), tol=tol)
case("Sum/long", lambda x: reduce("Sum", x, [0]), f(3001), tol=SUMS)
case("Mean/long", lambda x: reduce("Mean", x, [1]), f(2, 1500), tol=SUMS)
case("Max/special", lambda x: reduce("Max", x, [1]), np.array([[-np.inf, -3], [np.inf, 2], [-0.0, -1]], "f"))
case("Sum/stripped", lambda x: reduce("Sum", x, [1]), f(3, 4), tol=SUMS, edit=strip("keep_dims", "Tidx"))
for op in ("All", "Any"):
    for name, axes in {"last": [-1], "all": [0, 1], "none": []}.items():
        case(f"{op}/{name}", lambda x, op=op, a=axes: reduce(op, x, a), b(4, 3))
    case(f"{op}/keep", lambda x, op=op: reduce(op, x, [0], keep_dims=True), b(2, 5))
    case(f"{op}/empty_input", lambda x, op=op: reduce(op, x, [1]), b(3, 0))
for op in ("ArgMax", "ArgMin"):
    arg = lambda x, op=op, axis=1, **kw: getattr(raw, op)(input=x, dimension=const(np.int32(axis)), **kw)
    case(f"{op}/rows", arg, f(4, 10))
    case(f"{op}/ties", arg, i(5, 9, lo=0, hi=2, dtype=np.float32))
    case(
        f"{op}/first_axis",
        lambda x, op=op: getattr(raw, op)(input=x, dimension=const(np.int32(0))),
        f(4, 3, 5),
    )
    case(
        f"{op}/negative_axis",
        lambda x, op=op: getattr(raw, op)(input=x, dimension=const(np.int32(-1))),
        f(2, 3, 17),
    )
    case(
        f"{op}/i32_out",
        lambda x, op=op: getattr(raw, op)(input=x, dimension=const(np.int32(1)), output_type=tf.int32),
        f(4, 33),
    )
    case(f"{op}/i32_in", arg, i(4, 7))
    case(f"{op}/u8", arg, i(2, 7, lo=0, hi=255, dtype=np.uint8))
    case(f"{op}/stripped", arg, f(2, 5), edit=strip("output_type", "Tidx"))
cases(
    "Cumsum",
    lambda x, axis=0, **kw: raw.Cumsum(x=x, axis=const(np.int32(axis)), **kw),
    f(4, 7),
    tol=SUMS,
    variants={
        "first": {},
        "last": dict(axis=-1),
        "exclusive": dict(axis=1, exclusive=True),
        "reverse": dict(axis=1, reverse=True),
        "exclusive_reverse": dict(axis=0, exclusive=True, reverse=True),
    },
)
case("Cumsum/i32", lambda x: raw.Cumsum(x=x, axis=const(np.int32(0))), i(9))
case("Cumsum/rank3", lambda x: raw.Cumsum(x=x, axis=const(np.int32(1))), f(2, 5, 3), tol=SUMS)


def top_k_v1(graph):
    """The first form, with k as an attribute; today's TensorFlow runs it no more."""
    n = node(graph, "TopKV2")
    n.op = "TopK"
    del n.input[1:]
    n.attr["k"].i = 3
    for key in ("Tk", "index_type"):
        n.attr.pop(key, None)


for name, shape, k in [
    ("one", (3, 9), 1),
    ("five", (2, 10), 5),
    ("all", (2, 6), 6),
    ("rank1", (17,), 4),
    ("rank3", (2, 3, 8), 3),
]:
    case(
        f"TopKV2/{name}",
        lambda x, k=k: list(raw.TopKV2(input=x, k=const(np.int32(k)))),
        f(*shape, lo=-9, hi=9),
    )
case(
    "TopKV2/ties",
    lambda x: list(raw.TopKV2(input=x, k=const(np.int32(4)))),
    i(3, 9, lo=0, hi=2, dtype=np.float32),
)
case("TopKV2/i32", lambda x: list(raw.TopKV2(input=x, k=const(np.int32(2)))), i(3, 6))
case("TopKV2/zero", lambda x: list(raw.TopKV2(input=x, k=const(np.int32(0)))), f(2, 6))
case(
    "TopK/three",
    lambda x: list(raw.TopKV2(input=x, k=3)),
    f(2, 9, lo=-9, hi=9),
    edit=top_k_v1,
    oracle=lambda x: list(raw.TopKV2(input=x, k=3)),
)
