"""Eigenvalues and singular values; vectors, whose signs are arbitrary, by what they make up."""

import numpy as np
import tensorflow as tf
from cases_index import F32, INF, NAN, refused
from golden import case, raw

TOL = dict(f32=(2e-5, 2e-5, 0), f64=(1e-12, 1e-12, 0))


def symmetric(n, seed, batch=(), t=F32):
    a = np.random.RandomState(seed).randn(*batch, n, n)
    return (a + np.swapaxes(a, -1, -2)).astype(t)


def matrix(*s, seed=0, t=F32):
    return np.random.RandomState(seed).randn(*s).astype(t)


def eigen(x):
    e, v = raw.SelfAdjointEigV2(input=x, compute_v=True)
    return [e, tf.matmul(v * e[..., None, :], v, adjoint_b=True), tf.matmul(v, v, adjoint_a=True)]


values = lambda x: raw.SelfAdjointEigV2(input=x, compute_v=False)[0]
case("SelfAdjointEigV2/five", eigen, symmetric(5, 1), tol=TOL["f32"])
case("SelfAdjointEigV2/values", values, symmetric(5, 2), tol=TOL["f32"])
case("SelfAdjointEigV2/f64", eigen, symmetric(9, 3, t=np.float64), tol=TOL["f64"])
case("SelfAdjointEigV2/batch", eigen, symmetric(3, 4, (2, 3)), tol=TOL["f32"])
case("SelfAdjointEigV2/lower_half", values, matrix(4, 4), tol=TOL["f32"])
case("SelfAdjointEigV2/one", eigen, F32([[-3]]), tol=TOL["f32"])
case("SelfAdjointEigV2/equal", eigen, F32(np.diag([2, 2, 2, -1])), tol=TOL["f32"])
case("SelfAdjointEigV2/zeros", eigen, np.zeros((3, 3), F32), tol=TOL["f32"])
case("SelfAdjointEigV2/rank_one", eigen, F32(np.ones((6, 6))), tol=TOL["f32"])
case("SelfAdjointEigV2/spread", values, np.diag([1e-20, 1.0, 1e20]), tol=TOL["f64"])
case("SelfAdjointEigV2/large", eigen, symmetric(24, 5), tol=(2e-4, 2e-4, 0))
case("SelfAdjointEigV2/empty", lambda x: list(raw.SelfAdjointEigV2(input=x)), np.zeros((2, 0, 0), F32))
case("SelfAdjointEigV2/no_matrices", lambda x: list(raw.SelfAdjointEigV2(input=x)), np.zeros((0, 3, 3), F32))
case("SelfAdjointEigV2/open", eigen, symmetric(4, 6, (2,)), tol=TOL["f32"], dyn="all")
case("SelfAdjointEigV2/nan_above", values, F32([[1, NAN], [2, 1]]), tol=TOL["f32"])
refused("SelfAdjointEigV2/nan", values, F32([[1, 2], [NAN, 1]]), why="not finite")


def parts(x, full=False):
    s, u, v = raw.Svd(input=x, compute_uv=True, full_matrices=full)
    p = min(x.shape[-1], x.shape[-2])
    low = [u[..., :p], v[..., :p]]
    return [s, tf.matmul(low[0] * s[..., None, :], low[1], adjoint_b=True), tf.matmul(u, u, adjoint_a=True), tf.matmul(v, v, adjoint_a=True)]


for n, s in dict(square=(4, 4), tall=(7, 3), wide=(3, 6), row=(1, 5), column=(5, 1), batch=(2, 3, 4)).items():
    case(f"Svd/{n}", parts, matrix(*s), tol=TOL["f32"])
    case(f"Svd/{n}_full", lambda x: parts(x, True), matrix(*s, seed=1), tol=TOL["f32"])
    case(f"Svd/{n}_values", lambda x: raw.Svd(input=x, compute_uv=False)[0], matrix(*s, seed=2), tol=TOL["f32"])
case("Svd/f64", parts, matrix(6, 5, t=np.float64), tol=TOL["f64"])
case("Svd/rank_one", parts, F32(np.ones((4, 3))), tol=TOL["f32"])
case("Svd/zeros", lambda x: parts(x, True), np.zeros((3, 2), F32), tol=TOL["f32"])
case("Svd/equal", lambda x: parts(x, True), F32(3 * np.eye(3, 5)), tol=TOL["f32"])
case("Svd/huge", lambda x: parts(x)[0], matrix(3, 3, t=np.float64) * 1e200, tol=(1e-12, 0, 0))
case("Svd/large", parts, matrix(20, 16), tol=(2e-4, 2e-4, 0))
case("Svd/empty", lambda x: raw.Svd(input=x, compute_uv=False)[0], np.zeros((2, 0, 3), F32))
case("Svd/open_batch", parts, matrix(2, 3, 4), tol=TOL["f32"], dyn="n")
for n, m in dict(nan=[[1, NAN], [2, 1]], infinite=[[1, 2, 3], [INF, 1, 2]]).items():
    case(f"Svd/{n}", lambda x: list(raw.Svd(input=x)), F32([m, np.ones_like(m)])[:1])
