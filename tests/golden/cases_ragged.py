"""Ragged tensors as their parts: rows chosen, and entries as sparse tensors have them."""

import numpy as np
import tensorflow as tf
from cases_index import I32, I64, refused
from golden import case, f, raw

F32 = np.float32
SPLITS = I64([0, 2, 2, 5, 6])

rs = lambda v, *s: list(raw.RaggedTensorToSparse(rt_nested_splits=list(s), rt_dense_values=v))
case("RaggedTensorToSparse/plain", rs, f(6), SPLITS)
case("RaggedTensorToSparse/two_levels", rs, f(7), I64([0, 2, 2, 3]), I64([0, 3, 3, 7]))
case("RaggedTensorToSparse/inner", rs, f(6, 2, 3), SPLITS)
case("RaggedTensorToSparse/empty", rs, np.zeros(0, F32), I64([0, 0, 0]))
case("RaggedTensorToSparse/open", rs, f(6), SPLITS, dyn="n")
case("RaggedTensorToSparse/open_inner", rs, f(6, 2), SPLITS, dyn="all")
refused("RaggedTensorToSparse/not_sorted", rs, f(6), I64([0, 4, 2, 6]))

rg = lambda i, v, *s: tf.nest.flatten(raw.RaggedGather(params_nested_splits=list(s), params_dense_values=v, indices=i,
     OUTPUT_RAGGED_RANK=len(s) + i.shape.rank - 1))  # fmt: skip
case("RaggedGather/plain", rg, I32([3, 0, 1, 0]), f(6), SPLITS)
case("RaggedGather/i32_splits", rg, I64([2, 2]), f(6), SPLITS.astype(I32))
case("RaggedGather/two_levels", rg, I32([2, 1, 0, 2]), f(7), I64([0, 2, 2, 3]), I64([0, 3, 3, 7]))
case("RaggedGather/inner", rg, I32([3, 2]), f(6, 2), SPLITS)
case("RaggedGather/matrix", rg, I32([[3, 0, 1], [2, 2, 0]]), f(6), SPLITS)
case("RaggedGather/cube", rg, I32([[[3, 0, 1], [2, 2, 0]]]), f(6), SPLITS)
case("RaggedGather/nothing", rg, np.zeros(0, I32), f(6), SPLITS)
case("RaggedGather/empty_rows", rg, I32([1, 1]), f(6), SPLITS)
case("RaggedGather/open", rg, I32([3, 0, 1, 0]), f(6), SPLITS, dyn="n")
case("RaggedGather/open_matrix", rg, I32([[3, 0, 1], [2, 2, 0]]), f(6, 2), SPLITS, dyn="all")
refused("RaggedGather/too_large", rg, I32([4]), f(6), SPLITS)
refused("RaggedGather/negative", rg, I32([-1]), f(6), SPLITS)
