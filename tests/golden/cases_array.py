"""Shapes, slicing, joining, padding, gathering: data movement, exact to the bit."""

import numpy as np
import tensorflow as tf
from golden import MATHS, SPECIAL, b, case, const, d, f, i, node, raw, strip, tf1

ints = lambda *v: const(np.array(v, np.int32))
longs = lambda *v: const(np.array(v, np.int64))
U8 = dict(lo=0, hi=255, dtype=np.uint8)
I64 = dict(dtype=np.int64)

# -- Identities and placeholders ---------------------------------------------------------------------------
for op, arg in [
    ("Identity", "input"),
    ("StopGradient", "input"),
    ("PreventGradient", "input"),
    ("Snapshot", "input"),
]:
    case(f"{op}/f32", lambda x, op=op, arg=arg: getattr(raw, op)(**{arg: x}), SPECIAL)
    case(
        f"{op}/chain",
        lambda x, op=op, arg=arg: raw.Relu(features=getattr(raw, op)(**{arg: raw.Neg(x=x)})),
        f(2, 5),
    )
for dtype in (np.float64, np.int32, np.int64, np.uint8, np.int8, np.int16, bool):
    case(
        f"Identity/{np.dtype(dtype).name}",
        lambda x: raw.Identity(input=x),
        b(2, 3) if dtype is bool else i(2, 3, lo=0, dtype=dtype),
    )
case("Identity/scalar", lambda x: raw.Identity(input=x), np.float32(3))
case("Identity/of_input_twice", lambda x: [raw.Identity(input=x), raw.Identity(input=x)], f(3))
case("IdentityN/two", lambda x, y: list(raw.IdentityN(input=[x, y])), f(2, 3), i(4))
case("IdentityN/second_only", lambda x, y: raw.Neg(x=raw.IdentityN(input=[x, y])[1]), f(2, 3), i(4))
case("CheckNumerics/clean", lambda x: raw.CheckNumerics(tensor=x, message="no"), f(2, 3))
case("EnsureShape/partial", lambda x: raw.EnsureShape(input=x, shape=[None, 3]), f(2, 3), dyn="all")
case("Print/through", lambda x: raw.Print(input=x, data=[], message="", first_n=0), f(2, 3))


def guarded(x, op):
    with tf.control_dependencies([op(x)]):
        return raw.Neg(x=x)


case(
    "Assert/true",
    lambda x: guarded(x, lambda x: raw.Assert(condition=tf.reduce_all(x < 100), data=["too large"])),
    f(2, 3),
)
case("NoOp/control", lambda x: guarded(x, lambda x: raw.NoOp()), f(2, 3))
case("PlaceholderWithDefault/fed", lambda x: raw.Neg(x=x), f(2, 3), edit=lambda g: None)
case(
    "PlaceholderWithDefault/default",
    lambda x: raw.Mul(x=x, y=tf1.placeholder_with_default(np.float32(3), [], name="p")),
    f(2, 3),
)
case(
    "PlaceholderV2/rank2",
    lambda x: raw.Neg(x=x),
    f(2, 3),
    edit=lambda g: setattr(node(g, "Placeholder"), "op", "PlaceholderV2"),
    oracle=lambda x: raw.Neg(x=x),
)

# -- Cast, Bitcast -----------------------------------------------------------------------------------------
TYPES = dict(
    f32=np.float32,
    f64=np.float64,
    i32=np.int32,
    i64=np.int64,
    u8=np.uint8,
    i8=np.int8,
    i16=np.int16,
    bool=bool,
)
VALUES = np.array(
    [0, 1, -1, 2.5, -2.5, 3.99, -3.99, 100, -0.0, 0.4, 17, 33, 64, 127, 1e-30, 5, 6], np.float64
)
for s, st in TYPES.items():
    for t, tt in TYPES.items():
        if s == t:
            continue
        data = np.abs(VALUES) if "u8" in (s, t) else VALUES
        case(f"Cast/{s}_{t}", lambda x, tt=tt: raw.Cast(x=x, DstT=tf.as_dtype(tt)), data.astype(st))
case(
    "Cast/f16_round_trip",
    lambda x: raw.Cast(x=raw.Cast(x=x, DstT=tf.float16), DstT=tf.float32),
    np.array([0, 1, 1 / 3, -65504, 65520, 1e-7, 6e-8, 1e6, np.nan, -np.inf, 2049, 1.0009766], "f"),
)
case(
    "Cast/bf16_round_trip",
    lambda x: raw.Cast(x=raw.Cast(x=x, DstT=tf.bfloat16), DstT=tf.float32),
    np.array([0, 1, 1 / 3, -65504, 1e30, 257, 259, 3.4e38, np.nan, -np.inf], "f"),
)
case("Cast/nan_bool", lambda x: raw.Cast(x=x, DstT=tf.bool), np.array([np.nan, 0, -0.0, np.inf, 1e-30], "f"))
case(
    "Cast/i64_wraps", lambda x: raw.Cast(x=x, DstT=tf.int32), np.array([1 << 33, -1, (1 << 31), 5], np.int64)
)
case(
    "Cast/i32_f32_rounds",
    lambda x: raw.Cast(x=x, DstT=tf.float32),
    np.array([16777217, 16777219, -2147483648, 2147483647], np.int32),
)
case("Cast/shape", lambda x: raw.Cast(x=tf.shape(x), DstT=tf.float32), f(2, 7), dyn="all")
case("Bitcast/f32_i32", lambda x: raw.Bitcast(input=x, type=tf.int32), SPECIAL[3:])
case("Bitcast/i32_u8", lambda x: raw.Bitcast(input=x, type=tf.uint8), i(2, 3))
case("Bitcast/u8_i32", lambda x: raw.Bitcast(input=x, type=tf.int32), i(2, 3, 4, **U8))

# -- Shapes ------------------------------------------------------------------------------------------------
for dyn in (None, "n", "all", "rank"):
    v = f"_{dyn}" if dyn else ""
    case(f"Shape/i32{v}", lambda x: raw.Shape(input=x), f(2, 3, 5), dyn=dyn)
    case(f"Size/i32{v}", lambda x: raw.Size(input=x), f(2, 3, 5), dyn=dyn)
    case(f"Rank/plain{v}", lambda x: raw.Rank(input=x), f(2, 3, 5), dyn=dyn)
case("Shape/i64", lambda x: raw.Shape(input=x, out_type=tf.int64), f(2, 0, 5))
case("Shape/scalar", lambda x: raw.Shape(input=x), np.float32(1))
case(
    "Shape/of_conv",
    lambda x: raw.Shape(input=raw.MaxPool(input=x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME")),
    f(1, 5, 7, 3),
    dyn="all",
)
case("ShapeN/two", lambda x, y: list(raw.ShapeN(input=[x, y])), f(2, 3), f(4), dyn="all")
case("Size/i64", lambda x: raw.Size(input=x, out_type=tf.int64), f(0, 5))
for name, shape, to in [
    ("flat", (2, 3, 4), (-1,)),
    ("split", (24,), (2, -1, 3)),
    ("zero_dim", (0, 3), (3, 0)),
    ("minus1_of_0", (0, 4), (-1, 4)),
    ("minus1_beside_0", (3, 0), (-1, 0)),
    ("minus1_beside_0_more", (3, 0, 4), (-1, 2, 0)),
    ("minus1_beside_0_uneven", (3, 0, 2), (-1, 0, 4)),
    ("minus1_beside_0_vector", (0,), (-1, 0)),
    ("scalar", (1, 1), ()),
    ("same", (2, 3), (2, 3)),
    ("rank6", (4, 6), (2, 2, 1, 3, 2, 1)),
]:
    case(f"Reshape/{name}", lambda x, to=to: raw.Reshape(tensor=x, shape=ints(*to)), f(*shape))
case("Reshape/open_minus1_beside_0", lambda x: raw.Reshape(tensor=x, shape=ints(-1, 0)), f(0, 3), dyn="n")
case("Reshape/i64_shape", lambda x: raw.Reshape(tensor=x, shape=longs(3, -1)), f(2, 6))
case("Reshape/fed_shape", lambda x, y: raw.Reshape(tensor=x, shape=y), f(2, 6), np.array([4, -1], np.int32))
case(
    "Reshape/computed",
    lambda x: raw.Reshape(tensor=x, shape=raw.Pack(values=[tf.shape(x)[0], tf.constant(-1)])),
    f(3, 2, 5),
    dyn="all",
)
case("Reshape/stripped", lambda x: raw.Reshape(tensor=x, shape=ints(6)), f(2, 3), edit=strip("Tshape"))
for axis in (0, 1, -1, 2, -3):
    case(
        f"ExpandDims/axis{axis}".replace("-", "m"),
        lambda x, a=axis: raw.ExpandDims(input=x, axis=const(np.int32(a))),
        f(2, 3),
    )
for name, shape, dims in [
    ("all", (1, 3, 1, 2, 1), []),
    ("some", (1, 3, 1, 2), [2]),
    ("negative", (2, 1, 3, 1), [-1, 1]),
    ("to_scalar", (1, 1), []),
    ("nothing", (2, 3), []),
]:
    case(f"Squeeze/{name}", lambda x, dims=dims: raw.Squeeze(input=x, axis=dims), f(*shape))
case("Squeeze/open", lambda x: raw.Squeeze(input=x, axis=[1, 2]), f(3, 1, 1, 5), dyn="n")
case(
    "BroadcastArgs/plain",
    lambda x, y: raw.BroadcastArgs(s0=x, s1=y),
    np.array([3, 1, 5], np.int32),
    np.array([4, 1], np.int32),
)
case("BroadcastTo/row", lambda x: raw.BroadcastTo(input=x, shape=ints(2, 3, 5)), f(3, 1))
case("BroadcastTo/scalar", lambda x: raw.BroadcastTo(input=x, shape=longs(2, 3)), np.int32(7))
case("BroadcastTo/empty", lambda x: raw.BroadcastTo(input=x, shape=ints(0, 3)), f(1, 3))

# -- Making ------------------------------------------------------------------------------------------------
case("Fill/f32", lambda x: raw.Fill(dims=ints(2, 3), value=x), np.float32(-2.5))
case("Fill/computed", lambda x: raw.Fill(dims=tf.shape(x), value=const(np.int64(7))), f(3, 4), dyn="all")
case("Fill/empty", lambda x: raw.Fill(dims=ints(0, 4), value=x), np.float32(1))
case("Fill/scalar", lambda x: raw.Fill(dims=const(np.zeros(0, np.int32)), value=x), np.int32(1))
case(
    "Range/i32",
    lambda x: raw.Range(start=const(np.int32(2)), limit=x, delta=const(np.int32(3))),
    np.int32(15)
)
case(
    "Range/down",
    lambda x: raw.Range(start=x, limit=const(np.int32(-4)), delta=const(np.int32(-2))),
    np.int32(5)
)
case(
    "Range/f32",
    lambda x: raw.Range(start=const(np.float32(0)), limit=x, delta=const(np.float32(0.25))),
    np.float32(2.1)
)
case(
    "Range/empty",
    lambda x: raw.Range(start=const(np.int64(3)), limit=x, delta=const(np.int64(1))),
    np.int64(3)
)
case(
    "Range/folded",
    lambda x: x
    + raw.Cast(
        x=raw.Range(start=const(np.int32(0)), limit=const(np.int32(5)), delta=const(np.int32(1))),
        DstT=tf.float32,
    ),
    f(2, 5),
)
case(
    "LinSpace/f32",
    lambda x: raw.LinSpace(start=x, stop=const(np.float32(2)), num=const(np.int32(7))),
    np.float32(-1),
    tol=MATHS,
)
case(
    "LinSpace/one",
    lambda x: raw.LinSpace(start=x, stop=const(np.float32(2)), num=const(np.int32(1))),
    np.float32(-1),
)
for op in ("ZerosLike", "OnesLike"):
    for name, data in [
        ("f32", f(2, 3)),
        ("i64", i(4, **I64)),
        ("bool", b(3)),
        ("scalar", np.float32(5)),
        ("nan", SPECIAL),
    ]:
        case(f"{op}/{name}", lambda x, op=op: getattr(raw, op)(x=x), data)
case(
    "OneHot/plain",
    lambda x: raw.OneHot(
        indices=x, depth=const(np.int32(5)), on_value=const(np.float32(1)), off_value=const(np.float32(0))
    ),
    np.array([0, 2, 4, -1, 5], np.int32),
)
case(
    "OneHot/axis0",
    lambda x: raw.OneHot(
        indices=x,
        depth=const(np.int32(4)),
        on_value=const(np.float32(3)),
        off_value=const(np.float32(-1)),
        axis=0,
    ),
    i(2, 3, lo=0, hi=3),
)
case(
    "OneHot/axis1_i64",
    lambda x: raw.OneHot(
        indices=x, depth=const(np.int32(4)), on_value=const(np.int64(1)), off_value=const(np.int64(0)), axis=1
    ),
    i(2, 3, lo=0, hi=3, **I64),
)
case(
    "OneHot/bool_u8",
    lambda x: raw.OneHot(indices=x, depth=const(np.int32(3)), on_value=const(True), off_value=const(False)),
    i(4, lo=0, hi=2, dtype=np.uint8),
)
case(
    "OneHot/scalar",
    lambda x: raw.OneHot(
        indices=x, depth=const(np.int32(3)), on_value=const(np.float32(1)), off_value=const(np.float32(0))
    ),
    np.int32(1),
)

# -- Joining and splitting ---------------------------------------------------------------------------------
for name, shapes, axis in [
    ("last", [(2, 3), (2, 5)], -1),
    ("first", [(1, 4), (3, 4), (2, 4)], 0),
    ("middle", [(2, 3, 5), (2, 1, 5)], 1),
    ("channels", [(1, 3, 3, 17), (1, 3, 3, 16), (1, 3, 3, 1)], 3),
    ("empty", [(2, 0), (2, 3)], 1),
    ("rank1", [(3,), (4,)], 0),
]:
    case(
        f"ConcatV2/{name}",
        lambda *t, axis=axis: raw.ConcatV2(values=list(t), axis=const(np.int32(axis))),
        *[f(*s) for s in shapes],
    )
case("ConcatV2/i32", lambda x, y: raw.ConcatV2(values=[x, y], axis=const(np.int32(0))), i(2), i(3))
case(
    "ConcatV2/with_const",
    lambda x: raw.ConcatV2(values=[x, const(f(2, 3)), x], axis=const(np.int32(1))),
    f(2, 3),
)
case("ConcatV2/axis_i64", lambda x, y: raw.ConcatV2(values=[x, y], axis=const(np.int64(1))), f(2, 3), f(2, 1))
case(
    "ConcatV2/open_all",
    lambda x, y: raw.ConcatV2(values=[x, y], axis=const(np.int32(1))),
    f(2, 3),
    f(2, 4),
    dyn="all",
)
case(
    "ConcatV2/of_relus",
    lambda x, y: raw.ConcatV2(values=[raw.Relu(features=x), raw.Neg(x=y)], axis=const(np.int32(3))),
    f(1, 3, 3, 8),
    f(1, 3, 3, 5),
)
case(
    "Concat/axis_first",
    lambda x, y: raw.Concat(concat_dim=const(np.int32(1)), values=[x, y]),
    f(2, 3),
    f(2, 5),
)
case(
    "ConcatOffset/three",
    lambda x, y, z: list(raw.ConcatOffset(concat_dim=const(np.int32(1)), shape=[x, y, z])),
    *[np.array(v, np.int32) for v in ([2, 3, 5], [2, 7, 5], [2, 1, 5])],
)
for axis in (0, 1, -1):
    case(
        f"Pack/axis{axis}".replace("-", "m"),
        lambda x, y, z, a=axis: raw.Pack(values=[x, y, z], axis=a),
        f(2, 3),
        f(2, 3),
        f(2, 3),
    )
    case(
        f"Unpack/axis{axis}".replace("-", "m"),
        lambda x, a=axis: list(raw.Unpack(value=x, num=3, axis=a)),
        f(3, 3, 3),
    )
    case(
        f"Split/axis{axis}".replace("-", "m"),
        lambda x, a=axis: list(raw.Split(axis=const(np.int32(a)), value=x, num_split=2)),
        f(4, 6),
    )
    case(
        f"SplitV/axis{axis}".replace("-", "m"),
        lambda x, a=axis: list(
            raw.SplitV(value=x, size_splits=ints(1, -1, 2), axis=const(np.int32(a)), num_split=3)
        ),
        f(6, 7),
    )
case("Pack/scalars", lambda x, y: raw.Pack(values=[x, y]), np.int32(3), np.int32(4))
case("Pack/one", lambda x: raw.Pack(values=[x]), f(3))
case("Pack/stripped", lambda x, y: raw.Pack(values=[x, y]), f(3), f(3), edit=strip("axis"))
case(
    "Split/channels_used",
    lambda x: (lambda p: raw.Add(x=p[0], y=p[2]))(raw.Split(axis=const(np.int32(3)), value=x, num_split=3)),
    f(1, 3, 2, 12),
)
case("Split/one", lambda x: raw.Split(axis=const(np.int32(0)), value=x, num_split=1)[0], f(4, 2))
case(
    "SplitV/i64_sizes_zero",
    lambda x: list(raw.SplitV(value=x, size_splits=longs(0, 3, 2), axis=const(np.int32(0)), num_split=3)),
    f(5, 2),
)

# -- Slicing -----------------------------------------------------------------------------------------------
for name, shape, begin, size in [
    ("inner", (4, 5), (1, 2), (2, 3)),
    ("to_end", (4, 5, 3), (1, 0, 2), (-1, -1, 1)),
    ("empty", (4, 5), (2, 5), (2, 0)),
    ("all", (3, 2), (0, 0), (-1, -1)),
    ("rank1", (17,), (3,), (9,)),
]:
    case(
        f"Slice/{name}",
        lambda x, b=begin, s=size: raw.Slice(input=x, begin=ints(*b), size=ints(*s)),
        f(*shape),
    )
case("Slice/i64_index", lambda x: raw.Slice(input=x, begin=longs(1, 1), size=longs(1, 2)), f(3, 4))
case(
    "Slice/fed_begin",
    lambda x, y: raw.Slice(input=x, begin=y, size=ints(2, 2)),
    f(4, 5),
    np.array([1, 2], np.int32),
)

n = None
INDEX = {  # Python's own indexing, whose masks TensorFlow's StridedSlice reproduces
    "range": (slice(1, 3),),
    "two": (slice(1, 3), slice(0, 4)),
    "stride": (slice(0, 4, 2), slice(n, n, 3)),
    "reverse": (slice(n, n, -1),),
    "reverse_part": (slice(3, 0, -2), slice(n, 1, -1)),
    "shrink": (1,),
    "shrink_negative": (slice(n), -1),
    "shrink_middle": (slice(n), 2, slice(1, 3)),
    "all_shrunk": (1, 2, 3),
    "ellipsis_first": (..., 1),
    "ellipsis_last": (1, ...),
    "ellipsis_middle": (1, ..., slice(0, 2)),
    "ellipsis_empty": (1, slice(n), ..., 2),
    "new_first": (n,),
    "new_last": (..., n),
    "new_between": (slice(n), n, 1),
    "new_two": (n, ..., n),
    "new_and_ellipsis": (n, 1, ..., slice(n, n, -1), n),
    "clamped": (slice(-100, 100), slice(2, 100)),
    "empty": (slice(3, 1),),
    "empty_reverse": (slice(0, 3, -1),),
    "negative_both": (slice(-3, -1), slice(-4, n)),
}
for name, index in INDEX.items():
    case(f"StridedSlice/{name}", lambda x, index=index: x[index], f(4, 5, 6))
case(
    "StridedSlice/new_axis_beats_shrink",
    lambda x: raw.StridedSlice(
        input=x, begin=ints(1, 1), end=ints(2, 2), strides=ints(1, 1), new_axis_mask=1, shrink_axis_mask=3
    ),
    f(3, 4),
)
case(
    "StridedSlice/begin_mask_end_mask",
    lambda x: raw.StridedSlice(
        input=x, begin=ints(2, 1), end=ints(1, 3), strides=ints(1, 1), begin_mask=1, end_mask=1
    ),
    f(3, 4),
)
case(
    "StridedSlice/masks_with_ellipsis",
    lambda x: raw.StridedSlice(
        input=x,
        begin=ints(0, 0, 1),
        end=ints(0, 0, 9),
        strides=ints(1, 1, 2),
        ellipsis_mask=1,
        end_mask=4,
        begin_mask=2,
    ),
    f(2, 3, 4, 5),
)
case("StridedSlice/fewer_than_rank", lambda x: x[:, 1:], f(2, 3, 4))
case(
    "StridedSlice/i64_index",
    lambda x: raw.StridedSlice(input=x, begin=longs(1), end=longs(3), strides=longs(1)),
    i(5, **I64),
)
case("StridedSlice/u8", lambda x: x[:, ::2], i(3, 5, **U8))
case("StridedSlice/bool", lambda x: x[1], b(3, 5))
case("StridedSlice/of_shape", lambda x: tf.shape(x)[1:3], f(1, 5, 7, 2), dyn="all")
case(
    "StridedSlice/fed_index",
    lambda x, y: raw.StridedSlice(input=x, begin=y, end=y + 2, strides=ints(1)),
    f(6, 2),
    np.array([2], np.int32)
)
case("StridedSlice/open_all", lambda x: x[:, 1:-1, ::2], f(2, 5, 4), dyn="all")
case("StridedSlice/last_step", lambda x: x[:, -1, :], f(2, 7, 5), dyn="n")
case(
    "StridedSlice/stripped",
    lambda x: raw.StridedSlice(input=x, begin=ints(1), end=ints(3), strides=ints(1)),
    f(5),
    edit=strip("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"),
)
case("StridedSlice/channels_reversed", lambda x: x[..., ::-1], f(1, 3, 4, 3))

# -- Order and repetition ----------------------------------------------------------------------------------
for name, shape, perm in [
    ("matrix", (5, 7), (1, 0)),
    ("nhwc_nchw", (2, 3, 5, 17), (0, 3, 1, 2)),
    ("nchw_nhwc", (2, 17, 3, 5), (0, 2, 3, 1)),
    ("same", (2, 3), (0, 1)),
    ("heads", (2, 7, 3, 4), (0, 2, 1, 3)),
    ("rank5", (2, 3, 1, 4, 5), (4, 2, 0, 3, 1)),
    ("empty", (0, 3), (1, 0)),
    ("rank1", (4,), (0,)),
    ("big", (33, 65), (1, 0)),
]:
    case(f"Transpose/{name}", lambda x, p=perm: raw.Transpose(x=x, perm=ints(*p)), f(*shape))
case("Transpose/i64_perm", lambda x: raw.Transpose(x=x, perm=longs(1, 0)), i(3, 4))
case("Transpose/u8", lambda x: raw.Transpose(x=x, perm=ints(2, 0, 1)), i(3, 4, 3, **U8))
case("Transpose/f64", lambda x: raw.Transpose(x=x, perm=ints(1, 0)), d(3, 4))
case(
    "Transpose/there_and_back",
    lambda x: raw.Transpose(
        x=raw.Relu(features=raw.Transpose(x=x, perm=ints(0, 3, 1, 2))), perm=ints(0, 2, 3, 1)
    ),
    f(1, 3, 4, 5),
)
case("Transpose/open_all", lambda x: raw.Transpose(x=x, perm=ints(0, 2, 1)), f(2, 3, 4), dyn="all")
for name, shape, m in [
    ("rows", (2, 3), (3, 1)),
    ("both", (2, 3), (2, 2)),
    ("zero", (2, 3), (1, 0)),
    ("rank4", (1, 1, 1, 17), (1, 3, 2, 1)),
    ("rank1", (3,), (4,)),
]:
    case(f"Tile/{name}", lambda x, m=m: raw.Tile(input=x, multiples=ints(*m)), f(*shape))
case("Tile/i32_i64_multiples", lambda x: raw.Tile(input=x, multiples=longs(2)), i(3))
case("Tile/fed_multiples", lambda x, y: raw.Tile(input=x, multiples=y), f(2, 3), np.array([2, 2], np.int32))
case("Reverse/mask", lambda x: raw.Reverse(tensor=x, dims=const(np.array([True, False, True]))), f(2, 3, 4))
case("ReverseV2/last", lambda x: raw.ReverseV2(tensor=x, axis=ints(-1)), f(2, 3, 17))
case("ReverseV2/two", lambda x: raw.ReverseV2(tensor=x, axis=ints(0, 2)), i(2, 3, 4))
case("ReverseV2/none", lambda x: raw.ReverseV2(tensor=x, axis=const(np.zeros(0, np.int32))), f(2, 3))
case("InvertPermutation/i32", lambda x: raw.InvertPermutation(x=x), np.array([3, 0, 2, 1], np.int32))

# -- Padding -----------------------------------------------------------------------------------------------
PADS = {
    "rank1": ((5,), [[2, 1]]),
    "rank2": ((2, 3), [[1, 0], [0, 2]]),
    "spatial": ((1, 4, 5, 3), [[0, 0], [1, 2], [2, 1], [0, 0]]),
    "channels": ((1, 3, 3, 5), [[0, 0], [0, 0], [0, 0], [2, 1]]),
    "nothing": ((2, 3), [[0, 0], [0, 0]]),
    "batch": ((2, 3), [[1, 1], [0, 0]]),
}
for name, (shape, pads) in PADS.items():
    case(f"Pad/{name}", lambda x, p=pads: raw.Pad(input=x, paddings=const(np.array(p, np.int32))), f(*shape))
    case(
        f"PadV2/{name}",
        lambda x, p=pads: raw.PadV2(
            input=x, paddings=const(np.array(p, np.int32)), constant_values=const(np.float32(-1.5))
        ),
        f(*shape),
    )
    for mode in ("REFLECT", "SYMMETRIC"):
        if name != "batch" or mode == "SYMMETRIC":
            case(
                f"MirrorPad/{mode.lower()}_{name}",
                lambda x, p=pads, mode=mode: raw.MirrorPad(
                    input=x, paddings=const(np.array(p, np.int32)), mode=mode
                ),
                f(*shape),
            )
case("Pad/i64_paddings", lambda x: raw.Pad(input=x, paddings=const(np.array([[1, 2]], np.int64))), i(3))
case(
    "Pad/empty_input",
    lambda x: raw.Pad(input=x, paddings=const(np.array([[1, 2], [0, 0]], np.int32))),
    f(0, 3),
)
case(
    "Pad/open_all",
    lambda x: raw.Pad(input=x, paddings=const(np.array([[0, 0], [1, 2]], np.int32))),
    f(2, 3),
    dyn="all",
)
case(
    "PadV2/minus_inf",
    lambda x: raw.PadV2(
        input=x, paddings=const(np.array([[1, 1]], np.int32)), constant_values=const(np.float32(-np.inf))
    ),
    f(3),
)

# -- Blocks ------------------------------------------------------------------------------------------------
for name, shape, block in [("b2", (2, 4, 6, 3), 2), ("b3_c1", (1, 6, 3, 1), 3), ("b2_c17", (1, 2, 4, 17), 2)]:
    case(f"SpaceToDepth/{name}", lambda x, k=block: raw.SpaceToDepth(input=x, block_size=k), f(*shape))
for name, shape, block in [("b2", (2, 3, 2, 12), 2), ("b3", (1, 2, 3, 9), 3), ("b2_c33", (1, 2, 2, 132), 2)]:
    case(f"DepthToSpace/{name}", lambda x, k=block: raw.DepthToSpace(input=x, block_size=k), f(*shape))
case("SpaceToDepth/u8", lambda x: raw.SpaceToDepth(input=x, block_size=2), i(1, 4, 4, 3, **U8))
nhwc_to_nchw, nchw_to_nhwc = [0, 3, 1, 2], [0, 2, 3, 1]
case(
    "DepthToSpace/nchw",
    lambda x: raw.DepthToSpace(input=x, block_size=2, data_format="NCHW"),
    f(1, 8, 2, 3),
    oracle=lambda x: tf.transpose(
        raw.DepthToSpace(input=tf.transpose(x, nchw_to_nhwc), block_size=2), nhwc_to_nchw
    ),
)
case(
    "SpaceToDepth/nchw",
    lambda x: raw.SpaceToDepth(input=x, block_size=2, data_format="NCHW"),
    f(1, 2, 4, 6),
    oracle=lambda x: tf.transpose(
        raw.SpaceToDepth(input=tf.transpose(x, nchw_to_nhwc), block_size=2), nhwc_to_nchw
    ),
)
for name, shape, block, pads in [
    ("b2", (1, 4, 6, 3), (2, 2), [[0, 0], [0, 0]]),
    ("padded", (2, 3, 5, 2), (2, 2), [[0, 1], [1, 0]]),
    ("b23", (1, 4, 6, 1), (2, 3), [[0, 0], [0, 0]]),
    ("one_dim", (2, 5, 3), (3,), [[1, 0]]),
    ("b1", (1, 3, 3, 2), (1, 1), [[0, 0], [0, 0]]),
]:
    args = lambda block=block, pads=pads: (const(np.array(block, np.int32)), const(np.array(pads, np.int32)))
    case(
        f"SpaceToBatchND/{name}",
        lambda x, a=args: raw.SpaceToBatchND(input=x, block_shape=a()[0], paddings=a()[1]),
        f(*shape),
    )
for name, shape, block, crops in [
    ("b2", (4, 2, 3, 3), (2, 2), [[0, 0], [0, 0]]),
    ("cropped", (8, 2, 3, 2), (2, 2), [[0, 1], [1, 0]]),
    ("b23", (6, 2, 2, 1), (2, 3), [[0, 0], [0, 0]]),
    ("one_dim", (6, 2, 3), (3,), [[1, 0]]),
]:
    args = lambda block=block, crops=crops: (
        const(np.array(block, np.int32)),
        const(np.array(crops, np.int32)),
    )
    case(
        f"BatchToSpaceND/{name}",
        lambda x, a=args: raw.BatchToSpaceND(input=x, block_shape=a()[0], crops=a()[1]),
        f(*shape),
    )
case(
    "SpaceToBatch/b2",
    lambda x: raw.SpaceToBatch(input=x, paddings=const(np.array([[0, 1], [1, 0]], np.int32)), block_size=2),
    f(1, 3, 5, 2),
)
case(
    "BatchToSpace/b2",
    lambda x: raw.BatchToSpace(input=x, crops=const(np.array([[0, 1], [0, 0]], np.int32)), block_size=2),
    f(4, 2, 3, 2),
)

# -- Gathering ---------------------------------------------------------------------------------------------
case("Gather/rows", lambda x, y: raw.Gather(params=x, indices=y), f(5, 3), np.array([4, 0, 0, 2], np.int32))
case("Gather/i64_rank2", lambda x, y: raw.Gather(params=x, indices=y), f(5, 3), i(2, 3, lo=0, hi=4, **I64))
for name, params, indices, axis, bd in [
    ("rows", (6, 5), (3,), 0, 0),
    ("columns", (4, 7), (2, 3), 1, 0),
    ("last", (2, 3, 9), (4,), -1, 0),
    ("scalar", (5, 3), (), 0, 0),
    ("empty", (5, 3), (0,), 0, 0),
    ("batch", (3, 5, 2), (3, 4), 1, 1),
    ("batch_last", (2, 3, 4), (2, 3), 2, 1),
    ("wide", (9, 33), (5,), 0, 0),
]:
    hi = params[axis] - 1
    case(
        f"GatherV2/{name}",
        lambda x, y, axis=axis, bd=bd: raw.GatherV2(
            params=x, indices=y, axis=const(np.int32(axis)), batch_dims=bd
        ),
        f(*params),
        i(*indices, lo=0, hi=hi),
    )
case(
    "GatherV2/embedding",
    lambda x: raw.GatherV2(params=const(f(11, 17)), indices=x, axis=const(np.int32(0))),
    i(2, 4, lo=0, hi=10),
    dyn="n",
)
case(
    "GatherV2/of_shape",
    lambda x: raw.GatherV2(
        params=tf.shape(x), indices=const(np.array([2, 0], np.int32)), axis=const(np.int32(0))
    ),
    f(2, 3, 4),
    dyn="all",
)
case(
    "GatherV2/u8",
    lambda x, y: raw.GatherV2(params=x, indices=y, axis=const(np.int32(0))),
    i(4, 3, **U8),
    np.array([3, 1], np.int32),
)
case(
    "GatherV2/stripped",
    lambda x, y: raw.GatherV2(params=x, indices=y, axis=const(np.int32(0))),
    f(4, 3),
    np.array([3, 1], np.int32),
    edit=strip("batch_dims"),
)
case(
    "GatherNd/points",
    lambda x, y: raw.GatherNd(params=x, indices=y),
    f(3, 4),
    np.array([[0, 3], [2, 1]], np.int32),
)
case(
    "GatherNd/rows",
    lambda x, y: raw.GatherNd(params=x, indices=y),
    f(3, 4, 2),
    np.array([[[2], [0]], [[1], [1]]], np.int64),
)
