"""Shapes, slices and moves of elements in every type, and sizes that depend on data."""

import numpy as np
import tensorflow as tf
from cases_linalg import ANY, LOW, NUMBERS, SMALL, back, ints, over
from golden import EXACT, MATHS, SPECIAL, SUMS, b, case, cases, const, d, f, i, node, raw, strip, tf1

longs = lambda *v: const(np.array(v, np.int64))
i32 = lambda *v: np.array(v, np.int32)
i64 = lambda *v: np.array(v, np.int64)
I32 = lambda v: np.int32(v)

# -- Every type through every operation that only moves elements --------------------------------------------
X = i(2, 3, 4, lo=0, hi=9)
MOVES = {
    "Roll": lambda x: raw.Roll(input=x, shift=ints(1, -2), axis=ints(0, 2)),
    "ReverseV2": lambda x: raw.ReverseV2(tensor=x, axis=ints(1, -1)),
    "Reverse": lambda x: raw.Reverse(tensor=x, dims=const(np.array([True, False, True]))),
    "ReverseSequence": lambda x: raw.ReverseSequence(input=x, seq_lengths=longs(2, 3), seq_dim=1, batch_dim=0),
    "Tile": lambda x: raw.Tile(input=x, multiples=ints(1, 2, 3)),
    "Pack": lambda x: raw.Pack(values=[x, x], axis=1),
    "Unpack": lambda x: raw.Unpack(value=x, num=3, axis=1),
    "ConcatV2": lambda x: raw.ConcatV2(values=[x, x[:, :1]], axis=const(np.int32(1))),
    "Concat": lambda x: raw.Concat(concat_dim=const(np.int32(-1)), values=[x, x]),
    "ParallelConcat": lambda x: raw.ParallelConcat(values=[x[:1], x[1:], x[:1]], shape=[3, 3, 4]),
    "Split": lambda x: raw.Split(axis=const(np.int32(2)), value=x, num_split=2),
    "SplitV": lambda x: raw.SplitV(value=x, size_splits=longs(1, -1), axis=const(np.int32(1)), num_split=2),
    "Slice": lambda x: raw.Slice(input=x, begin=ints(0, 1, 1), size=ints(2, 2, -1)),
    "StridedSlice": lambda x: x[1:, ::-2, 1, tf.newaxis],
    "Transpose": lambda x: raw.Transpose(x=x, perm=ints(2, 0, 1)),
    "ConjugateTranspose": lambda x: raw.ConjugateTranspose(x=x, perm=ints(1, 2, 0)),
    "BroadcastTo": lambda x: raw.BroadcastTo(input=x[:, :1], shape=ints(2, 2, 3, 4)),
    "ExpandDims": lambda x: raw.ExpandDims(input=x, axis=const(np.int32(-2))),
    "Reshape": lambda x: raw.Reshape(tensor=x, shape=ints(-1, 4)),
    "GatherV2": lambda x: raw.GatherV2(params=x, indices=ints(2, 0), axis=const(np.int32(1))),
    "GatherNd": lambda x: raw.GatherNd(params=x, indices=ints([[1, 2], [0, 0]])[0]),
    "Pad": lambda x: raw.Pad(input=x, paddings=ints([[1, 0], [0, 2], [0, 0]])[0]),
    "PadV2": lambda x: raw.PadV2(input=x, paddings=ints([[1, 0], [0, 2], [0, 0]])[0], constant_values=tf.cast(const(np.int32(1)), x.dtype)),
    "MirrorPad": lambda x: raw.MirrorPad(input=x, paddings=ints([[1, 0], [0, 2], [0, 0]])[0], mode="REFLECT"),
    "Select": lambda x: raw.Select(condition=const(np.array([True, False])), x=x, y=tf.reverse(x, [1])),
    "SelectV2": lambda x: raw.SelectV2(condition=const(np.array([[True], [False], [True]])), t=x, e=x[:1]),
    "OnesLike": lambda x: raw.OnesLike(x=x),
    "ZerosLike": lambda x: raw.ZerosLike(x=x),
    "Fill": lambda x: raw.Fill(dims=ints(2, 2), value=x[1, 2, 3]),
    "OneHot": lambda x: raw.OneHot(indices=ints(1, 0, 5, -1), depth=const(np.int32(3)), on_value=x[0, 1, 2], off_value=x[1, 0, 0], axis=0),
    "TensorStridedSliceUpdate": lambda x: raw.TensorStridedSliceUpdate(
        input=x, begin=ints(0, 1), end=ints(2, 3), strides=ints(1, 1), value=tf.reverse(x[:, :2], [1])
    ),
    "Snapshot": lambda x: raw.Snapshot(input=x),
}
for op, build in MOVES.items():
    types = {"f32": tf.float32, **ANY}
    if op == "Tile":
        types.pop("u16")  # TensorFlow has no such kernel
    over(types, f"{op}/type", build, X)

for s, st in dict(f32=np.float32, f64=np.float64, i8=np.int8, u8=np.uint8, i16=np.int16, u16=np.uint16, i32=np.int32, u32=np.uint32, i64=np.int64, u64=np.uint64).items():
    for t in (tf.float32, tf.float64, tf.int8, tf.uint8, tf.int16, tf.uint16, tf.int32, tf.uint32, tf.int64, tf.uint64, tf.float16, tf.bfloat16):
        if tf.as_dtype(st) == t:
            continue
        k = max(t.size // np.dtype(st).itemsize, 1)
        case(f"Bitcast/{s}_to_{t.name}", lambda x, t=t: back(raw.Bitcast(input=x, type=t)), i(2, 2, *([k] if k > 1 else []), lo=1, hi=60, dtype=st))

# -- Roll, ReverseSequence -----------------------------------------------------------------------------------
cases(
    "Roll",
    lambda x, s, a: raw.Roll(input=x, shift=const(np.array(s, np.int32)), axis=const(np.array(a, np.int32))),
    f(3, 4),
    variants=dict(scalar=dict(s=1, a=1), negative=dict(s=-1, a=0), far=dict(s=[9, -13], a=[0, 1]), twice=dict(s=[1, 2], a=[1, 1]), axis_negative=dict(s=[1], a=[-1]), none=dict(s=[0, 4], a=[0, 1])),
)
case("Roll/open", lambda x: raw.Roll(input=x, shift=ints(1, 2), axis=ints(0, 1)), f(3, 4), dyn="all")
case("Roll/empty", lambda x: raw.Roll(input=x, shift=ints(1), axis=ints(0)), f(0, 4))
case("Roll/fed_shift", lambda x, y: raw.Roll(input=x, shift=y, axis=ints(0, 1)), f(3, 4), i32(-5, 1))
case("Roll/fed_scalar", lambda x, y: raw.Roll(input=x, shift=y, axis=const(np.int64(1))), f(3, 4), np.int64(6))
case("Roll/half_of_open", lambda x: raw.Roll(input=x, shift=[tf.shape(x)[1] // 2], axis=ints(1)), f(3, 5), dyn="all")
for n, (s, sd, bd) in dict(plain=((3, 4, 2), 1, 0), swapped=((4, 3, 2), 0, 1), far=((2, 2, 4, 3), 2, 3), last=((3, 2, 4), 2, 0)).items():
    case(f"ReverseSequence/{n}", lambda x, y, sd=sd, bd=bd: raw.ReverseSequence(input=x, seq_lengths=y, seq_dim=sd, batch_dim=bd), f(*s), i64(0, 4, 3))
case("ReverseSequence/i32_lengths", lambda x, y: raw.ReverseSequence(input=x, seq_lengths=y, seq_dim=1), f(3, 4), i32(1, 2, 4))
case("ReverseSequence/open", lambda x, y: raw.ReverseSequence(input=x, seq_lengths=y, seq_dim=1), f(3, 4), i32(1, 2, 4), dyn="all")
case("ReverseSequence/default_dim", lambda x, y: raw.ReverseSequence(input=x, seq_lengths=y, seq_dim=1), f(3, 4), i64(1, 2, 4), edit=strip("batch_dim"))

# -- StridedSlice: masks and their combinations (trap 16) --------------------------------------------------
def strided(spec, masks):
    begin, end, strides = spec
    return lambda x: raw.StridedSlice(input=x, begin=ints(*begin), end=ints(*end), strides=ints(*strides), **{k + "_mask": v for k, v in masks.items()})


for name, (args, masks) in dict(
    begin_mask=(([2, 1, 0], [4, 3, 2], [1, 1, 1]), dict(begin=5)),
    end_mask=(([2, 1, 0], [3, 2, 1], [1, 1, 1]), dict(end=3)),
    backwards_masked=(([0, 0], [0, 0], [-1, -2]), dict(begin=3, end=3)),
    new_axis_beats_shrink=(([0, 1], [0, 2], [1, 1]), dict(new_axis=1, shrink_axis=3)),
    new_axis_ignores_stride=(([5, 1], [9, 2], [-7, 1]), dict(new_axis=1)),
    ellipsis_beats_all=(([9, 1], [9, 2], [9, 1]), dict(ellipsis=1, new_axis=1, shrink_axis=3, begin=1, end=1)),
    ellipsis_first=(([0, 1, 0], [0, 3, 2], [1, 1, 1]), dict(ellipsis=1)),
    ellipsis_empty=(([0, 0, 0, 0], [2, 0, 3, 2], [1, 1, 1, 1]), dict(ellipsis=2)),
    ellipsis_implicit=(([1], [3], [1]), {}),
    shrink_negative=(([-1, -5], [0, 0], [1, 1]), dict(shrink_axis=3)),
    shrink_begin_mask=(([2, 1], [3, 2], [1, 1]), dict(shrink_axis=3, begin=1)),
    shrink_all=(([1, 2, 3], [2, 3, 4], [1, 1, 1]), dict(shrink_axis=7)),
    clamped=(([-99, 2], [99, 99], [1, 1]), {}),
    clamped_back=(([99, -99], [-99, 99], [-1, -1]), {}),
    empty=(([3, 2], [1, 2], [1, 1]), {}),
    stride_far=(([0, 4], [4, 0], [1 << 30, -(1 << 30)]), {}),
    everything=(([0, 1, 0, 3, 9], [0, 2, 0, 0, 9], [1, 1, 1, -1, 1]), dict(new_axis=1, shrink_axis=2, ellipsis=4, begin=8, end=8)),
).items():
    case(f"StridedSlice/mask_{name}", strided(args, masks), f(4, 5, 6))
    case(f"StridedSlice/mask_{name}_open", strided(args, masks), f(4, 5, 6), dyn="all")
for t in (np.int16, np.int64):
    case(f"StridedSlice/index_{np.dtype(t).name}", lambda x, t=t: raw.StridedSlice(input=x, begin=const(np.array([1, -1], t)), end=const(np.array([3, 0], t)), strides=const(np.array([1, -2], t))), f(4, 5))
case("StridedSlice/to_rank8", lambda x: x[tf.newaxis, :, tf.newaxis, :, tf.newaxis, ..., tf.newaxis, tf.newaxis], f(2, 3, 2))
# A number out of the data.
case("StridedSlice/fed_row", lambda x, y: x[y], f(4, 5), I32(2))
case("StridedSlice/fed_index_negative", lambda x, y: x[:, y], f(4, 5), I32(-2))
case("StridedSlice/fed_index_i64", lambda x, y: x[1, y], f(4, 5), np.int64(3))
case("StridedSlice/fed_two", lambda x, y: x[y[0], :, y[1]], f(4, 5, 3), i32(-1, 2))
case("StridedSlice/fed_index_computed", lambda x, y: x[..., y + 1, tf.newaxis], f(4, 5), I32(1))
case("StridedSlice/last_of_length", lambda x, y: x[0, y - 1], f(2, 5, 3), I32(4))
FED = dict(
    begin=(lambda x, y: x[y:], 1),
    begin_negative=(lambda x, y: x[y:], -2),
    begin_beyond=(lambda x, y: x[y:], 9),
    end=(lambda x, y: x[:y], 3),
    end_negative=(lambda x, y: x[:y], -1),
    end_beyond=(lambda x, y: x[:y], 7),
    end_empty=(lambda x, y: x[:y], -9),
    both=(lambda x, y: x[y : y + 2], 1),
    both_cut=(lambda x, y: x[y : y + 3], 3),
    crossed=(lambda x, y: x[y : 6 - y], 4),
    second=(lambda x, y: x[:, y:, 1], 2),
    two=(lambda x, y: x[y:, :y], 2),
    stepped=(lambda x, y: x[:, y::2], 1),
    stepped_end=(lambda x, y: x[:, :y:3], 5),
    back=(lambda x, y: x[y::-1], 2),
    back_end=(lambda x, y: x[:y:-1], 1),
    back_stepped=(lambda x, y: x[:, y:0:-2], 4),
    back_clamped=(lambda x, y: x[y:-9:-1], 9),
    back_empty=(lambda x, y: x[y:3:-1], 1),
    ellipsis=(lambda x, y: x[..., y:], 1),
    new_axis=(lambda x, y: x[tf.newaxis, y:, 0], 1),
)
for n, (build, y) in FED.items():
    case(f"StridedSlice/range_{n}", build, f(4, 5, 3), I32(y))
case("StridedSlice/range_open", lambda x, y: x[y:, 1 : y + 1], f(4, 5), I32(2), dyn="all")
case("StridedSlice/range_then_sum", lambda x, y: tf.reduce_sum(x[y:], 0) + tf.cast(tf.shape(x[y:])[0], tf.float32), f(4, 5), I32(1), tol=SUMS)

# -- Slice -------------------------------------------------------------------------------------------------
case("Slice/fed_corner", lambda x, y: raw.Slice(input=x, begin=y, size=ints(2, 3)), f(4, 5), i32(1, 2))
case("Slice/fed_begin_part", lambda x, y: raw.Slice(input=x, begin=tf.stack([1, y]), size=ints(2, 3)), f(4, 5), I32(2))
for n, begin, size in [("size", (0, 0), (2, 5)), ("rest", (1, 0), (-1, -1)), ("both", (1, 2), (2, -1)), ("none", (4, 5), (0, -1))]:
    case(f"Slice/fed_{n}", lambda x, y, z: raw.Slice(input=x, begin=y, size=z), f(4, 5), i32(*begin), i32(*size))
case("Slice/fed_begin_rest", lambda x, y: raw.Slice(input=x, begin=y, size=ints(-1, 2)), f(4, 5), i64(1, 2).astype(np.int32))
case("Slice/open_rest", lambda x: raw.Slice(input=x, begin=ints(1, 0), size=ints(-1, -1)), f(4, 5), dyn="all")
case("Slice/empty_at_end", lambda x: raw.Slice(input=x, begin=ints(4, 0), size=ints(0, -1)), f(4, 5))

# -- Reshape, Tile, Fill, Range and others with sizes from data --------------------------------------------
for n, y in dict(plain=(3, 4), minus_one=(-1, 6), minus_one_last=(4, -1), one=(12,), rank3=(2, -1, 3)).items():
    case(f"Reshape/fed_{n}", lambda x, y: raw.Reshape(tensor=x, shape=y), f(2, 6), i32(*y))
case("Reshape/fed_part", lambda x, y: raw.Reshape(tensor=x, shape=tf.stack([-1, y, 2])), f(2, 6), I32(3))
case("Reshape/fed_part_minus_one", lambda x, y: raw.Reshape(tensor=x, shape=tf.stack([y, 6])), f(2, 6), I32(-1))
case("Reshape/fed_empty", lambda x, y: raw.Reshape(tensor=x, shape=y), f(0, 6), i32(3, 0))
case("Tile/fed_part", lambda x, y: raw.Tile(input=x, multiples=tf.stack([y, 1])), f(2, 3), I32(2))
case("Tile/open", lambda x: raw.Tile(input=x, multiples=tf.shape(x)), f(2, 3), dyn="all")
case("Fill/fed", lambda x: raw.Fill(dims=x, value=const(np.float32(3))), i32(2, 3))
case("Fill/fed_scalar", lambda x: raw.Fill(dims=tf.stack([x, 2]), value=const(np.float32(3))), I32(3))
case("BroadcastTo/fed", lambda x, y: raw.BroadcastTo(input=x, shape=y), f(3, 1), i32(2, 3, 4))
case("BroadcastTo/open", lambda x, y: raw.BroadcastTo(input=x, shape=tf.shape(y)), f(1, 4), f(3, 4), dyn="all")
case("Range/fed", lambda x: raw.Range(start=0, limit=x, delta=1), I32(5))
case("Range/fed_all", lambda x: raw.Range(start=x[0], limit=x[1], delta=x[2]), i32(7, -2, -3))
case("Range/fed_i64", lambda x: raw.Range(start=x[0], limit=x[1], delta=x[2]), i64(-3, 8, 4))
case("Range/fed_f32", lambda x: raw.Range(start=x[0], limit=x[1], delta=x[2]), np.array([0.5, 3.1, 0.25], "f"))
case("Range/of_shape", lambda x: raw.Range(start=1, limit=tf.shape(x)[1] + 1, delta=1), f(2, 5), dyn="all")
case("Range/of_shape_stepped", lambda x: raw.Range(start=0, limit=tf.shape(x)[1], delta=2), f(2, 5), dyn="all")
case("Range/of_shape_down", lambda x: raw.Range(start=tf.shape(x)[1] - 1, limit=-1, delta=-1), f(2, 5), dyn="all")
case("Range/as_axes", lambda x: raw.Sum(input=x, axis=raw.Range(start=1, limit=tf.rank(x), delta=1)), f(2, 3, 4), tol=SUMS)
for n, (t, v) in dict(
    f64=(np.float64, (0, 1, 0.1)), f32=(np.float32, (0, 1, 0.1)), down=(np.float32, (1, -1, -0.3)), i64=(np.int64, (5, 50, 7)), empty=(np.int32, (3, 3, 1)),
    one=(np.float32, (0, 0.1, 5)), large=(np.int64, (1 << 40, (1 << 40) + 3, 2)),
).items():
    case(f"Range/const_{n}", lambda t=t, v=v: raw.Range(start=const(t(v[0])), limit=const(t(v[1])), delta=const(t(v[2]))))
case("Range/bf16", lambda x: back(raw.Range(start=tf.cast(1, tf.bfloat16), limit=tf.cast(9, tf.bfloat16), delta=tf.cast(0.3, tf.bfloat16)) + tf.cast(x, tf.bfloat16)), np.float32(0))
case("LinSpace/f64", lambda x, y: raw.LinSpace(start=x, stop=y, num=const(np.int64(5))), np.float64(1), np.float64(2.3), tol=(1e-15, 1e-15, 0))
case("LinSpace/of_shape", lambda x: raw.LinSpace(start=-1.0, stop=1.0, num=tf.shape(x)[0]), f(7), tol=MATHS, dyn="all")
for n in (1, 2, 4):
    case(f"LinSpace/fed_{n}", lambda x: raw.LinSpace(start=-1.0, stop=1.0, num=x), I32(n), tol=MATHS)
for t in (np.uint8, np.int8, np.int32, np.int64):
    case(f"OneHot/index_{np.dtype(t).name}", lambda x: raw.OneHot(indices=x, depth=const(np.int32(3)), on_value=1.0, off_value=0.0), np.array([[0, 2], [3, 100]], t))
case("OneHot/depth_of_shape", lambda x, y: raw.OneHot(indices=x, depth=tf.shape(y)[1], on_value=1.0, off_value=0.0), i32(0, 2, 1), f(2, 4), dyn="all")
case("OneHot/depth_0", lambda x: raw.OneHot(indices=x, depth=const(np.int32(0)), on_value=1.0, off_value=0.0), i32(0, 2))
for axis in (0, 1, -1):
    case(f"OneHot/fed_depth_{axis}".replace("-", "m"), lambda x, y, a=axis: raw.OneHot(indices=x, depth=y, on_value=5, off_value=-1, axis=a), i32([0, 2], [1, -1]), I32(3))
case("SplitV/rest_first", lambda x: raw.SplitV(value=x, size_splits=ints(-1, 2, 0), axis=const(np.int32(0)), num_split=3), f(5, 2))
case("SplitV/fed", lambda x, y: raw.SplitV(value=x, size_splits=tf.stack([y, -1]), axis=const(np.int32(0)), num_split=2), f(5, 2), I32(2))
case("SplitV/all_fed", lambda x, y: raw.SplitV(value=x, size_splits=y, axis=const(np.int32(1)), num_split=2), f(2, 5), i32(1, 4))
case("Pad/fed", lambda x, y: raw.Pad(input=x, paddings=y), f(2, 3), i32([1, 0], [0, 2]))
case("Pad/to_size", lambda x: raw.Pad(input=x, paddings=[[0, 0], [0, 5 - tf.shape(x)[1]]]), f(2, 3), dyn="all")
case("PadV2/fed_value", lambda x, y: raw.PadV2(input=x, paddings=ints([1, 0], [0, 2]), constant_values=y), f(2, 3), np.float32(7))
case("PadV2/large_i64", lambda x: raw.PadV2(input=x, paddings=ints([1, 1]), constant_values=const(np.int64((1 << 60) + 1))), i64(3, 4))
case("PadV2/fed_all", lambda x, y, z: raw.PadV2(input=x, paddings=y, constant_values=z), f(2, 3), i32([1, 0], [0, 2]), np.float32(7))
for mode in ("REFLECT", "SYMMETRIC"):
    case(f"MirrorPad/fed_{mode.lower()}", lambda x, y, m=mode: raw.MirrorPad(input=x, paddings=y, mode=m), f(3, 4), i32([1, 2], [0, 3]))
    case(f"MirrorPad/open_{mode.lower()}", lambda x, m=mode: raw.MirrorPad(input=x, paddings=ints([1, 2], [0, 3]), mode=m), f(3, 4), dyn="all")
case("Squeeze/of_slice", lambda x, y: raw.Squeeze(input=x[y : y + 1], axis=[0]), f(3, 4), I32(1))
case("Unpack/of_slice", lambda x, y: raw.Unpack(value=x[:y], num=2), f(3, 4), I32(2))
case("EnsureShape/of_slice", lambda x, y: raw.EnsureShape(input=x[:y], shape=[2, 4]) * 2, f(3, 4), I32(2))

# -- Shapes as data ----------------------------------------------------------------------------------------
for n, (s, t) in dict(plain=((2, 1, 3), (5, 1)), same=((2, 3), (2, 3)), ones=((1, 3), (1, 3)), scalar=((), (2, 3)), all_ones=((1, 1), (1,)), empty=((0,), (1,))).items():
    case(f"BroadcastGradientArgs/{n}", lambda s=s, t=t: raw.BroadcastGradientArgs(s0=const(np.array(s, np.int32)), s1=const(np.array(t, np.int32))))
case("BroadcastGradientArgs/of_shapes", lambda x, y: raw.BroadcastGradientArgs(s0=tf.shape(x), s1=tf.shape(y)), f(2, 1, 3), f(5, 1), dyn="all")
case("BroadcastGradientArgs/i64", lambda x, y: raw.BroadcastGradientArgs(s0=tf.shape(x, out_type=tf.int64), s1=tf.shape(y, out_type=tf.int64)), f(2, 1, 3), f(5, 1), dyn="all")
case("UnravelIndex/vector", lambda x: raw.UnravelIndex(indices=x, dims=ints(3, 4)), i32(5, 7, 0, 11))
case("UnravelIndex/scalar", lambda x: raw.UnravelIndex(indices=x, dims=ints(2, 3, 4)), I32(23))
case("UnravelIndex/i64", lambda x: raw.UnravelIndex(indices=x, dims=longs(2, 3, 4)), i64(5, 13))
case("UnravelIndex/fed_dims", lambda x, y: raw.UnravelIndex(indices=x, dims=y), i32(5, 7), i32(3, 4))
case("UnravelIndex/of_argmax", lambda x: raw.UnravelIndex(indices=tf.argmax(tf.reshape(x, [-1]), output_type=tf.int32), dims=tf.shape(x)), f(3, 4), dyn="all")
case("Empty/init", lambda x: raw.Empty(shape=ints(2, 3), dtype=tf.float32, init=True) + x, np.float32(0))
case("Empty/i32", lambda x: raw.Empty(shape=tf.shape(x), dtype=tf.int32, init=True), f(2, 3), dyn="all")
case("Squeeze/negative_two", lambda x: raw.Squeeze(input=x, axis=[-1, 0]), f(1, 2, 1))
case("Squeeze/all_of_open", lambda x: raw.Squeeze(input=x), f(1, 2, 1, 3), dyn="all")

# -- Select (trap 18), GatherNd, rows in place ------------------------------------------------------------
case("Select/vector_rows", lambda x, y, z: raw.Select(condition=x, x=y, y=z), b(3), f(3, 2, 2), f(3, 2, 2))
case("Select/vector_square", lambda x, y, z: raw.Select(condition=x, x=y, y=z), b(3), f(3, 3), f(3, 3))
case("Select/vector_open", lambda x, y, z: raw.Select(condition=x, x=y, y=z), b(3), f(3, 3), f(3, 3), dyn="all")
case("Select/scalar_condition", lambda x, y, z: raw.Select(condition=x, x=y, y=z), np.bool_(True), f(3, 2), f(3, 2))
case("SelectV2/square", lambda x, y, z: raw.SelectV2(condition=x, t=y, e=z), b(3), f(3, 3), f(3, 3))
case("SelectV2/grow", lambda x, y, z: raw.SelectV2(condition=x, t=y, e=z), b(2, 1, 3), f(4, 1), np.float32(2))
for n, k in dict(k0=(3, 0), k1=(3, 1), k2=(2, 2), k3=(2, 2, 3), k0_vector=(0,)).items():
    case(f"GatherNd/{n}", lambda x, y: raw.GatherNd(params=x, indices=y), f(3, 3, 3), i(*k, lo=0, hi=2))
    case(f"GatherNd/{n}_open", lambda x, y: raw.GatherNd(params=x, indices=y), f(3, 3, 3), i(*k, lo=0, hi=2), dyn="n")
case("GatherNd/i16", lambda x, y: raw.GatherNd(params=x, indices=y), f(3, 3), np.array([[1, 2]], np.int16))
case("GatherNd/ignored", lambda x, y: raw.GatherNd(params=x, indices=y, bad_indices_policy="IGNORE"), f(3, 3), i32([1, 2], [0, 3], [-1, 0], [2, 2]))
case("GatherNd/ignored_rows", lambda x, y: raw.GatherNd(params=x, indices=y, bad_indices_policy="IGNORE"), f(3, 2), i32([1], [3], [-1]))
for op in ("InplaceUpdate", "InplaceAdd", "InplaceSub"):
    case(f"{op}/rows", lambda x, y, z, op=op: getattr(raw, op)(x=raw.Neg(x=x), i=y, v=z), f(4, 3), i32(2, 0), f(2, 3))
    case(f"{op}/repeated", lambda x, y, z, op=op: getattr(raw, op)(x=raw.Neg(x=x), i=y, v=z), f(4, 3), i32(2, 2, -1, 5), f(4, 3))
case("DeepCopy/plain", lambda x: raw.DeepCopy(x=x), f(2, 3))
case("GuaranteeConst/plain", lambda x: raw.GuaranteeConst(input=const(f(2, 3))) + x, np.float32(0))

# -- TensorStridedSliceUpdate ------------------------------------------------------------------------------
for name, (begin, end, strides, value, masks) in dict(
    plain=([0, 1], [2, 4], [1, 2], (2, 2), {}),
    back=([0, 3], [2, 0], [1, -1], (2, 3), {}),
    broadcast=([0, 1], [2, 4], [1, 2], (2,), {}),
    scalar=([0, 1], [2, 4], [1, 2], (), {}),
    shrink=([1], [2], [1], (4,), dict(shrink_axis_mask=1)),
    new_axis=([0, 1], [0, 3], [1, 1], (1, 2, 4), dict(new_axis_mask=1)),
    ellipsis=([0, 1], [0, 3], [1, 1], (3, 2), dict(ellipsis_mask=1)),
    empty=([2], [1], [1], (), {}),
).items():
    case(
        f"TensorStridedSliceUpdate/{name}",
        lambda x, y, a=(begin, end, strides), m=masks: raw.TensorStridedSliceUpdate(input=x, begin=ints(*a[0]), end=ints(*a[1]), strides=ints(*a[2]), value=y, **m),
        f(3, 4),
        f(*value),
    )
case("TensorStridedSliceUpdate/fed_index", lambda x, y, z: raw.TensorStridedSliceUpdate(input=x, begin=[y], end=[y + 1], strides=ints(1), value=z, shrink_axis_mask=1), f(3, 4), I32(-2), f(4))

# -- Trap 17: empty lists, legacy names, where the axis stands ---------------------------------------------
case("Sum/no_axes", lambda x: raw.Sum(input=x, axis=const(np.zeros(0, np.int32))), f(2, 3))
case("Max/no_axes_keep", lambda x: raw.Max(input=x, axis=const(np.zeros(0, np.int32)), keep_dims=True), f(2, 3))
case("Mean/scalar_axis_keep", lambda x: raw.Mean(input=x, axis=const(np.int32(-1)), keep_dims=True), f(2, 3), tol=SUMS)
case("Reshape/zero_is_zero", lambda x: raw.Reshape(tensor=x, shape=ints(3, 0)), f(0, 2))
case("Concat/axis_comes_first", lambda x, y: raw.Concat(concat_dim=const(np.int32(1)), values=[x, y]), f(2, 1), f(2, 2))
case("Split/axis_first", lambda x: raw.Split(axis=const(np.int32(1)), value=x, num_split=3), f(3, 3))
case("SplitV/axis_last", lambda x: raw.SplitV(value=x, size_splits=ints(1, 2), axis=const(np.int32(1)), num_split=2), f(3, 3))

# -- ArgMax, ArgMin ----------------------------------------------------------------------------------------
TIES = np.array([[1, 3, 3, 0], [0, 0, 0, 0], [2, 1, 9, 9]])
for op in ("ArgMax", "ArgMin"):
    over({"f32": tf.float32, **ANY}, f"{op}/type", lambda x, op=op: [getattr(raw, op)(input=x, dimension=const(np.int32(k))) for k in (0, -1)], TIES.astype(np.int32))
    case(f"{op}/none_of_rows", lambda x, op=op: getattr(raw, op)(input=x, dimension=const(np.int32(1))), f(0, 3))
    case(f"{op}/open_axis_0", lambda x, op=op: getattr(raw, op)(input=x, dimension=const(np.int32(0))), f(5, 3), dyn="all")
for t in (tf.int16, tf.uint16, tf.int32, tf.int64):
    case(f"ArgMax/to_{t.name}", lambda x, t=t: raw.ArgMax(input=x, dimension=const(np.int32(1)), output_type=t), f(3, 7))
