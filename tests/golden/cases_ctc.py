"""Beam search for labels."""

import numpy as np
import tensorflow as tf
from cases_index import F32, I32, INF, NAN, refused
from golden import SUMS, case, f, raw

L = I32([6, 3, 1])


def beam(x, n, width=8, paths=1, merge=True):
    r = raw.CTCBeamSearchDecoder(inputs=x, sequence_length=n, beam_width=width, top_paths=paths, merge_repeated=merge)
    return list(r.decoded_indices) + list(r.decoded_values) + list(r.decoded_shape) + [r.log_probability]


def peaks(t, n, c, seed):
    r = np.random.RandomState(seed)
    return (3 * r.randn(t, n, c)).astype(F32)


for merge in (False, True):
    m = "merged" if merge else "plain"
    go = lambda x, n, merge=merge, **kw: beam(x, n, merge=merge, **kw)
    case(f"CTCBeamSearchDecoder/{m}", go, f(6, 3, 4), L, tol=SUMS)
    case(f"CTCBeamSearchDecoder/{m}_paths", lambda x, n, go=go: go(x, n, width=9, paths=3), peaks(9, 3, 5, 1), I32([9, 7, 5]), tol=SUMS)
    case(f"CTCBeamSearchDecoder/{m}_narrow", lambda x, n, go=go: go(x, n, width=2, paths=2), peaks(12, 2, 4, 2), I32([12, 8]), tol=SUMS)
    case(f"CTCBeamSearchDecoder/{m}_one", lambda x, n, go=go: go(x, n, width=1), peaks(9, 3, 5, 3), I32([9, 7, 0]), tol=SUMS)
    case(f"CTCBeamSearchDecoder/{m}_few_classes", lambda x, n, go=go: go(x, n, width=20, paths=4), peaks(14, 2, 3, 4), I32([14, 13]), tol=SUMS)
    case(f"CTCBeamSearchDecoder/{m}_repeats", go, F32(4 * np.eye(3)[[0, 0, 2, 0, 1, 1, 1, 2, 2, 1]][:, None] + 0.01 * peaks(10, 1, 3, 9)), I32([10]), tol=SUMS)
case("CTCBeamSearchDecoder/wide", lambda x, n: beam(x, n, width=100, paths=5), peaks(20, 2, 9, 5), I32([20, 11]), tol=SUMS)
case("CTCBeamSearchDecoder/f64", lambda x, n: beam(x, n, paths=2), peaks(6, 3, 4, 8).astype(np.float64), I32([6, 3, 2]), tol=(1e-6, 1e-6, 0))
case("CTCBeamSearchDecoder/only_blanks", beam, F32([[[-9, -8, 3]], [[-7, -8, 4]]]), I32([2]), tol=SUMS)
case("CTCBeamSearchDecoder/one_class", beam, f(3, 2, 1), I32([3, 2]), tol=SUMS)
case("CTCBeamSearchDecoder/impossible", lambda x, n: beam(x, n, paths=2), F32([[[-INF, 1, 0]], [[0, -INF, -INF]], [[0.5, 1, -INF]]]), I32([3]), tol=SUMS)
case("CTCBeamSearchDecoder/nothing_said", beam, f(4, 2, 3), I32([0, 0]), tol=SUMS)
case("CTCBeamSearchDecoder/open", lambda x, n: beam(x, n, paths=2), peaks(6, 3, 4, 6), I32([6, 3, 2]), tol=SUMS, dyn="all")
case("CTCBeamSearchDecoder/dense", lambda x, n: raw.SparseToDense(sparse_indices=beam(x, n)[0], output_shape=beam(x, n)[2],
     sparse_values=beam(x, n)[1], default_value=tf.constant(-1, tf.int64)), f(6, 3, 4), L, dyn="n")  # fmt: skip
refused("CTCBeamSearchDecoder/too_long", beam, f(6, 2, 4), I32([6, 7]))
refused("CTCBeamSearchDecoder/fewer_paths", lambda x, n: beam(x, n, paths=3), f(4, 2, 4), I32([4, 0]), why="fewer paths")
