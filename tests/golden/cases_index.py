"""Writing and reading at indices that are data: scatters, segments, sparse tensors, what is not zero, what differs,
sorted rows, boxes. Results whose number of rows depends on data."""

import golden
import numpy as np
import tensorflow as tf
from golden import EXACT, MATHS, SMOOTH, SUMS, case, cases, const, d, f, i, raw

INTS = [tf.int8, tf.int16, tf.int32, tf.int64, tf.uint8, tf.uint16, tf.uint32, tf.uint64]
FLOATS = [tf.float16, tf.bfloat16, tf.float32, tf.float64]
COMPLEX = [tf.complex64, tf.complex128]
NAN, INF = np.nan, np.inf
I32, I64, F32 = np.int32, np.int64, np.float32


def back(y):
    """The .npy format has no bfloat16; complex numbers travel as their bits."""
    if y.dtype.is_complex:
        return tf.bitcast(y, tf.float32 if y.dtype == tf.complex64 else tf.float64)
    return tf.cast(y, tf.float32) if y.dtype == tf.bfloat16 else y


def of(x, t):
    """x as elements of another type; complex ones of pairs."""
    if t.is_complex:
        part = tf.float32 if t == tf.complex64 else tf.float64
        return tf.bitcast(tf.cast(tf.stack([x, x + 1], -1), part), t)
    return tf.cast(x, t)


def back_all(y):
    return [back(t) for t in tf.nest.flatten(y)]


def each(build, types):
    """One result, or several, per type."""
    return lambda x, *more: [back(y) for t in types for y in tf.nest.flatten(build(of(x, t), *more))]


# -- Scatters ----------------------------------------------------------------------------------------------------
AT = I32([[2], [0], [2], [4]])
for how in ("Update", "Add", "Sub", "Min", "Max"):
    op = getattr(raw, f"TensorScatter{how}")
    sc = lambda x, i, y, op=op: op(tensor=x, indices=i, updates=y)
    name = f"TensorScatter{how}"
    case(f"{name}/vector", sc, f(5), AT, f(4))
    case(f"{name}/rows", sc, f(5, 3), AT.astype(I64), f(4, 3))
    case(f"{name}/points", sc, f(3, 4), I32([[0, 1], [2, 3], [0, 1]]), f(3))
    case(f"{name}/index_block", sc, f(3, 4, 2), I32([[[0, 1], [2, 3]], [[0, 1], [1, 1]]]), f(2, 2, 2))
    case(f"{name}/no_index", sc, f(3, 4), np.zeros((0, 1), I32), np.zeros((0, 4), F32))
    case(f"{name}/open", sc, f(5, 3), AT, f(4, 3), dyn="n")
    case(f"{name}/known_index", lambda x, y, sc=sc: sc(x, const(AT), y), f(5, 3), f(4, 3))
    case(f"{name}/long_rows", sc, f(3, 37), I32([[2], [0], [2]]), f(3, 37))
    types = INTS + FLOATS
    if how in ("Min", "Max"):
        case(f"{name}/not_numbers_in_long_rows", sc, lambda: np.where(i(5, 21, lo=0, hi=3)() == 0, F32(NAN), f(5, 21)()), AT,
             lambda: np.where(i(4, 21, lo=0, hi=3)() == 0, F32(NAN), f(4, 21)()))  # fmt: skip
        case(f"{name}/special", sc, F32([NAN, 1, INF, -INF, 0, -0.0]), I32([[0], [1], [2], [3], [4], [5]]),
             F32([1, NAN, 1, 1, -0.0, 0]))  # fmt: skip
    case(f"{name}/types", each(lambda x, i, sc=sc: sc(x[:5], i, x[5:]), types), f(9, lo=0, hi=9), AT)
SC = raw.TensorScatterUpdate
case("TensorScatterUpdate/bool", lambda x, i, y: SC(tensor=x > 0, indices=i, updates=y > 0), f(5), AT, f(4))

nd = lambda i, y, shape=(5,), **kw: raw.ScatterNd(indices=i, updates=y, shape=const(I32(shape)), **kw)
case("ScatterNd/vector", nd, AT, f(4))
case("ScatterNd/rows", lambda i, y: nd(i, y, (5, 3)), AT, f(4, 3))
case("ScatterNd/points", lambda i, y: nd(i, y, (3, 4)), I32([[0, 1], [2, 3], [0, 1]]), f(3))
case("ScatterNd/i64", lambda i, y: raw.ScatterNd(indices=i, updates=y, shape=const(I64([3, 4]))), I64([[0, 1], [2, 3]]), f(2))
case("ScatterNd/no_index", lambda i, y: nd(i, y, (3, 4)), np.zeros((0, 1), I32), np.zeros((0, 4), F32))
case("ScatterNd/open_shape", lambda i, y, s: raw.ScatterNd(indices=i, updates=y, shape=s), AT, f(4, 3), I32([6, 3]), dyn="n")
case("ScatterNd/shape_of", lambda i, y, x: raw.ScatterNd(indices=i, updates=y, shape=tf.shape(x)), AT, f(4, 3), f(7, 3), dyn="all")
case("ScatterNd/types", each(lambda y, i: nd(i, y), INTS + FLOATS), f(4, lo=0, hi=9), AT)
case("ScatterNd/bool", lambda y, i: nd(i, y > 0), F32([-1, 1, 1, -1]), AT)
case("ScatterNd/sums_of_halves", each(lambda y, i: nd(i, y), [tf.float16, tf.bfloat16]),
     F32([1024, 0.5, 0.5, 0.5, 0.5, 3]), I32([[1], [1], [1], [1], [1], [0]]))  # fmt: skip
na = lambda x, i, y: raw.ScatterNdNonAliasingAdd(input=x, indices=i, updates=y)
case("ScatterNdNonAliasingAdd/rows", na, f(5, 3), AT, f(4, 3))
case("ScatterNdNonAliasingAdd/types", each(lambda x, i: na(x[:5], i, x[5:]), INTS + FLOATS), f(9, lo=0, hi=9), AT)
case("ScatterNdNonAliasingAdd/bool", lambda x, i, y: na(x > 0, i, y > 0), f(5), AT, f(4))

# -- Permutations, stitched and divided tensors ------------------------------------------------------------------
case("InvertPermutation/i64", lambda x: raw.InvertPermutation(x=x), I64([3, 0, 2, 1]), dyn="n")
for op in ("DynamicStitch", "ParallelDynamicStitch"):
    st = lambda i, j, x, y, op=op: getattr(raw, op)(indices=[i, j], data=[x, y])
    case(f"{op}/vectors", st, I32([0, 3]), I32([1, 2]), f(2), f(2))
    case(f"{op}/later_wins", st, I32([0, 1]), I32([1, 0]), f(2, 3), f(2, 3))
    case(f"{op}/scalar_and_matrix", st, I32(1), I32([[0, 3], [2, 4]]), f(2), f(2, 2, 2))
    case(f"{op}/scalars", st, I32(1), I32(0), f(), f())
    case(f"{op}/empty", st, np.zeros(0, I32), np.zeros(0, I32), np.zeros((0, 2), F32), np.zeros((0, 2), F32))
    case(f"{op}/half_empty", st, np.zeros(0, I32), I32([1, 0]), np.zeros((0, 2), F32), f(2, 2))
    case(f"{op}/open", st, I32([0, 3]), I32([1, 2]), f(2, 2), f(2, 2), dyn="n")
    case(f"{op}/known", lambda x, y, st=st: st(const(I32([3, 0])), const(I32([2, 1])), x, y), f(2, 2), f(2, 2))
    case(f"{op}/types", each(lambda x, i, j, st=st: st(i, j, x[:2], x[2:]), INTS + FLOATS), f(4, lo=0, hi=9),
         I32([0, 3]), I32([1, 2]))  # fmt: skip
dp = lambda x, p, n=3: raw.DynamicPartition(data=x, partitions=p, num_partitions=n)
case("DynamicPartition/vector", dp, f(5), I32([2, 0, 2, 0, 2]))
case("DynamicPartition/rows", dp, f(5, 3), I32([2, 0, 1, 0, 2]))
case("DynamicPartition/matrix", dp, f(2, 3, 2), I32([[2, 0, 1], [0, 2, 0]]))
case("DynamicPartition/scalar", dp, f(2), I32(1))
case("DynamicPartition/one", lambda x, p: dp(x, p, 1), f(3), I32([0, 0, 0]))
case("DynamicPartition/empty", dp, np.zeros((0, 2), F32), np.zeros(0, I32))
case("DynamicPartition/open", dp, f(5, 3), I32([2, 0, 1, 0, 2]), dyn="n")
case("DynamicPartition/types", each(dp, INTS + FLOATS), f(5, lo=0, hi=9), I32([2, 0, 2, 1, 2]))
case("DynamicPartition/and_stitched", lambda x, p: raw.DynamicStitch(
    indices=dp(tf.range(tf.size(x)), p), data=[y * k for k, y in enumerate(dp(x, p))]), f(6), I32([2, 0, 1, 0, 2, 1]), dyn="n")  # fmt: skip

# -- What is not zero, what differs ---------------------------------------------------------------------------------
wh = lambda x: raw.Where(condition=x)
case("Where/bool", lambda x: wh(x > 0), f(3, 4))
case("Where/cube", lambda x: wh(x > 0), f(2, 3, 2))
case("Where/empty", lambda x: wh(x > 0), np.zeros((3, 0), F32))
case("Where/nothing", lambda x: wh(x > 99), f(3, 4))
case("Where/all", lambda x: wh(x > -99), f(3, 2))
case("Where/special", wh, F32([NAN, 0, -0.0, INF, 1e-42, 1]))
case("Where/types", each(wh, [t for t in INTS + FLOATS if t != tf.float16]), F32([[0, 1, 0], [2, 3, 0]]))
case("Where/open", lambda x: wh(x > 0), f(3, 4), dyn="all")
case("Where/gathered", lambda x: raw.GatherNd(params=x, indices=wh(x > 0)), f(3, 4), dyn="n")
case("Where/boolean_mask", lambda x, y: tf.reduce_sum(tf.boolean_mask(y, x > 0), axis=0), f(6), f(6, 3), dyn="n")
case("Where/constant", lambda x: x + tf.cast(tf.reduce_sum(wh(const(I32([1, 0, 2])))), tf.float32), f(2))
for op in ("Unique", "UniqueWithCounts"):
    u = lambda x, op=op, **kw: list(getattr(raw, op)(x=x, **kw))
    case(f"{op}/i32", u, I32([3, 1, 3, 3, 2, 1]))
    case(f"{op}/out_i64", lambda x, u=u: u(x, out_idx=tf.int64), I64([3, 1, 3, 3, 2, 1]))
    case(f"{op}/empty", u, np.zeros(0, F32))
    case(f"{op}/special", u, F32([NAN, 0, -0.0, NAN, INF, -INF, INF]))
    case(f"{op}/open", u, i(9, lo=0, hi=4), dyn="n")
    case(f"{op}/types", each(u, INTS + FLOATS + [tf.bool]), F32([3, 1, 3, 0, 2, 1]))
    case(f"{op}/long", u, i(200, lo=0, hi=50))
    v = lambda x, axis, op=op, **kw: list(getattr(raw, op + "V2")(x=x, axis=const(axis), **kw))
    ROWS = F32([[1, 2, 1], [3, 4, 3], [1, 2, 1], [1, 2, 1]])
    case(f"{op}V2/rows", lambda x, v=v: v(x, I32([0])), ROWS)
    case(f"{op}V2/columns", lambda x, v=v: v(x, I64([-1])), ROWS)
    case(f"{op}V2/no_axis", lambda x, v=v: v(x, np.zeros(0, I32), out_idx=tf.int64), F32([3, 1, 3]))
    case(f"{op}V2/middle", lambda x, v=v: v(x, I32([1])), np.tile(I32([[[1, 2], [3, 4], [1, 2]]]), (2, 1, 1)))
    case(f"{op}V2/no_rows", lambda x, v=v: v(x, I32([0])), np.zeros((0, 3), F32))
    case(f"{op}V2/open", lambda x, v=v: v(x, I32([0])), ROWS, dyn="n")
    case(f"{op}V2/types", each(lambda x, v=v: v(x, I32([1])), INTS + FLOATS + [tf.bool]), ROWS)
ld = lambda x, y, **kw: list(raw.ListDiff(x=x, y=y, **kw))
case("ListDiff/i32", ld, I32([1, 2, 3, 4, 1, 6]), I32([1, 3, 5]))
case("ListDiff/out_i64", lambda x, y: ld(x, y, out_idx=tf.int64), I32([1, 2, 3, 4, 1, 6]), I32([1, 3, 5]))
case("ListDiff/nothing_left", ld, I32([1, 2]), I32([2, 1]))
case("ListDiff/empty", ld, np.zeros(0, I32), I32([2, 1]))
case("ListDiff/of_nothing", ld, I32([1, 2]), np.zeros(0, I32))
case("ListDiff/open", ld, I32([1, 2, 3, 4, 1, 6]), I32([1, 3, 5]), dyn="n")
case("ListDiff/special", ld, F32([NAN, 0, INF]), F32([NAN, -0.0]))
case("ListDiff/types", each(lambda x: ld(x[:4], x[4:]), INTS + FLOATS), F32([1, 2, 3, 4, 1, 3]))

# -- Segments ---------------------------------------------------------------------------------------------------------
IDS = I32([0, 0, 2, 2, 2, 3])
for how in ("Sum", "Prod", "Min", "Max", "Mean"):
    seg = lambda x, s, how=how: getattr(raw, f"Segment{how}")(data=x, segment_ids=s)
    n = f"Segment{how}"
    case(f"{n}/vector", seg, f(6), IDS, tol=SUMS)
    case(f"{n}/rows_and_gaps", seg, f(6, 3), I64([1, 1, 2, 4, 4, 4]), tol=SUMS)
    case(f"{n}/no_rows", seg, np.zeros((0, 3), F32), np.zeros(0, I32))
    case(f"{n}/open", seg, f(6, 2), IDS, tol=SUMS, dyn="n")
    case(f"{n}/known_ids", lambda x, seg=seg: seg(x, const(IDS)), f(6, 2), tol=SUMS)
    types = INTS + FLOATS
    case(f"{n}/types", each(seg, types), f(6, lo=0, hi=3), IDS, tol=(1e-2, 1e-2, 0))
    if how in ("Min", "Max"):
        case(f"{n}/special", seg, F32([NAN, 1, INF, -INF, 3, NAN]), IDS)
        case(f"{n}/not_numbers", seg, F32([[1, NAN], [NAN, NAN], [INF, -INF], [INF, -INF], [NAN, INF], [INF, -INF]]), IDS)
    if how == "Mean":
        continue
    un = lambda x, s, n=4, how=how: getattr(raw, f"UnsortedSegment{how}")(data=x, segment_ids=s, num_segments=const(I32(n)))
    n = f"UnsortedSegment{how}"
    case(f"{n}/vector", un, f(6), I32([2, 0, 2, -1, 0, 3]), tol=SUMS)
    case(f"{n}/rows", un, f(6, 3), I64([2, 0, 2, -1, 0, 3]), tol=SUMS)
    case(f"{n}/matrix_of_ids", un, f(2, 3, 2), I32([[2, 0, 1], [0, 0, -5]]), tol=SUMS)
    case(f"{n}/none", lambda x, s, un=un: un(x, s, 0), np.zeros((0, 3), F32), np.zeros(0, I32))
    case(f"{n}/all_empty", un, np.zeros((0, 3), F32), np.zeros(0, I32))
    case(f"{n}/open_number", lambda x, s, n, how=how: getattr(raw, f"UnsortedSegment{how}")(data=x, segment_ids=s, num_segments=n),
         f(6, 2), I32([2, 0, 2, -1, 0, 3]), I32(5), tol=SUMS)  # fmt: skip
    case(f"{n}/open", un, f(6, 2), I32([2, 0, 2, -1, 0, 3]), dyn="n", tol=SUMS)
    case(f"{n}/types", each(un, types), f(6, lo=0, hi=3), I32([2, 0, 2, -1, 0, 3]), tol=SUMS)
    if how in ("Min", "Max"):
        case(f"{n}/special", un, F32([NAN, 1, INF, -INF, 3, 1]), IDS)
        case(f"{n}/not_numbers", un, F32([[1, NAN], [NAN, NAN], [INF, -INF], [INF, -INF], [NAN, INF], [INF, -INF]]), IDS)
        case(f"{n}/not_numbers_in_long_rows", un, lambda: np.where(i(6, 21, lo=0, hi=3)() == 0, F32(NAN), f(6, 21)()), IDS)
for how in ("Sum", "Mean", "SqrtN"):
    sp = lambda x, i, s, how=how: getattr(raw, f"SparseSegment{how}")(data=x, indices=i, segment_ids=s)
    n = f"SparseSegment{how}"
    case(f"{n}/rows", sp, f(5, 3), I32([4, 0, 0, 2, 1, 3]), IDS, tol=SUMS)
    case(f"{n}/i64", sp, f(5, 3), I64([4, 0, 0, 2, 1, 3]), IDS.astype(I64), tol=SUMS)
    case(f"{n}/vector", sp, f(5), I32([4, 0, 0, 2, 1, 3]), IDS, tol=SUMS)
    case(f"{n}/none", sp, f(5, 3), np.zeros(0, I32), np.zeros(0, I32))
    case(f"{n}/open", sp, f(5, 3), I32([4, 0, 0, 2, 1, 3]), IDS, tol=SUMS, dyn="n")
    case(f"{n}/types", each(lambda x, i, s, sp=sp: sp(tf.reshape(x, [5, 1]), i, s), FLOATS + (INTS if how == "Sum" else [])), f(5, lo=0, hi=5),
         I32([4, 0, 0, 2, 1, 3]), IDS, tol=(1e-2, 1e-2, 0))  # fmt: skip
    ws = lambda x, i, s, k=6, how=how: getattr(raw, f"SparseSegment{how}WithNumSegments")(
        data=x, indices=i, segment_ids=s, num_segments=const(I32(k)))  # fmt: skip
    n += "WithNumSegments"
    case(f"{n}/rows", ws, f(5, 3), I32([4, 0, 0, 2, 1, 3]), IDS, tol=SUMS)
    case(f"{n}/none", ws, f(5, 3), np.zeros(0, I32), np.zeros(0, I32))
    case(f"{n}/open_number", lambda x, i, s, k, how=how: getattr(raw, f"SparseSegment{how}WithNumSegments")(
        data=x, indices=i, segment_ids=s, num_segments=k), f(5, 3), I32([4, 0, 0, 2, 1, 3]), IDS, I64(7), tol=SUMS)  # fmt: skip
    case(f"{n}/types", each(lambda x, i, s, ws=ws: ws(tf.reshape(x, [5, 1]), i, s), FLOATS), f(5, lo=0, hi=5),
         I32([4, 0, 0, 2, 1, 3]), IDS, tol=(1e-2, 1e-2, 0))  # fmt: skip

# -- Counts and sorted rows ---------------------------------------------------------------------------------------------
bc = lambda x, w, n=4: raw.Bincount(arr=x, size=const(I32(n)), weights=w)
X = I32([[0, 3, 7], [1, 3, 0]])
NO_W = np.zeros(0, F32)
case("Bincount/counts", bc, X, NO_W)
case("Bincount/weights", bc, X, f(2, 3))
case("Bincount/open_size", lambda x, w, n: raw.Bincount(arr=x, size=n, weights=w), X, f(2, 3), I32(5))
case("Bincount/empty", bc, np.zeros(0, I32), NO_W)
case("Bincount/none", lambda x, w: bc(x, w, 0), X, NO_W)
case("Bincount/types", each(lambda w, x: [bc(x, w), bc(x, w[:0])], [tf.int32, tf.int64, tf.float32, tf.float64]),
     f(6, lo=0, hi=4), I32([0, 3, 7, 1, 3, 0]))  # fmt: skip
db = lambda x, w, n=4, **kw: raw.DenseBincount(input=x, size=const(np.array(n, x.dtype.as_numpy_dtype)), weights=w, **kw)
for name, data in dict(vector=X[0], matrix=X).items():
    case(f"DenseBincount/{name}", db, data, NO_W)
    case(f"DenseBincount/{name}_weights", db, data, f(*data.shape))
    case(f"DenseBincount/{name}_binary", lambda x, w: db(x, w, binary_output=True), data, NO_W)
    case(f"DenseBincount/{name}_i64", db, data.astype(I64), NO_W)
    case(f"DenseBincount/{name}_open", db, data, f(*data.shape), dyn="all")
case("DenseBincount/empty", db, np.zeros((2, 0), I32), NO_W)
case("DenseBincount/types", each(lambda w, x: [db(x, w), db(x, w[:0])], [tf.int32, tf.int64, tf.float32, tf.float64]),
     f(6, lo=0, hi=4), I32([0, 3, 7, 1, 3, 0]))  # fmt: skip
case("Bucketize/f32", lambda x: raw.Bucketize(input=x, boundaries=[-1, 0, 0, 1.5]), F32([[-2, -1, -0.5], [0, 1.5, 9]]))
case("Bucketize/special", lambda x: raw.Bucketize(input=x, boundaries=[-1, 0, 1.5]), F32([NAN, INF, -INF, -0.0]))
case("Bucketize/no_boundaries", lambda x: raw.Bucketize(input=x, boundaries=[]), f(3))
case("Bucketize/types", each(lambda x: raw.Bucketize(input=x, boundaries=[0.1, 2.5, 3]), [tf.int32, tf.int64, tf.float64]),
     F32([0, 1, 2, 3, 4]))  # fmt: skip
case("Bucketize/exact", lambda x: raw.Bucketize(input=x, boundaries=[0.1]), np.float64([0.1, 0.10000000149011612, 0.2]))
case("Bucketize/large", lambda x: raw.Bucketize(input=x, boundaries=[16777216.0]), I64([16777215, 16777216, 16777217]))
case("Bucketize/open", lambda x: raw.Bucketize(input=x, boundaries=[-1, 0, 1.5]), f(3, 2), dyn="all")
SORTED, WANTED = F32([[1, 2, 2, 5], [-1, 0, 0, 0]]), F32([[0, 2, 5], [0, 7, -1]])
for op in ("LowerBound", "UpperBound"):
    bound = lambda x, y, op=op, **kw: getattr(raw, op)(sorted_inputs=x, values=y, **kw)
    case(f"{op}/f32", bound, SORTED, WANTED)
    case(f"{op}/i64", lambda x, y, bound=bound: bound(x, y, out_type=tf.int64), SORTED, WANTED)
    case(f"{op}/empty_rows", bound, np.zeros((2, 0), F32), WANTED)
    case(f"{op}/no_values", bound, SORTED, np.zeros((2, 0), F32))
    case(f"{op}/special", bound, F32([[-INF, -1, 0, INF]]), F32([[NAN, INF, -INF, -0.0]]))
    case(f"{op}/open", bound, SORTED, WANTED, dyn="all")
    case(f"{op}/types", each(lambda x, bound=bound: bound(x[:, :4], x[:, 4:]),
         [tf.int8, tf.int16, tf.int32, tf.int64, tf.uint8, tf.uint16] + FLOATS), np.abs(np.concatenate([SORTED[:1], WANTED[:1]], 1)))  # fmt: skip

# -- Sparse tensors ---------------------------------------------------------------------------------------------------------
sd = lambda i, v, default=0.0, shape=(3, 4), **kw: raw.SparseToDense(
    sparse_indices=i, output_shape=const(I32(shape)), sparse_values=v, default_value=default, **kw)  # fmt: skip
IJ = I32([[0, 1], [1, 0], [2, 3]])
case("SparseToDense/matrix", lambda i, v: sd(i, v, 0.5), IJ, f(3))
case("SparseToDense/one_value", lambda i, v: sd(i, v), IJ, f())
case("SparseToDense/vector", lambda i, v: sd(i, v, shape=[5]), I32([1, 3]), f(2))
case("SparseToDense/scalar", lambda i, v: sd(i, v, shape=[5]), I32(3), f())
case("SparseToDense/unchecked", lambda i, v: sd(i, v, validate_indices=False), I32([[2, 3], [0, 1], [0, 1]]), f(3))
case("SparseToDense/none", lambda i, v: sd(i, v, 7.0), np.zeros((0, 2), I32), np.zeros(0, F32))
case("SparseToDense/i64", lambda i, v: raw.SparseToDense(sparse_indices=i, output_shape=const(I64([3, 4])), sparse_values=v,
     default_value=1), IJ.astype(I64), i(3))  # fmt: skip
case("SparseToDense/open", lambda i, v, s: raw.SparseToDense(sparse_indices=i, output_shape=s, sparse_values=v, default_value=0.5),
     IJ, f(3), I32([3, 5]), dyn="n")  # fmt: skip
case("SparseToDense/types", each(lambda v, i: sd(i, v[:3], v[3]), INTS + FLOATS + [tf.bool]), F32([3, 0, 2, 1]), IJ)

# -- Boxes --------------------------------------------------------------------------------------------------------------------
BOXES = F32([[0, 0, 1, 1], [0, 0.1, 1, 1.1], [1, 0.9, 0, -0.1], [0, 10, 1, 11], [0, 10.1, 1, 11.1], [0, 100, 1, 101],
             [0.5, 0.5, 0.5, 0.5], [0, 0, 1, 0.5]])  # fmt: skip
SCORES = F32([0.9, 0.75, 0.6, 0.95, 0.5, 0.3, 0.3, 0.9])
N = len(SCORES)


def nms(version, limit=4, iou=0.5, least=0.0, sigma=0.0, **kw):
    op = getattr(raw, "NonMaxSuppression" + ("" if version == 1 else f"V{version}"))

    def build(b, s, n=None):
        t = s.dtype
        a = dict(boxes=b, scores=s, max_output_size=const(I32(limit)) if n is None else n, **kw)
        if version == 1:
            a.update(iou_threshold=iou)
        else:
            a.update(iou_threshold=tf.constant(iou, t if version > 2 else tf.float32))
        if version > 2:
            a.update(score_threshold=tf.constant(least, t))
        if version > 4:
            a.update(soft_nms_sigma=tf.constant(sigma, t))
        out = op(**a)
        return list(out) if version > 3 else out

    return build


for v in range(1, 6):
    n = "NonMaxSuppression" + ("" if v == 1 else f"V{v}")
    for name, kw in dict(few=dict(limit=3), all=dict(limit=30), none=dict(limit=0), loose=dict(iou=1.0, limit=9),
                         tight=dict(iou=0.0, limit=9)).items():  # fmt: skip
        case(f"{n}/{name}", nms(v, **kw), BOXES, SCORES)
    case(f"{n}/ties", nms(v, limit=9), BOXES, F32([0.5] * N))
    case(f"{n}/no_boxes", nms(v), np.zeros((0, 4), F32), np.zeros(0, F32))
    case(f"{n}/open", nms(v), BOXES, SCORES, dyn="n")
    case(f"{n}/open_limit", lambda b, s, k, v=v: nms(v)(b, s, k), BOXES, SCORES, I32(3))
    case(f"{n}/chosen_boxes", lambda b, s, v=v: raw.GatherV2(params=b, indices=tf.nest.flatten(nms(v)(b, s))[0], axis=0), BOXES,
         SCORES, dyn="n")  # fmt: skip
    case(f"{n}/many", nms(v, limit=20), lambda: np.concatenate([f(40, 2)(), f(40, 2, lo=0, hi=4)()], 1), f(40, lo=0, hi=1))
    if v > 1:
        case(f"{n}/f16", lambda b, s, v=v: back_all(nms(v)(tf.cast(b, tf.float16), tf.cast(s, tf.float16))), BOXES, SCORES)
    if v > 2:
        case(f"{n}/least", nms(v, limit=9, least=0.55), BOXES, SCORES)
        case(f"{n}/least_is_not_enough", nms(v, limit=9, least=0.75), BOXES, SCORES)
        case(f"{n}/infinite_least", nms(v, limit=9, least=-INF), BOXES, F32([-5, -1, 0, 3, -2, -9, 2, 1]))
    if v > 3:
        case(f"{n}/padded", nms(v, limit=12, pad_to_max_output_size=True), BOXES, SCORES)
        case(f"{n}/padded_few", nms(v, limit=2, pad_to_max_output_size=True), BOXES, SCORES)
        case(f"{n}/padded_nothing", nms(v, limit=3, pad_to_max_output_size=True), np.zeros((0, 4), F32), np.zeros(0, F32))
        case(f"{n}/padded_open", lambda b, s, k, v=v: nms(v, pad_to_max_output_size=True)(b, s, k), BOXES, SCORES, I32(11))
for name, kw in dict(soft=dict(sigma=0.5), soft_all=dict(sigma=0.2, limit=30), soft_least=dict(sigma=0.5, least=0.4, limit=9),
                     soft_padded=dict(sigma=0.5, limit=12, pad_to_max_output_size=True),
                     soft_ignores_iou=dict(sigma=0.5, iou=0.0, limit=9), wide=dict(sigma=9.0, limit=9)).items():  # fmt: skip
    case(f"NonMaxSuppressionV5/{name}", nms(5, **kw), BOXES, SCORES, tol=SMOOTH)
case("NonMaxSuppressionV5/soft_ties", nms(5, sigma=0.5, limit=9), BOXES, F32([0.5] * N), tol=SMOOTH)
case("NonMaxSuppressionV5/soft_f16", lambda b, s: back_all(nms(5, sigma=0.5, limit=9)(tf.cast(b, tf.float16), tf.cast(s, tf.float16))),
     BOXES, SCORES, tol=(2e-3, 0, 0))  # fmt: skip
case("NonMaxSuppressionV5/soft_many", nms(5, sigma=0.3, limit=40), lambda: np.concatenate([f(40, 2)(), f(40, 2, lo=0, hi=4)()], 1),
     f(40, lo=0, hi=1), tol=SMOOTH)  # fmt: skip
OVER = F32([[1, 0.6, 0.1, 0], [0.6, 1, 0.7, 0.2], [0.1, 0.7, 1, 0.9], [0, 0.2, 0.9, 1]])
ov = lambda o, s, k=4, most=0.5, least=0.0: raw.NonMaxSuppressionWithOverlaps(
    overlaps=o, scores=s, max_output_size=const(I32(k)), overlap_threshold=const(F32(most)), score_threshold=const(F32(least)))  # fmt: skip
S4 = F32([0.5, 0.9, 0.3, 0.8])
case("NonMaxSuppressionWithOverlaps/f32", ov, OVER, S4)
case("NonMaxSuppressionWithOverlaps/few", lambda o, s: ov(o, s, 1), OVER, S4)
case("NonMaxSuppressionWithOverlaps/strict", lambda o, s: ov(o, s, 4, 0.05), OVER, S4)
case("NonMaxSuppressionWithOverlaps/not_symmetric", ov, np.triu(OVER), S4)
case("NonMaxSuppressionWithOverlaps/least", lambda o, s: ov(o, s, 4, 0.95, 0.4), OVER, S4)
case("NonMaxSuppressionWithOverlaps/none", ov, np.zeros((0, 0), F32), np.zeros(0, F32))
case("NonMaxSuppressionWithOverlaps/open", ov, OVER, S4, dyn="all")


def combined(each=3, total=5, iou=0.5, least=0.05, **kw):
    return lambda b, s: list(raw.CombinedNonMaxSuppression(
        boxes=b, scores=s, max_output_size_per_class=const(I32(each)), max_total_size=const(I32(total)),
        iou_threshold=const(F32(iou)), score_threshold=const(F32(least)), **kw))  # fmt: skip


B1 = np.stack([BOXES, BOXES[::-1]])[:, :, None] / 2
# No ties among more than 16 boxes: TensorFlow sorts them in no fixed order.
S1 = lambda c: lambda: (golden._rng.permutation(2 * N * c).reshape(2, N, c) / 64).astype(F32)
for name, kw in dict(shared={}, per_class=dict(pad_per_class=True), per_class_many=dict(pad_per_class=True, each=2, total=50),
                     unclipped=dict(clip_boxes=False), one=dict(each=1, total=1), many=dict(each=9, total=40),
                     nothing=dict(least=2.0)).items():  # fmt: skip
    case(f"CombinedNonMaxSuppression/{name}", combined(**kw), B1, S1(3))
case("CombinedNonMaxSuppression/own_boxes", combined(), lambda: np.concatenate(
    [f(2, 6, 3, 2, lo=0, hi=1)(), f(2, 6, 3, 2, lo=0, hi=2)()], 3), f(2, 6, 3, lo=0, hi=1))  # fmt: skip
case("CombinedNonMaxSuppression/one_class", combined(each=9, total=9), B1, S1(1))
case("CombinedNonMaxSuppression/ties", combined(each=9, total=9), B1, np.full((2, N, 2), 0.5, F32))
case("CombinedNonMaxSuppression/open_boxes", combined(), B1, S1(3), dyn="n")

# -- What TensorFlow refuses when it runs -----------------------------------------------------------------------------------------
RANGE = "an index is out of range"


def refused(name, build, *inputs, why=None, **kw):
    case(f"{name}", build, *inputs, refused=why or f"node '{name.split('/')[0]}'", **kw)


for how in ("Update", "Add", "Sub", "Min", "Max"):
    sc = lambda x, i, y, how=how: getattr(raw, f"TensorScatter{how}")(tensor=x, indices=i, updates=y)
    for name, at in dict(large=5, negative=-1).items():
        refused(f"TensorScatter{how}/too_{name}", sc, f(5), I32([[0], [at]]), f(2), why=RANGE)
refused("TensorScatterUpdate/second_coordinate", lambda x, i, y: SC(tensor=x, indices=i, updates=y), f(3, 4), I32([[0, 4]]),
        f(1), why=RANGE)  # fmt: skip
refused("ScatterNd/too_large", nd, I32([[5]]), f(1), why=RANGE)
refused("ScatterNd/too_negative", nd, I32([[-1]]), f(1), why=RANGE)
refused("InvertPermutation/twice", lambda x: raw.InvertPermutation(x=x), I32([1, 1, 0]))
refused("InvertPermutation/too_large", lambda x: raw.InvertPermutation(x=x), I32([3, 1, 0]))
refused("DynamicPartition/too_large", dp, f(3), I32([0, 3, 1]))
refused("DynamicPartition/too_negative", dp, f(3), I32([0, -1, 1]))
for how in ("Sum", "Prod", "Min", "Max", "Mean"):
    seg = lambda x, s, how=how: getattr(raw, f"Segment{how}")(data=x, segment_ids=s)
    refused(f"Segment{how}/not_sorted", seg, f(3), I32([0, 2, 1]))
    refused(f"Segment{how}/too_negative", seg, f(3), I32([-1, 0, 1]))
    if how != "Mean":
        un = lambda x, s, how=how: getattr(raw, f"UnsortedSegment{how}")(data=x, segment_ids=s, num_segments=2)
        refused(f"UnsortedSegment{how}/too_large", un, f(3), I32([0, 2, 1]))
for how in ("Sum", "Mean", "SqrtN"):
    sp = lambda x, i, s, how=how: getattr(raw, f"SparseSegment{how}")(data=x, indices=i, segment_ids=s)
    refused(f"SparseSegment{how}/not_sorted", sp, f(3), I32([0, 2, 1]), I32([0, 2, 1]))
    refused(f"SparseSegment{how}/too_large", sp, f(3), I32([0, 3, 1]), I32([0, 0, 1]))
    ws = lambda x, i, s, how=how: getattr(raw, f"SparseSegment{how}WithNumSegments")(
        data=x, indices=i, segment_ids=s, num_segments=2)  # fmt: skip
    refused(f"SparseSegment{how}WithNumSegments/too_few", ws, f(3), I32([0, 2, 1]), I32([0, 1, 2]))
refused("Bincount/negative", bc, I32([0, -1]), NO_W)
refused("DenseBincount/negative", db, I32([0, -1]), NO_W)
refused("SparseToDense/too_large", lambda i, v: sd(i, v), I32([[0, 1], [1, 4]]), f(2), why=RANGE)
refused("SparseToDense/not_sorted", lambda i, v: sd(i, v), I32([[1, 1], [0, 2]]), f(2))
refused("SparseToDense/twice", lambda i, v: sd(i, v), I32([[1, 1], [1, 1]]), f(2))
for op in ("DynamicStitch", "ParallelDynamicStitch"):
    st = lambda i, j, x, y, op=op: getattr(raw, op)(indices=[i, j], data=[x, y])
    refused(f"{op}/too_negative", st, I32([0, -1]), I32([1, 2]), f(2), f(2))
for op in ("ArgMax", "ArgMin"):
    refused(f"{op}/of_nothing", lambda x, op=op: getattr(raw, op)(input=x, dimension=const(I32(1))), np.zeros((2, 0), F32), dyn="all")
    refused(f"{op}/of_nothing_for_nobody", lambda x, op=op: getattr(raw, op)(input=x, dimension=const(I32(1))), np.zeros((0, 0), F32), dyn="all")
refused("GatherV2/too_large", lambda x, i: raw.GatherV2(params=x, indices=i, axis=const(I32(0))), f(3, 2), I32([0, 3]), why=RANGE)
refused("StridedSlice/shrink_out_of_range", lambda x, k: x[k], f(3, 2), I32(3), why=RANGE)
