"""Modified Bessel functions."""

import numpy as np
import tensorflow as tf
from cases_index import F32, NAN
from golden import case, raw

X = [0, 1e-4, 0.1, 0.5, 1, 1.9, 2, 2.1, 3, 5, 7.9, 8, 8.1, 12, 20, 50, NAN]
for op in ["BesselI0", "BesselI1", "BesselI0e", "BesselI1e", "BesselK0", "BesselK1", "BesselK0e", "BesselK1e"]:
    go = lambda x, op=op: getattr(raw, op)(x=x)
    case(f"{op}/f32", go, F32(X), tol=(2e-6, 0, 0))
    case(f"{op}/f64", go, np.float64(X), tol=(2e-14, 0, 0))
    case(f"{op}/f16", lambda x, go=go: go(tf.cast(x, tf.float16)), F32(X), tol=(2e-3, 1e-4, 0))
    case(f"{op}/open", go, F32(X).reshape(1, -1), tol=(2e-6, 0, 0), dyn="all")
    case(f"{op}/nothing", go, np.zeros((0, 3), F32))
    case(f"{op}/negative", go, F32([-0.5, -3, -9, -0.0]), tol=(2e-6, 0, 0))
