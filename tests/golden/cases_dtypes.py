"""Elementwise operators in every element type that TensorFlow has kernels for; special functions; bits."""

import numpy as np
import tensorflow as tf
from golden import EXACT, MATHS, SPECIAL, case, const, raw

HALF = (2e-3, 2e-3, 0)
BF16 = (2e-2, 2e-2, 0)
WIDE64 = (1e-11, 1e-11, 0)
INTS = dict(i8=np.int8, i16=np.int16, i32=np.int32, i64=np.int64, u8=np.uint8, u16=np.uint16, u32=np.uint32,
            u64=np.uint64)  # fmt: skip


def extremes(t):
    info = np.iinfo(t)
    return np.array([info.min, info.min + 1, info.max, info.max - 1, 0, 1, 2, 3, 7, 100, 5, info.max // 2], t)


def partners(t):
    signed = np.iinfo(t).min < 0
    return np.array([-1 if signed else 1, 2, 3, 1, 5, 7, -2 if signed else 9, 2, 3, 7, 5, 2], t)


def in_ints(name, build, types):
    """One case for signed and one for unsigned types: an input each."""
    for kind, width in (("signed", "i"), ("unsigned", "u")):
        chosen = [INTS[t] for t in types.split() if t[0] == width]
        if chosen:
            case(f"{name}/{kind}_types", lambda *xs, chosen=chosen: [build(x, t) for x, t in zip(xs, chosen)],
                 *[extremes(t) for t in chosen])  # fmt: skip


def in_halfs(name, build, data, tol=None):
    data = np.asarray(data, np.float32)
    case(f"{name}/f16", lambda x: build(x), data.astype(np.float16), tol=tol or HALF)
    case(f"{name}/bf16", lambda x: tf.cast(build(tf.cast(x, tf.bfloat16)), tf.float32), data, tol=tol or BF16)


ALL = "i8 i16 i32 i64 u8 u16 u32 u64"
SIGNED = "i8 i16 i32 i64"
BINARY = {
    "AddV2": ALL, "Sub": ALL, "Mul": ALL, "Div": ALL, "TruncateDiv": ALL, "FloorDiv": ALL, "FloorMod": ALL,
    "Mod": "i32 i64", "TruncateMod": "i32 i64", "Maximum": ALL, "Minimum": ALL, "SquaredDifference": "i32 i64",
    "Equal": ALL, "NotEqual": ALL, "Less": ALL, "LessEqual": ALL, "Greater": ALL, "GreaterEqual": ALL,
    "BitwiseAnd": ALL, "BitwiseOr": ALL, "BitwiseXor": ALL, "LeftShift": ALL, "RightShift": ALL,
}  # fmt: skip
for op, types in BINARY.items():
    in_ints(op, lambda x, t, op=op: getattr(raw, op)(x=x, y=const(partners(t))), types)
for op, types in dict(Abs=SIGNED, Neg=SIGNED, Sign=SIGNED, Square=SIGNED, Invert=ALL, PopulationCount=ALL).items():
    in_ints(op, lambda x, t, op=op: getattr(raw, op)(x=x), types)
for op, types in dict(Relu=ALL, Relu6=ALL).items():
    in_ints(op, lambda x, t, op=op: getattr(raw, op)(features=x), types)
in_ints("Pow", lambda x, t: raw.Pow(x=x, y=const(np.array([0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3], t))), SIGNED)
in_ints("ClipByValue", lambda x, t: raw.ClipByValue(t=x, clip_value_min=const(t(3)), clip_value_max=const(t(90))),
        "i8 i16 i32 i64 u8 u16")  # fmt: skip
in_ints("SelectV2", lambda x, t: raw.SelectV2(condition=raw.Less(x=x, y=const(t(5))), t=x, e=const(t(77))), ALL)
for op in ("Sum", "Prod", "Max", "Min"):
    in_ints(op, lambda x, t, op=op: getattr(raw, op)(input=tf.reshape(x, (3, 4)), axis=const(np.int32([1]))), ALL)
in_ints("Mean", lambda x, t: raw.Mean(input=raw.Minimum(x=x, y=const(t(9))), axis=const(np.int32([0]))), ALL)
in_ints("ArgMax", lambda x, t: raw.ArgMax(input=x, dimension=const(np.int32(0))), ALL)
in_ints("ArgMin", lambda x, t: raw.ArgMin(input=x, dimension=const(np.int32(0))), ALL)
in_ints("Cumsum", lambda x, t: raw.Cumsum(x=x, axis=const(np.int32(0))), ALL)
in_ints("AddN", lambda x, t: raw.AddN(inputs=[x, x, const(partners(t))]), ALL)
in_ints("BiasAdd", lambda x, t: raw.BiasAdd(value=tf.reshape(x, (3, 4)), bias=const(partners(t)[:4])), ALL)

# -- Half precision ----------------------------------------------------------------------------------------
POINTS = [-3.5, -2.25, -1, -0.5, -0.0, 0.0, 0.25, 0.5, 1, 1.5, 2.5, 7, 30]
UNIT = [-1, -0.875, -0.5, -0.125, 0.0, 0.25, 0.5, 0.75, 1]
POSITIVE = [0.125, 0.5, 1, 1.5, 2, 3.75, 9, 100]
for op, data in {
    "Abs": POINTS, "Neg": POINTS, "Sign": POINTS, "Square": POINTS, "Floor": POINTS, "Ceil": POINTS,
    "Round": POINTS, "Sin": POINTS, "Cos": POINTS, "Tan": UNIT, "Atan": POINTS, "Asin": UNIT,
    "Acos": UNIT, "Sinh": UNIT, "Cosh": UNIT, "Asinh": POINTS, "Acosh": [1, 1.5, 3, 50], "Atanh": UNIT[1:-1],
    "Tanh": POINTS, "Sigmoid": POINTS, "Exp": UNIT, "Expm1": UNIT, "Log": POSITIVE, "Log1p": POSITIVE,
    "Sqrt": POSITIVE, "Rsqrt": POSITIVE, "Reciprocal": POSITIVE, "Erf": POINTS, "Erfc": UNIT,
}.items():  # fmt: skip
    in_halfs(op, lambda x, op=op: getattr(raw, op)(x=x), data)
for op in ("Relu", "Relu6", "Elu", "Selu", "Softplus", "Softsign", "LeakyRelu"):
    in_halfs(op, lambda x, op=op: getattr(raw, op)(features=x), POINTS)
HALVES = [np.nan, np.inf, -np.inf, 1, 0, -0.0, 65504]
for op in ("IsNan", "IsInf", "IsFinite"):
    case(f"{op}/f16", lambda x, op=op: getattr(raw, op)(x=x), np.array(HALVES, np.float16))
    case(f"{op}/bf16", lambda x, op=op: getattr(raw, op)(x=tf.cast(x, tf.bfloat16)), np.array(HALVES, "f"))
for op in ("AddV2", "Sub", "Mul", "Div", "RealDiv", "TruncateDiv", "FloorDiv", "FloorMod", "Maximum", "Minimum",
           "SquaredDifference", "DivNoNan", "Xdivy", "Xlogy", "Xlog1py", "MulNoNan", "Atan2", "Pow"):  # fmt: skip
    in_halfs(op, lambda x, op=op: getattr(raw, op)(x=x, y=const(np.array([0.5, 1.5, 2, 3, 1, 2.5, 1, 2], "f")) + 0
             if x.dtype == tf.float32 else tf.cast(const(np.array([0.5, 1.5, 2, 3, 1, 2.5, 1, 2], "f")), x.dtype))
             if op != "Atan2" else raw.Atan2(y=x, x=tf.ones_like(x) * 2), POSITIVE)  # fmt: skip
for op in ("Equal", "NotEqual", "Less", "LessEqual", "Greater", "GreaterEqual"):
    case(f"{op}/f16", lambda x, op=op: getattr(raw, op)(x=x, y=const(np.float16(1))), np.array(HALVES, np.float16))
    case(f"{op}/bf16", lambda x, op=op: getattr(raw, op)(x=tf.cast(x, tf.bfloat16),
         y=tf.constant(1, tf.bfloat16)), np.array(HALVES, "f"))  # fmt: skip
case("ClipByValue/f16_constants", lambda x: raw.ClipByValue(
    t=x, clip_value_min=const(np.float16(-1)), clip_value_max=const(np.float16(0.5))), np.float16(POINTS))  # fmt: skip
case("Equal/bool_types", lambda x, y: [raw.Equal(x=x, y=y), raw.NotEqual(x=x, y=y)],
     np.array([0, 1, 0, 1], bool), np.array([0, 0, 1, 1], bool))  # fmt: skip
case("Pow/f64", lambda x: raw.Pow(x=x, y=const(np.array([2, -0.5, 3, 0.25, 1, 7, -1, 0]))), np.array(POSITIVE),
     tol=WIDE64)  # fmt: skip
case("TruncateDiv/f32", lambda x, y: raw.TruncateDiv(x=x, y=y), np.float32([7, -7, 1, -1, 0.3, -0.3, 8]),
     np.float32([2, 2, 0, 0, 1, 1, -3]))  # fmt: skip
case("TruncateDiv/f64", lambda x: raw.TruncateDiv(x=x, y=const(np.float64(3))), np.array([7, -7, 1e300, -0.5]))

# -- Casts: in range, where alone there is an answer ---------------------------------------------------------
TYPES = {**INTS, "f16": np.float16, "f32": np.float32, "f64": np.float64, "bool": bool}
for name, t in TYPES.items():
    source = np.array([0, 1, 2, 3, 100, 17], t)
    if np.dtype(t).kind == "f":
        source = np.array([0, 0.5, 1.75, 2.5, 100, 0.999], t)
    others = [o for n, o in TYPES.items() if n != name]
    case(f"Cast/from_{name}",
         lambda x, others=others: [raw.Cast(x=x, DstT=o) for o in others]
         + [tf.cast(raw.Cast(x=x, DstT=tf.bfloat16), tf.float32)], source)  # fmt: skip
case("Cast/from_bf16", lambda x: [raw.Cast(x=tf.cast(x, tf.bfloat16), DstT=o) for o in TYPES.values()],
     np.float32([0, 0.5, 1.75, 2.5, 100, 0.999]))  # fmt: skip
case("Cast/negative_to_signed", lambda x: [raw.Cast(x=x, DstT=INTS[t]) for t in SIGNED.split()],
     np.float32([-0.5, -1, -1.75, -2.5, -100, -128]))  # fmt: skip
case("Cast/wraps", lambda x: [raw.Cast(x=x, DstT=t) for t in INTS.values()],
     np.int64([-1, 300, -129, 70000, 1 << 33, -(1 << 63)]))  # fmt: skip
case("Cast/f32_to_f16_edges", lambda x: raw.Cast(x=x, DstT=np.float16),
     np.float32([65504, 65519, 65520, 1e-8, 6e-8, 5.9604645e-08, -0.0, np.inf, np.nan, 2049, 2051]))  # fmt: skip
case("Cast/f32_to_bf16_edges", lambda x: tf.cast(raw.Cast(x=x, DstT=tf.bfloat16), tf.float32),
     np.float32([3.4e38, 1.00390625, 1.01171875, -0.0, np.inf, np.nan, 257, 258.9]))  # fmt: skip

# -- Special functions ---------------------------------------------------------------------------------------
CURVE = np.array([-9.75, -7.3, -3.5, -2.5, -1.25, -0.5, -1e-3, 1e-4, 0.3, 0.5, 0.9, 1, 1.1, 1.5, 2, 2.25, 4, 9.5,
                  15, 60, 1e4], np.float64)  # fmt: skip
ODD = np.array([np.nan, np.inf, 0.0, 1, 2, -1, -2], np.float64)
PROBABILITY = np.array([0, 1e-30, 1e-12, 1e-4, 0.02, 0.1353, 0.136, 0.3, 0.5, 0.6, 0.86, 0.9, 0.999, 1, 1.5, -0.5])
SIDE = np.array([-1, -0.999, -0.75, -0.3, -1e-3, 0, 1e-3, 0.25, 0.5, 0.9, 0.9999, 1, 1.5, np.nan])
TAIL = np.array([-6, -2, -1, -0.25, 0, 0.25, 0.99, 1, 1.01, 2, 3.5, 5, 7.9, 8.1, 9, 30, np.inf, -np.inf, np.nan])
for op, data in {"Lgamma": np.concatenate([CURVE, ODD]), "Digamma": np.concatenate([CURVE, ODD]),
                 "Ndtri": PROBABILITY, "Erfinv": SIDE, "Erfc": TAIL}.items():  # fmt: skip
    case(f"{op}/curve_f32", lambda x, op=op: getattr(raw, op)(x=x), data.astype("f"), tol=(2e-5, 2e-6, 0))
    case(f"{op}/curve_f64", lambda x, op=op: getattr(raw, op)(x=x), data, tol=WIDE64)
    if op in ("Lgamma", "Digamma"):
        half = data[(np.abs(data) < 50) & ((np.abs(data) > 1e-2) | (data == 0))]
        case(f"{op}/curve_f16", lambda x, op=op: getattr(raw, op)(x=x), half.astype(np.float16), tol=HALF)
LARGE = np.array([-1e30, -1e10, -95, -89, -50, -1, -1e-4, -0.0, 1e-4, 0.5, 3, 50, 89, 95, 1e10, 1e30, np.inf, np.nan])
for op in ("Asinh", "Sinh", "Cosh", "Atan"):
    case(f"{op}/large", lambda x, op=op: getattr(raw, op)(x=x), LARGE.astype("f"), tol=MATHS)
    case(f"{op}/large_f64", lambda x, op=op: getattr(raw, op)(x=x), LARGE, tol=WIDE64)
for t, tol in ((np.float32, MATHS), (np.float64, WIDE64)):
    kind = np.dtype(t).name.replace("float", "f")
    case(f"Acosh/points_{kind}", lambda x: raw.Acosh(x=x), t([1, 1.0001, 1.5, 9, 1e6, 1e15, 1e30, 0.5, np.inf, np.nan]), tol=tol)
    for op in ("Asin", "Acos", "Atanh"):
        case(f"{op}/points_{kind}", lambda x, op=op: getattr(raw, op)(x=x),
             t([-1, -0.999, -0.5, -1e-4, 0, 1e-4, 0.3, 0.75, 0.9999, 1, 1.5, np.nan]), tol=tol)  # fmt: skip
    case(f"Tan/points_{kind}", lambda x: raw.Tan(x=x), t([-1.5, -0.5, 0, 0.25, 1, 1.5, 4, 100]), tol=tol)
    case(f"NextAfter/{kind}", lambda x, y: raw.NextAfter(x1=x, x2=y),
         t([0, 0, -0.0, 1, 1, -1, -1, np.nan, 1, np.inf, -np.inf, np.finfo(t).max, 2]),
         t([1, -1, 0, 2, 0, 0, -2, 1, np.nan, 0, 0, np.inf, 2]))  # fmt: skip
    case(f"ApproximateEqual/{kind}", lambda x, y: raw.ApproximateEqual(x=x, y=y, tolerance=0.5),
         t([1, 1, 1, -1, np.nan, np.inf]), t([1.5, 1.4375, 2, -1.5, np.nan, np.inf]))  # fmt: skip
case("ApproximateEqual/default", lambda x, y: raw.ApproximateEqual(x=x, y=y), np.float32([1, 1]),
     np.float32([1.000005, 1.0001]))  # fmt: skip
for op in ("Xdivy", "Xlogy", "Xlog1py", "MulNoNan", "DivNoNan"):
    case(f"{op}/corners", lambda x, y, op=op: getattr(raw, op)(x=x, y=y),
         np.float32([0, 0, 0, -0.0, 1, 2, np.nan, np.inf, 3, 3]),
         np.float32([0, np.inf, np.nan, -1, 0, 3, 0, 0, np.nan, -0.0]), tol=MATHS)  # fmt: skip
for op in ("FloorMod", "FloorDiv", "Mod", "TruncateMod", "Div", "RealDiv"):
    case(f"{op}/float_corners", lambda x, y, op=op: getattr(raw, op)(x=x, y=y),
         np.float32([7, -7, 7, -7, 5.5, -5.5, 0, -0.0, 1, np.inf, 3, 1e10, np.nan]),
         np.float32([3, 3, -3, -3, 2.25, 2.25, 2, 2, np.inf, 2, 0, 7, 1]), tol=MATHS)  # fmt: skip
case("BitwiseAnd/broadcast", lambda x, y: raw.BitwiseAnd(x=x, y=y), np.int32([[12], [7]]), np.int32([6, 5, 4]))
case("LeftShift/out_of_range", lambda x, y: raw.LeftShift(x=x, y=y), np.int8([1, 1, 1, -5, 3]),
     np.int8([7, 8, 100, 1, -1]))  # fmt: skip
case("RightShift/out_of_range", lambda x, y: raw.RightShift(x=x, y=y), np.int8([-128, 100, -1, -5, 3]),
     np.int8([7, 8, 100, 1, -1]))  # fmt: skip
case("Invert/empty", lambda x: raw.Invert(x=x), np.zeros((0, 3), np.int32))
for t, tol in ((np.float32, MATHS), (np.float64, WIDE64), (np.float16, HALF)):
    case(f"L2Loss/{np.dtype(t).name}", lambda x: raw.L2Loss(t=x), t(POINTS[:-2] + [5]), tol=tol)
case("L2Loss/bf16", lambda x: tf.cast(raw.L2Loss(t=tf.cast(x, tf.bfloat16)), tf.float32), np.float32(UNIT), tol=BF16)
case("L2Loss/empty", lambda x: raw.L2Loss(t=x), np.zeros((0, 3), "f"))
for t, tol in ((np.float32, MATHS), (np.float64, WIDE64), (np.float16, HALF)):
    case(f"EuclideanNorm/{np.dtype(t).name}", lambda x: raw.EuclideanNorm(input=x, axis=const(np.int32([1]))), t([POINTS[:-2] + [5], POINTS[:-2] + [7]]), tol=tol)
case("EuclideanNorm/bf16", lambda x: tf.cast(raw.EuclideanNorm(input=tf.cast(x, tf.bfloat16), axis=const(np.int32(0))), tf.float32), np.float32(UNIT), tol=BF16)
case("EuclideanNorm/special", lambda x: raw.EuclideanNorm(input=x, axis=const(np.int64([-1, 0])), keep_dims=True),
     np.float32([[[1, np.nan], [3, np.inf], [2e19, 1], [1e-30, 0]]]), tol=MATHS)
case("EuclideanNorm/half_overflow", lambda x: raw.EuclideanNorm(input=x, axis=const(np.int32([0]))), np.float16([[300, 200, 100], [1, 200, 200]]), tol=HALF)
case("EuclideanNorm/empty", lambda x: raw.EuclideanNorm(input=x, axis=const(np.int32([0]))), np.zeros((0, 3), "f"))
