"""Running sums, products and logarithms of sums of exponentials."""

import numpy as np
import tensorflow as tf
from golden import EXACT, SUMS, case, cases, const, f, raw

VARIANTS = {
    "first": {},
    "last": dict(axis=-1),
    "exclusive": dict(axis=1, exclusive=True),
    "reverse": dict(axis=1, reverse=True),
    "exclusive_reverse": dict(axis=0, exclusive=True, reverse=True),
}
ALL = dict(i8=tf.int8, i16=tf.int16, i32=tf.int32, i64=tf.int64, u8=tf.uint8, u16=tf.uint16, u32=tf.uint32, u64=tf.uint64,
           f64=tf.float64, f16=tf.float16, bf16=tf.bfloat16)  # fmt: skip
FLOATS = dict(f64=tf.float64, f16=tf.float16)
LOW = (1e-2, 1e-2, 0)


def scan(op):
    return lambda x, axis=0, **kw: getattr(raw, op)(x=x, axis=const(np.int32(axis)), **kw)


def back(y):
    """The .npy format has no bfloat16."""
    return tf.cast(y, tf.float32) if y.dtype == tf.bfloat16 else y


cases("Cumprod", scan("Cumprod"), f(4, 7), tol=SUMS, variants=VARIANTS)
cases("CumulativeLogsumexp", scan("CumulativeLogsumexp"), f(4, 7), tol=SUMS, variants=VARIANTS)
for op, types in {"Cumsum": ALL, "Cumprod": ALL, "CumulativeLogsumexp": FLOATS}.items():
    low = EXACT if op != "CumulativeLogsumexp" else LOW
    for name, t in types.items():
        case(
            f"{op}/of_{name}",
            lambda x, op=op, t=t: back(scan(op)(tf.cast(x, t), axis=1)),
            np.float32([[3, 1.5, 2, 7, 1.25, 3], [2, 2, 2, 9, 9, 9]]),
            tol=low if t.size == 2 else SUMS,
        )
    case(f"{op}/middle", lambda x, op=op: scan(op)(x, axis=1), f(2, 5, 3), tol=SUMS)
    case(f"{op}/empty", lambda x, op=op: scan(op)(x, axis=0), np.zeros((0, 3), np.float32))
    case(f"{op}/long", lambda x, op=op: scan(op)(x, axis=0), f(40, 17), tol=(1e-5, 1e-5, 0))
    case(
        f"{op}/special",
        lambda x, op=op: scan(op)(x, axis=1),
        np.float32(
            [
                [-np.inf, -np.inf, 1, 2, -np.inf],
                [1, np.inf, 2, 3, 0],
                [1, np.nan, 2, 3, 4],
                [200, -200, 3e38, 1, -3e38],
                [0, 1, -np.inf, np.inf, 1],
            ]
        ),
        tol=SUMS,
    )
case(
    "CumulativeLogsumexp/exclusive_special",
    lambda x: scan("CumulativeLogsumexp")(x, axis=0, exclusive=True),
    np.float32([-np.inf, 1, -np.inf, 100]),
    tol=SUMS,
)
