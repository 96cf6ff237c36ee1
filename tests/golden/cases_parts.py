"""Sparse tensors in order and in parts, ragged ones, classes among the best, histograms."""

import numpy as np
import tensorflow as tf
from cases_index import F32, I32, I64, INF, NAN, refused
from golden import SMOOTH, SUMS, case, const, d, f, i, raw

F64 = np.float64
IJ = I64([[2, 1], [0, 3], [2, 0], [1, 1], [0, 0]])
S = I64([3, 4])

reorder = lambda i, v, s: list(raw.SparseReorder(input_indices=i, input_values=v, input_shape=s))
case("SparseReorder/matrix", reorder, IJ, f(5), S)
case("SparseReorder/equal_places", reorder, I64([[1, 1], [0, 2], [1, 1], [0, 2]]), F32([1, 2, 3, 4]), S)
case("SparseReorder/vector", reorder, I64([[4], [1], [3]]), I32([1, 2, 3]), I64([9]))
case("SparseReorder/cube", reorder, I64([[1, 1, 1], [1, 0, 3], [0, 1, 2], [0, 0, 0]]), F64([1, 2, 3, 4]), I64([2, 2, 4]))
case("SparseReorder/bool", reorder, IJ, np.array([True, False, True, True, False]), S)
case("SparseReorder/nothing", reorder, np.zeros((0, 2), I64), np.zeros(0, F32), S)
case("SparseReorder/open", reorder, IJ, f(5), S, dyn="n")

cut = lambda i, v, s, at, n: list(raw.SparseSlice(indices=i, values=v, shape=s, start=at, size=n))
SORTED = I64([[0, 0], [0, 3], [1, 1], [2, 0], [2, 1]])
case("SparseSlice/inner", cut, SORTED, f(5), S, I64([0, 0]), I64([2, 2]))
case("SparseSlice/offset", cut, SORTED, f(5), S, I64([1, 1]), I64([9, 9]))
case("SparseSlice/nothing_there", cut, SORTED, f(5), S, I64([1, 2]), I64([1, 2]))
case("SparseSlice/beyond", cut, SORTED, f(5), S, I64([3, 1]), I64([1, 2]))
case("SparseSlice/i8", cut, SORTED, np.int8([1, 2, 3, 4, 5]), S, I64([0, 1]), I64([3, 3]))
case("SparseSlice/open", cut, SORTED, f(5), S, I64([1, 0]), I64([2, 1]), dyn="n")

join = lambda axis, *x: list(raw.SparseConcat(indices=x[: len(x) // 3], values=x[len(x) // 3 : 2 * len(x) // 3], shapes=x[2 * len(x) // 3 :], concat_dim=axis))
OTHER = I64([[0, 1], [2, 4]])
case("SparseConcat/columns", lambda *x: join(1, *x), SORTED, OTHER, f(5), f(2), S, I64([3, 5]))
case("SparseConcat/from_the_end", lambda *x: join(-1, *x), SORTED, OTHER, f(5), f(2), S, I64([3, 5]))
case("SparseConcat/rows", lambda *x: join(0, *x), SORTED, I64([[0, 1], [4, 3]]), f(5), f(2), S, I64([5, 4]))
case("SparseConcat/one_empty", lambda *x: join(1, *x), SORTED, np.zeros((0, 2), I64), f(5), np.zeros(0, F32), S, I64([3, 5]))
case("SparseConcat/open", lambda *x: join(1, *x), SORTED, OTHER, f(5), f(2), S, I64([3, 5]), dyn="n")
refused("SparseConcat/unequal", lambda *x: join(1, *x), SORTED, OTHER, f(5), f(2), S, I64([4, 5]))

V = F32([1.5, -2, 3, -4.25, -5])
for op in ["SparseReduceSum", "SparseReduceMax"]:
    go = lambda i, v, s=None, axes=(1,), op=op, **kw: getattr(raw, op)(input_indices=i, input_values=v, input_shape=const(S) if s is None else s, reduction_axes=const(I32(axes)), **kw)
    for n, axes in dict(rows=[0], columns=[1], last=[-1], all=[0, 1], none=[]).items():
        case(f"{op}/{n}", lambda i, v, go=go, axes=axes: go(i, v, axes=axes), IJ, V, tol=SUMS)
        case(f"{op}/{n}_kept", lambda i, v, go=go, axes=axes: go(i, v, axes=axes, keep_dims=True), IJ, V, tol=SUMS)
    for n, t in dict(f64=F64, i32=I32, i64=I64, u8=np.uint8, i16=np.int16).items():
        case(f"{op}/{n}", go, IJ, t([1, 2, 3, 4, 5]), tol=SUMS)
    case(f"{op}/f16", lambda i, v, go=go: tf.cast(go(i, tf.cast(v, tf.float16)), tf.float32), IJ, V, tol=(1e-2, 1e-2, 0))
    case(f"{op}/nothing", go, np.zeros((0, 2), I64), np.zeros(0, F32))
    case(f"{op}/negative", go, I64([[0, 1], [0, 2], [2, 2]]), F32([-1, -2, -INF]))
    case(f"{op}/open", go, IJ, V, S, dyn="n", tol=SUMS)

for op in ["SparseDenseCwiseAdd", "SparseDenseCwiseMul", "SparseDenseCwiseDiv"]:
    go = lambda i, v, x, op=op: getattr(raw, op)(sp_indices=i, sp_values=v, sp_shape=const(S), dense=x)
    case(f"{op}/same", go, IJ, V, f(3, 4), tol=SMOOTH)
    case(f"{op}/row", go, IJ, V, f(4), tol=SMOOTH)
    case(f"{op}/column", go, IJ, V, f(3, 1), tol=SMOOTH)
    case(f"{op}/f64", go, IJ, V.astype(F64), d(3, 4), tol=SMOOTH)
    case(f"{op}/nothing", go, np.zeros((0, 2), I64), np.zeros(0, F32), f(3, 4))
    case(f"{op}/open", go, IJ, V, f(3, 4), dyn="n", tol=SMOOTH)
case("SparseDenseCwiseMul/i32", lambda i, v, x: raw.SparseDenseCwiseMul(sp_indices=i, sp_values=v, sp_shape=const(S), dense=x), IJ, I32([1, 2, 3, 4, 5]), np.arange(12, dtype=I32).reshape(3, 4))

dense_add = lambda i, v, b: raw.SparseTensorDenseAdd(a_indices=i, a_values=v, a_shape=const(i.dtype.as_numpy_dtype(S)), b=b)
case("SparseTensorDenseAdd/i64", dense_add, IJ, V, f(3, 4), tol=SUMS)
case("SparseTensorDenseAdd/i32", dense_add, IJ.astype(I32), V, f(3, 4), tol=SUMS)
case("SparseTensorDenseAdd/again", dense_add, I64([[1, 1], [1, 1]]), F32([1, 2]), f(3, 4), tol=SUMS)
case("SparseTensorDenseAdd/open", dense_add, IJ, V, f(3, 4), tol=SUMS, dyn="n")
refused("SparseTensorDenseAdd/outside", dense_add, I64([[1, 4]]), F32([1]), f(3, 4), why="out of range")

soft = lambda i, v, s: raw.SparseSoftmax(sp_indices=i, sp_values=v, sp_shape=s)
case("SparseSoftmax/matrix", soft, SORTED, V, S, tol=SMOOTH)
case("SparseSoftmax/cube", soft, I64([[0, 0, 1], [0, 1, 2], [0, 1, 3], [1, 0, 0]]), F32([1, 2, 3, 4]), I64([2, 2, 4]), tol=SMOOTH)
case("SparseSoftmax/f64", soft, SORTED, V.astype(F64), S, tol=SMOOTH)
case("SparseSoftmax/nothing", soft, np.zeros((0, 2), I64), np.zeros(0, F32), S)
case("SparseSoftmax/open", soft, SORTED, V, S, tol=SMOOTH, dyn="n")

# -- Ragged ----------------------------------------------------------------------------------------------------
span = lambda a, b, c, **kw: list(raw.RaggedRange(starts=a, limits=b, deltas=c, **kw))
for n, t in dict(i32=I32, i64=I64, f32=F32, f64=F64).items():
    case(f"RaggedRange/{n}", span, t([0, 5, 8, 3]), t([3, 5, 12, -2]), t([1, 1, 2, -2]), tol=SMOOTH)
    case(f"RaggedRange/{n}_scalars", span, t(2), t(9), t(3), tol=SMOOTH)
case("RaggedRange/mixed", span, I32(0), I32([3, 0, 5]), I32(2))
case("RaggedRange/wrong_way", span, I32([3, 0]), I32([0, 3]), I32([1, -1]))
case("RaggedRange/fractions", span, F32([0, 1]), F32([1, -1]), F32([0.3, -0.7]), tol=SMOOTH)
case("RaggedRange/i32_splits", lambda *x: span(*x, Tsplits=tf.int32), I32([0, 5]), I32([3, 9]), I32([1, 1]))
case("RaggedRange/none", span, np.zeros(0, I32), np.zeros(0, I32), np.zeros(0, I32))
case("RaggedRange/open", span, I32([0, 5, 8]), I32([3, 5, 12]), I32([1, 1, 2]), dyn="n")
refused("RaggedRange/no_step", span, I32([0]), I32([3]), I32([0]))


def dense(shape, kinds):
    return lambda v, z, *p: raw.RaggedTensorToTensor(shape=const(I64(shape)), values=v, default_value=z, row_partition_tensors=list(p), row_partition_types=kinds)


SP, ID, FD = "ROW_SPLITS", "VALUE_ROWIDS", "FIRST_DIM_SIZE"
Z = F32(-1)
case("RaggedTensorToTensor/splits", dense(-1, [SP]), f(6), Z, I64([0, 2, 2, 5, 6]))
case("RaggedTensorToTensor/splits_open_shape", dense([-1, -1], [SP]), f(6), Z, I64([0, 2, 2, 5, 6]))
case("RaggedTensorToTensor/cut", dense([3, 2], [SP]), f(6), Z, I64([0, 2, 2, 5, 6]))
case("RaggedTensorToTensor/wider", dense([6, 5], [SP]), f(6), Z, I64([0, 2, 2, 5, 6]))
case("RaggedTensorToTensor/rows", dense(-1, [SP]), f(6, 3), Z, I64([0, 2, 2, 5, 6]))
case("RaggedTensorToTensor/rows_default", dense(-1, [SP]), f(6, 3), f(3), I64([0, 2, 2, 5, 6]))
case("RaggedTensorToTensor/two_levels", dense(-1, [SP, SP]), f(6), Z, I64([0, 1, 1, 4]), I64([0, 2, 2, 5, 6]))
case("RaggedTensorToTensor/two_levels_cut", dense([2, 2, 2], [SP, SP]), f(6), Z, I64([0, 1, 4]), I64([0, 2, 2, 5, 6]))
case("RaggedTensorToTensor/row_ids", dense(-1, [FD, ID]), f(6), Z, I64(5), I64([0, 0, 2, 2, 2, 4]))
case("RaggedTensorToTensor/row_ids_cut", dense([2, 2], [FD, ID]), f(6), Z, I64(5), I64([0, 0, 2, 2, 2, 4]))
case("RaggedTensorToTensor/two_levels_of_ids", dense(-1, [FD, ID, ID]), f(4), Z, I64(2), I64([0, 1, 1]), I64([0, 0, 2, 2]))
case("RaggedTensorToTensor/i32", dense(-1, [SP]), I32([1, 2, 3]), I32(9), I32([0, 2, 3]))
case("RaggedTensorToTensor/no_values", dense(-1, [SP]), np.zeros(0, F32), Z, I64([0, 0, 0]))
case("RaggedTensorToTensor/open", lambda v, p: dense(-1, [SP])(v, const(Z), p), f(6), I64([0, 2, 2, 5, 6]), dyn="n")
case("RaggedTensorToTensor/embedding", lambda w, v, p: tf.reduce_sum(dense(-1, [SP])(tf.gather(w, v), tf.constant(0.0), p), 1), f(7, 3), I32([1, 2, 6, 0]), I64([0, 3, 4]), dyn="n", tol=SUMS)

# -- Counts ----------------------------------------------------------------------------------------------------
P = F32([[0.1, 0.7, 0.2, 0.7], [3, 2, 1, 0], [0, NAN, 1, 2], [INF, 1, 0, 2], [1, 1, 1, 1]])
top = lambda x, t, k=2: raw.InTopK(predictions=x, targets=t, k=k)
topv2 = lambda x, t, k: raw.InTopKV2(predictions=x, targets=t, k=k)
case("InTopK/plain", top, P, I32([3, 2, 0, 1, 3]))
case("InTopK/one", lambda x, t: top(x, t, 1), P, I32([3, 0, 3, 0, 2]))
case("InTopK/outside", top, P, I32([4, -1, 0, 1, 0]))
case("InTopK/i64", top, P, I64([2, 1, 0, 1, 3]))
case("InTopK/zero", lambda x, t: top(x, t, 0), P, I32([1, 0, 0, 1, 3]))
case("InTopK/no_rows", top, np.zeros((0, 3), F32), np.zeros(0, I32))
case("InTopK/open", top, f(5, 4), I32([3, 2, 0, 1, 3]), dyn="all")
case("InTopKV2/plain", topv2, P, I32([3, 2, 0, 1, 3]), I32(3))
case("InTopKV2/i64", topv2, P, I64([3, 2, 0, 1, 3]), I64(1))
case("InTopKV2/many", topv2, P, I32([3, 2, 0, 1, 3]), I32(100))

hist = lambda x, r, n=5, **kw: raw.HistogramFixedWidth(values=x, value_range=r, nbins=const(I32(n)), **kw)
X = [-1, 0, 1.5, 2, 5, 15, 4.999, 0.5, 2.5]
for n, t in dict(f32=F32, f64=F64, i32=I32, i64=I64).items():
    case(f"HistogramFixedWidth/{n}", hist, t(X), t([0, 5]))
    case(f"HistogramFixedWidth/{n}_wide", lambda x, r: hist(x, r, 3, dtype=tf.int64), t(X), t([-10, 25]))
case("HistogramFixedWidth/matrix", hist, f(4, 5), F32([-1, 1]))
case("HistogramFixedWidth/infinite", hist, F32([INF, -INF, 0]), F32([-1, 1]))
case("HistogramFixedWidth/one_bin", lambda x, r: hist(x, r, 1), F32(X), F32([0, 5]))
case("HistogramFixedWidth/nothing", hist, np.zeros(0, F32), F32([0, 5]))
case("HistogramFixedWidth/bins_are_data", lambda x, r, n: raw.HistogramFixedWidth(values=x, value_range=r, nbins=n), F32(X), F32([0, 5]), I32(4))
case("HistogramFixedWidth/open", hist, f(7), F32([-1, 1]), dyn="n")
refused("HistogramFixedWidth/backwards", hist, F32(X), F32([5, 0]))
