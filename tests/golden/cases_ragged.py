"""Ragged tensors as their parts: rows chosen, and entries as sparse tensors have them."""

import numpy as np
import tensorflow as tf
from cases_index import I32, I64, refused
from golden import case, f, raw

F32 = np.float32
SPLITS = I64([0, 2, 2, 5, 6])

def to_tensor(*kinds):
    return lambda at, v, *parts: raw.RaggedTensorToTensor(shape=at, values=v, default_value=tf.constant(9.0), row_partition_tensors=list(parts), row_partition_types=kinds)


S, V, N = "ROW_SPLITS", "VALUE_ROWIDS", "FIRST_DIM_SIZE"
case("RaggedTensorToTensor/splits_then_ids", to_tensor(S, V), I64([-1, -1, -1]), f(5), I64([0, 1, 1, 3]), I64([0, 0, 1, 2, 2]))
case("RaggedTensorToTensor/ids_then_splits", to_tensor(N, V, S), I64([-1, 2, 2]), f(7), I64(4), I64([0, 2, 2]), I64([0, 3, 3, 7]))
case("RaggedTensorToTensor/shape_is_data", to_tensor(S), I64([-1, 2]), f(6), SPLITS)
case("RaggedTensorToTensor/shape_is_i32_data", to_tensor(S), I32([5, -1]), f(6), SPLITS)
case("RaggedTensorToTensor/inner_shape_is_data", to_tensor(S), I64([-1, -1, 2]), f(6, 2), SPLITS)
case("RaggedTensorToTensor/shape_of_sizes", lambda x, v, s: to_tensor(S)(tf.shape(x), v, s), f(3, 4), f(6), SPLITS, dyn="all")
refused("RaggedTensorToTensor/negative_size", to_tensor(S), I64([3, -2]), f(6), SPLITS)
refused("RaggedTensorToTensor/other_inner_size", to_tensor(S), I64([-1, -1, 3]), f(6, 2), SPLITS)

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
