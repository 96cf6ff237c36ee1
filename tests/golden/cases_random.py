"""Random numbers: TensorFlow's, in the first run of a session."""

import numpy as np
import tensorflow as tf
from golden import EXACT, SMOOTH, SUMS, case, const, f, raw

FLOATS = dict(f16=tf.float16, bf16=tf.bfloat16, f32=tf.float32, f64=tf.float64)
CLOSE = dict(f16=(1e-3, 0, 0), bf16=(8e-3, 0, 0), f32=(2e-7, 1e-7, 0), f64=(1e-14, 1e-14, 0))
SHAPES = dict(one=[1], three=[3], five=[5], matrix=[3, 7], cube=[2, 3, 4], empty=[0, 3], scalar=[])


def shape(s):
    return const(np.int32(s))


def back(y):
    """The .npy format has no bfloat16."""
    return tf.cast(y, tf.float32) if y.dtype == tf.bfloat16 else y


def size(x):
    return tf.shape(x)


# -- Seeds as attributes -------------------------------------------------------------------------------------
for op in ["RandomUniform", "RandomStandardNormal", "TruncatedNormal"]:
    make = getattr(raw, op)
    for n, t in FLOATS.items():
        tol = EXACT if op == "RandomUniform" else CLOSE[n]
        case(f"{op}/{n}", lambda make=make, t=t: back(make(shape=shape([3, 11]), dtype=t, seed=87, seed2=5)), tol=tol)
        case(f"{op}/{n}_open", lambda x, make=make, t=t: back(make(shape=size(x), dtype=t, seed=87, seed2=5)),
             f(5, 3), tol=tol, dyn="all")  # fmt: skip
    tol = EXACT if op == "RandomUniform" else CLOSE["f32"]
    for n, s in SHAPES.items():
        case(f"{op}/{n}", lambda make=make, s=s: make(shape=shape(s), dtype=tf.float32, seed=3), tol=tol)
    case(f"{op}/seed2", lambda make=make: make(shape=shape([9]), dtype=tf.float32, seed2=7), tol=tol)
    case(f"{op}/negative", lambda make=make: make(shape=shape([9]), dtype=tf.float32, seed=-1, seed2=-(1 << 40)), tol=tol)
    case(f"{op}/wide", lambda make=make: make(shape=shape([9]), dtype=tf.float32, seed=1 << 40, seed2=1 << 50), tol=tol)
    case(f"{op}/i64_shape", lambda make=make: make(shape=const(np.int64([2, 9])), dtype=tf.float32, seed=1), tol=tol)
    case(f"{op}/long", lambda make=make: make(shape=shape([40, 10]), dtype=tf.float32, seed=1, seed2=2), tol=tol)
    case(f"{op}/shape_is_data", lambda x, make=make: make(shape=x, dtype=tf.float32, seed=1), np.int32([3, 5]), tol=tol)
    case(f"{op}/twice", lambda make=make: [make(shape=shape([6]), dtype=tf.float32, seed=1), make(shape=shape([6]), dtype=tf.float32, seed=2)], tol=tol)
    case(f"{op}/used", lambda x, make=make: make(shape=shape([4, 6]), dtype=tf.float32, seed=1) * x + 1.0, f(4, 6), tol=(1e-6, 1e-6, 0))

INTS = dict(i32=np.int32, i64=np.int64)
RANGES = dict(small=(0, 10), negative=(-7, 3), one=(5, 6), wide=(-(1 << 31), (1 << 31) - 1))
for n, t in INTS.items():
    for r, (lo, hi) in RANGES.items():
        case(f"RandomUniformInt/{n}_{r}",
             lambda t=t, lo=lo, hi=hi: raw.RandomUniformInt(shape=shape([3, 5]), minval=const(t(lo)), maxval=const(t(hi)), seed=4, seed2=9))  # fmt: skip
    case(f"RandomUniformInt/{n}_data", lambda x, y, z: raw.RandomUniformInt(shape=size(z), minval=x, maxval=y, seed=4),
         np.array(-3, t), np.array(90, t), f(3, 3), dyn="all")  # fmt: skip
    case(f"RandomUniformInt/{n}_nothing", lambda t=t: raw.RandomUniformInt(shape=shape([0]), minval=const(t(3)), maxval=const(t(3)), seed=4))
case("RandomUniformInt/i64_all", lambda: raw.RandomUniformInt(shape=shape([7]), minval=const(np.int64(-(1 << 63))), maxval=const(np.int64((1 << 63) - 1)), seed=4))

LOGITS = np.float32([[0, 1, 2, -1, 0.5], [3, -np.inf, 0, 0, np.nan], [-np.inf] * 5, [-90, 0, 90, 0, 1], [0, 0, 0, np.inf, 0]])
for n, t in FLOATS.items():
    case(f"Multinomial/{n}", lambda x, t=t: raw.Multinomial(logits=tf.cast(x, t), num_samples=const(np.int32(13)), seed=4, seed2=1), LOGITS)
case("Multinomial/i32", lambda x: raw.Multinomial(logits=x, num_samples=const(np.int32(6)), seed=4, output_dtype=tf.int32), f(3, 9), dyn="all")
case("Multinomial/samples_are_data", lambda x, y: raw.Multinomial(logits=x, num_samples=y, seed=4), f(3, 9), np.array(5, np.int32))
case("Multinomial/none", lambda x: raw.Multinomial(logits=x, num_samples=const(np.int32(0)), seed=4), f(3, 9))

# -- Seeds as data ---------------------------------------------------------------------------------------------
SEEDS = dict(i32=np.int32([3, -4]), i64=np.int64([1 << 40, -(1 << 50)]))


def auto(op, seed, alg=1, **kw):
    key, counter = raw.StatelessRandomGetKeyCounter(seed=seed)
    return getattr(raw, op + "V2")(key=key, counter=counter, alg=const(np.int32(alg)), **kw)


for op in ["StatelessRandomUniform", "StatelessRandomNormal", "StatelessTruncatedNormal"]:
    make = getattr(raw, op)
    for n, t in FLOATS.items():
        tol = EXACT if op == "StatelessRandomUniform" else CLOSE[n]
        case(f"{op}/{n}", lambda x, make=make, t=t: back(make(shape=shape([3, 5]), seed=x, dtype=t)), SEEDS["i32"], tol=tol)
        case(f"{op}V2/{n}", lambda x, op=op, t=t: back(auto(op, x, shape=shape([3, 5]), dtype=t)), SEEDS["i64"], tol=tol)
    tol = EXACT if op == "StatelessRandomUniform" else CLOSE["f32"]
    case(f"{op}/i64_seed", lambda x, make=make: make(shape=shape([6]), seed=x), SEEDS["i64"], tol=tol)
    case(f"{op}/const_seed", lambda make=make: make(shape=shape([6]), seed=const(SEEDS["i32"])), tol=tol)
    case(f"{op}/open", lambda x, y, make=make: make(shape=size(y), seed=x), SEEDS["i32"], f(2, 9), dyn="all", tol=tol)
    case(f"{op}V2/auto", lambda x, op=op: auto(op, x, 3, shape=shape([6])), SEEDS["i32"], tol=tol)
    case(f"{op}V2/carries", lambda x, y, op=op: getattr(raw, op + "V2")(shape=shape([21]), key=x, counter=y, alg=const(np.int32(1))),
         np.uint64([1 << 63 | 5]), np.uint64([(1 << 64) - 2, (1 << 64) - 1]), tol=tol)  # fmt: skip

ALL = dict(i32=np.int32, i64=np.int64, u32=np.uint32, u64=np.uint64)
for n, t in ALL.items():
    if n in INTS:
        case(f"StatelessRandomUniformInt/{n}", lambda x, t=t: raw.StatelessRandomUniformInt(shape=shape([3, 5]), seed=x, minval=const(t(2)), maxval=const(t(100))), SEEDS["i32"])
        case(f"StatelessRandomUniformIntV2/{n}", lambda x, t=t: auto("StatelessRandomUniformInt", x, shape=shape([3, 5]), minval=const(t(2)), maxval=const(t(100))), SEEDS["i32"])
    case(f"StatelessRandomUniformFullInt/{n}", lambda x, t=t: raw.StatelessRandomUniformFullInt(shape=shape([3, 5]), seed=x, dtype=t), SEEDS["i32"])
    case(f"StatelessRandomUniformFullIntV2/{n}", lambda x, t=t: auto("StatelessRandomUniformFullInt", x, shape=shape([3, 5]), dtype=t), SEEDS["i32"])

for n, s in SEEDS.items():
    case(f"StatelessRandomGetKeyCounter/{n}", lambda x: raw.StatelessRandomGetKeyCounter(seed=x), s)
    case(f"StatelessRandomGetKeyCounterAlg/{n}", lambda x: raw.StatelessRandomGetKeyCounterAlg(seed=x), s)
    case(f"StatelessMultinomial/{n}", lambda x, y: raw.StatelessMultinomial(logits=x, num_samples=const(np.int32(11)), seed=y), f(3, 4), s)
case("StatelessRandomGetAlg/cpu", lambda x: [raw.StatelessRandomGetAlg(), raw.Neg(x=x)], f(2))


# -- Dropout as frameworks freeze it -----------------------------------------------------------------------------
def dropout_v1(x, rate=0.25):
    keep = 1 - rate
    u = raw.RandomUniform(shape=size(x), dtype=tf.float32, seed=87654321, seed2=11)
    u = raw.Add(x=raw.Mul(x=u, y=const(np.float32(1))), y=const(np.float32(0)))
    return raw.RealDiv(x=x, y=const(np.float32(keep))) * tf.floor(const(np.float32(keep)) + u)


def dropout_v2(x, rate=0.25):
    u = raw.RandomUniform(shape=size(x), dtype=tf.float32, seed=87654321, seed2=12)
    keep = raw.GreaterEqual(x=u, y=const(np.float32(rate)))
    return raw.SelectV2(condition=keep, t=x * const(np.float32(1 / (1 - rate))), e=const(np.float32(0)))


for n, d in dict(tf1=dropout_v1, keras=dropout_v2).items():
    case(f"Pattern/dropout_{n}", d, f(4, 9), tol=SMOOTH)
    case(f"Pattern/dropout_{n}_open", d, f(4, 9), tol=SMOOTH, dyn="n")
    case(f"Pattern/dropout_{n}_layers", lambda x, d=d: d(tf.matmul(d(tf.nn.relu(tf.matmul(x, const(f(9, 12))))), const(f(12, 5)))),
         f(3, 9), tol=SUMS, dyn="n")  # fmt: skip
case("Pattern/dropout_keeps_all_open", lambda x: x / 1.0 * tf.floor(raw.RandomUniform(shape=size(x), dtype=tf.float32) + 1.0),
     f(3, 5), tol=SMOOTH, dyn="n")  # fmt: skip


def in_branch(x, y):
    """Drawn where it is wanted only."""
    draw = lambda: x * raw.RandomStandardNormal(shape=size(x), dtype=tf.float32, seed=7)  # noqa: E731
    return tf.cond(y, draw, lambda: x)


for n, p in dict(taken=True, left=False).items():
    case(f"Pattern/random_in_a_branch_{n}", in_branch, f(3, 5), np.array(p), tol=(1e-6, 1e-6, 0))
