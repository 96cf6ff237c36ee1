"""Sparse tensors as their parts, and labels decoded from their probabilities."""

import numpy as np
import tensorflow as tf
from cases_index import FLOATS, I32, I64, INF, NAN, back, each, refused
from golden import SUMS, case, const, d, f, i, raw

F32 = np.float32
IJ = I64([[0, 1], [2, 0], [0, 1], [1, 3]])
mm = lambda i, v, b, shape=(3, 4), **kw: raw.SparseTensorDenseMatMul(a_indices=i, a_values=v, a_shape=const(I64(shape)), b=b, **kw)
case("SparseTensorDenseMatMul/plain", mm, IJ, f(4), f(4, 5), tol=SUMS)
case("SparseTensorDenseMatMul/i32_indices", mm, IJ.astype(I32), f(4), f(4, 5), tol=SUMS)
case("SparseTensorDenseMatMul/adjoint_a", lambda *x: mm(*x, adjoint_a=True), IJ, f(4), f(3, 5), tol=SUMS)
case("SparseTensorDenseMatMul/adjoint_b", lambda *x: mm(*x, adjoint_b=True), IJ, f(4), f(5, 4), tol=SUMS)
case("SparseTensorDenseMatMul/both", lambda *x: mm(*x, adjoint_a=True, adjoint_b=True), IJ, f(4), f(5, 3), tol=SUMS)
case("SparseTensorDenseMatMul/column", mm, IJ, f(4), f(4, 1), tol=SUMS)
case("SparseTensorDenseMatMul/nothing", mm, np.zeros((0, 2), I64), np.zeros(0, F32), f(4, 5))
case("SparseTensorDenseMatMul/no_columns", mm, IJ, f(4), np.zeros((4, 0), F32))
case("SparseTensorDenseMatMul/special", mm, IJ, F32([INF, 0, 1, NAN]), F32([[1], [0], [NAN], [INF]]))
case("SparseTensorDenseMatMul/wide", mm, IJ, f(4), f(4, 40), tol=SUMS)
case("SparseTensorDenseMatMul/open", lambda i, v, b, s: raw.SparseTensorDenseMatMul(a_indices=i, a_values=v, a_shape=s, b=b),
     IJ, f(4), f(4, 5), I64([3, 4]), tol=SUMS, dyn="n")  # fmt: skip
case("SparseTensorDenseMatMul/types", each(lambda b, i: mm(i, b[:, 0], b), [tf.float32, tf.float64, tf.int32, tf.bfloat16]),
     f(4, 3, lo=0, hi=3), IJ, tol=(1e-2, 1e-2, 0))  # fmt: skip
refused("SparseTensorDenseMatMul/row_too_large", mm, I64([[3, 0]]), f(1), f(4, 5))
refused("SparseTensorDenseMatMul/column_too_large", mm, I64([[0, 4]]), f(1), f(4, 5))

rs = lambda i, s, n: list(raw.SparseReshape(input_indices=i, input_shape=s, new_shape=n))
IJK = I64([[0, 0, 1], [0, 1, 2], [1, 0, 0], [1, 1, 2]])
case("SparseReshape/flat", rs, IJK, I64([2, 2, 3]), I64([12]))
case("SparseReshape/matrix", rs, IJK, I64([2, 2, 3]), I64([3, 4]))
case("SparseReshape/open_size", rs, IJK, I64([2, 2, 3]), I64([3, -1]))
case("SparseReshape/same", rs, IJK, I64([2, 2, 3]), I64([2, 2, 3]))
case("SparseReshape/more", rs, IJK, I64([2, 2, 3]), I64([1, -1, 2, 1]))
case("SparseReshape/no_entries", rs, np.zeros((0, 3), I64), I64([2, 2, 3]), I64([-1, 6]))
case("SparseReshape/of_nothing", rs, np.zeros((0, 2), I64), I64([0, 3]), I64([3, 0]))
case("SparseReshape/of_nothing_open", rs, np.zeros((0, 2), I64), I64([0, 3]), I64([3, -1]))
case("SparseReshape/known", lambda i: rs(i, const(I64([2, 2, 3])), const(I64([-1, 6]))), IJK, dyn="n")
case("SparseReshape/dense", lambda i, v, n: raw.SparseToDense(sparse_indices=rs(i, const(I64([2, 2, 3])), n)[0],
     output_shape=rs(i, const(I64([2, 2, 3])), n)[1], sparse_values=v, default_value=0.0), IJK, f(4), I64([4, -1]))  # fmt: skip
refused("SparseReshape/other_size", rs, IJK, I64([2, 2, 3]), I64([5, 2]))
refused("SparseReshape/not_divisible", rs, IJK, I64([2, 2, 3]), I64([5, -1]))
refused("SparseReshape/two_open_sizes", rs, IJK, I64([2, 2, 3]), I64([-1, -1]))
refused("SparseReshape/negative_size", rs, IJK, I64([2, 2, 3]), I64([-3, -4]))
refused("SparseReshape/open_size_of_nothing", rs, np.zeros((0, 2), I64), I64([0, 3]), I64([0, -1]))

fr = lambda i, v, s, default=None: list(raw.SparseFillEmptyRows(
    indices=i, values=v, dense_shape=s, default_value=tf.cast(7, v.dtype) if default is None else default))  # fmt: skip
case("SparseFillEmptyRows/some", fr, I64([[0, 1], [2, 0], [2, 3]]), f(3), I64([5, 4]))
case("SparseFillEmptyRows/none_empty", fr, I64([[0, 1], [1, 0], [2, 3]]), f(3), I64([3, 4]))
case("SparseFillEmptyRows/all_empty", fr, np.zeros((0, 2), I64), np.zeros(0, F32), I64([3, 4]))
case("SparseFillEmptyRows/not_sorted", fr, I64([[4, 1], [2, 0], [4, 0], [0, 3], [2, 2]]), f(5), I64([6, 4]))
case("SparseFillEmptyRows/not_sorted_none_empty", fr, I64([[2, 1], [0, 0], [1, 3], [0, 1]]), f(4), I64([3, 4]))
case("SparseFillEmptyRows/no_rows", fr, np.zeros((0, 2), I64), np.zeros(0, F32), I64([0, 4]))
case("SparseFillEmptyRows/cube", fr, I64([[0, 1, 1], [2, 0, 0]]), f(2), I64([4, 2, 2]))
case("SparseFillEmptyRows/vector", fr, I64([[1], [3]]), f(2), I64([5]))
case("SparseFillEmptyRows/open", fr, I64([[0, 1], [2, 0], [2, 3]]), f(3), I64([5, 4]), dyn="n")
case("SparseFillEmptyRows/default", fr, I64([[0, 1], [2, 0], [2, 3]]), f(3), I64([5, 4]), f())
case("SparseFillEmptyRows/known_shape", lambda i, v: fr(i, v, const(I64([5, 4]))), I64([[0, 1], [2, 0]]), f(2))
case("SparseFillEmptyRows/types", each(lambda v, i: fr(i, v, const(I64([5, 4])))[1], FLOATS + [tf.int8, tf.int64, tf.bool]),
     f(2), I64([[0, 1], [2, 0]]))  # fmt: skip
case("SparseFillEmptyRows/embedding", lambda i, v, w: raw.SparseSegmentMean(data=w, indices=fr(i, v, const(I64([4, 4])), const(I32(0)))[1],
     segment_ids=fr(i, v, const(I64([4, 4])), const(I32(0)))[0][:, 0]), I64([[0, 1], [2, 0], [2, 3]]), I32([3, 1, 2]), f(5, 3), tol=SUMS, dyn="n")  # fmt: skip
refused("SparseFillEmptyRows/too_large", fr, I64([[0, 1], [5, 0]]), f(2), I64([5, 4]))
refused("SparseFillEmptyRows/too_negative", fr, I64([[0, 1], [-1, 0]]), f(2), I64([5, 4]))
refused("SparseFillEmptyRows/entry_without_rows", fr, I64([[0, 1]]), f(1), I64([0, 4]))

ctc = lambda x, n, **kw: list(raw.CTCGreedyDecoder(inputs=x, sequence_length=n, **kw))
L = I32([6, 3, 0])
case("CTCGreedyDecoder/plain", ctc, f(6, 3, 4), L, tol=SUMS)
case("CTCGreedyDecoder/merged", lambda x, n: ctc(x, n, merge_repeated=True), f(9, 3, 3), I32([9, 7, 1]), tol=SUMS)
case("CTCGreedyDecoder/blank_first", lambda x, n: ctc(x, n, merge_repeated=True, blank_index=0), f(9, 3, 3), L, tol=SUMS)
case("CTCGreedyDecoder/blank_from_the_end", lambda x, n: ctc(x, n, blank_index=-2), f(6, 3, 4), L, tol=SUMS)
case("CTCGreedyDecoder/repeats_around_blanks", lambda x, n: ctc(x, n, merge_repeated=True),
     np.eye(3, dtype=F32)[[0, 0, 2, 0, 1, 1, 1, 2, 2, 1]][:, None], I32([10]), tol=SUMS)  # fmt: skip
case("CTCGreedyDecoder/only_blanks", ctc, np.eye(3, dtype=F32)[[2, 2]][:, None], I32([2]), tol=SUMS)
case("CTCGreedyDecoder/ties", ctc, np.zeros((4, 2, 3), F32), I32([4, 2]), tol=SUMS)
case("CTCGreedyDecoder/special", ctc, F32([[[NAN, 1, 0], [1, NAN, 2]], [[-INF, -INF, -INF], [0, INF, 3]]]), I32([2, 1]))
case("CTCGreedyDecoder/f64", ctc, d(6, 3, 4), L, tol=(0, 0, 1e-12))
case("CTCGreedyDecoder/open", lambda x, n: ctc(x, n, merge_repeated=True), f(6, 3, 4), L, tol=SUMS, dyn="all")
case("CTCGreedyDecoder/dense", lambda x, n: raw.SparseToDense(sparse_indices=ctc(x, n)[0], output_shape=ctc(x, n)[2],
     sparse_values=ctc(x, n)[1], default_value=tf.constant(-1, tf.int64)), f(6, 3, 4), L, dyn="n")  # fmt: skip
refused("CTCGreedyDecoder/too_long", ctc, f(6, 2, 4), I32([6, 7]))
