"""Quantised operations. Quantised tensors come and go as plain integers, through Bitcast."""

import numpy as np
import tensorflow as tf
from golden import case, const, f, i, node, raw

Q = {np.int8: tf.qint8, np.uint8: tf.quint8, np.int16: tf.qint16, np.uint16: tf.quint16, np.int32: tf.qint32}
PLAIN = {q: p for p, q in Q.items()}
F = np.float32
LAST = (1e-6, 1e-7, 0)  # the last bit of a float
# One step where two ways to compute in f32 fall on different sides of a half.


def quantised(x):
    return tf.bitcast(x, Q[x.dtype.as_numpy_dtype])


def plain(t):
    return tf.bitcast(t, PLAIN[t.dtype]) if t.dtype in PLAIN else t


def out(values):
    return [plain(v) for v in (values if isinstance(values, (list, tuple)) else [values])]


def numbers(dtype, *shape, lo=None, hi=None):
    info = np.iinfo(dtype)
    return i(*shape, lo=info.min if lo is None else lo, hi=(info.max if hi is None else hi) - 1, dtype=dtype)


X = np.array([-100, -6.5, -6, -3.1, -1.5, -1, -0.5, -0.02, 0, 0.01, 0.25, 0.5, 0.75, 1, 1.49, 2.51, 3, 5.999, 6, 70], F)

# -- FakeQuant -------------------------------------------------------------------------------------------------
for name, kw in {
    "default": {}, "range": dict(min=-1.3, max=2.7), "bits4": dict(num_bits=4), "bits2": dict(num_bits=2, min=-1, max=2),
    "bits16": dict(num_bits=16), "narrow": dict(narrow_range=True), "narrow3": dict(num_bits=3, narrow_range=True),
    "positive": dict(min=0, max=6), "negative": dict(min=-6, max=0), "off_zero": dict(min=1, max=3),
    "below_zero": dict(min=-3, max=-1),
}.items():  # fmt: skip
    case(f"FakeQuantWithMinMaxArgs/{name}", lambda x, kw=kw: raw.FakeQuantWithMinMaxArgs(inputs=x, **kw), X, tol=LAST)
    if name == "default":
        continue
    pair = F([kw.get("min", -6), kw.get("max", 6)])
    attrs = {k: v for k, v in kw.items() if k not in ("min", "max")}
    case(f"FakeQuantWithMinMaxVars/{name}", lambda x, lo, hi, attrs=attrs:
         raw.FakeQuantWithMinMaxVars(inputs=x, min=lo, max=hi, **attrs), X, pair[0], pair[1], tol=LAST)  # fmt: skip
case("FakeQuantWithMinMaxVars/constants", lambda x: raw.FakeQuantWithMinMaxVars(
    inputs=x, min=const(F(-1)), max=const(F(1.5))), X, tol=LAST)  # fmt: skip
case("FakeQuantWithMinMaxVars/zeros", lambda x, lo, hi: raw.FakeQuantWithMinMaxVars(inputs=x, min=lo, max=hi), X,
     F(0), F(0))  # fmt: skip
case("FakeQuantWithMinMaxVars/open", lambda x: raw.FakeQuantWithMinMaxVars(
    inputs=x, min=const(F(-1)), max=const(F(1.5))), f(3, 4), tol=LAST, dyn="all")  # fmt: skip
for name, kw in {"default": {}, "bits4": dict(num_bits=4), "narrow": dict(narrow_range=True)}.items():
    case(f"FakeQuantWithMinMaxVarsPerChannel/{name}", lambda x, lo, hi, kw=kw: raw.FakeQuantWithMinMaxVarsPerChannel(
        inputs=x, min=lo, max=hi, **kw), X.reshape(4, 5), F([-1, 0, -3, 0, 0.5]), F([1, 6, 0.5, 0, 2]),
        tol=LAST)  # fmt: skip
case("FakeQuantWithMinMaxVarsPerChannel/rank1", lambda x, lo, hi: raw.FakeQuantWithMinMaxVarsPerChannel(
    inputs=x, min=lo, max=hi), F([0.3, -7]), F([-1, -2]), F([1, 2]), tol=LAST)  # fmt: skip
case("FakeQuantWithMinMaxVarsPerChannel/rank4", lambda x, lo, hi: raw.FakeQuantWithMinMaxVarsPerChannel(
    inputs=x, min=lo, max=hi), f(1, 2, 2, 2), F([-1, -2]), F([1, 2]), tol=LAST)  # fmt: skip

# -- QuantizeAndDequantize ----------------------------------------------------------------------------------------
QDQ = {
    "default": {}, "given": dict(range_given=True), "unsigned": dict(signed_input=False),
    "unsigned_given": dict(signed_input=False, range_given=True), "narrow": dict(narrow_range=True, range_given=True),
    "bits4": dict(num_bits=4, range_given=True),
}  # fmt: skip
ROUND = {"half_up": dict(round_mode="HALF_UP", range_given=True), "half_up_open": dict(round_mode="HALF_UP")}
for name, kw in {**QDQ, **ROUND}.items():
    for version in ("V2", "V4"):
        case(f"QuantizeAndDequantize{version}/{name}", lambda x, lo, hi, kw=kw, version=version: getattr(
            raw, "QuantizeAndDequantize" + version)(input=x, input_min=lo, input_max=hi, **kw),
            X[2:-1], F(-2), F(3.5), tol=LAST)  # fmt: skip
    kw = {k: v for k, v in kw.items() if k != "round_mode"}
    bits = kw.pop("num_bits", 8)
    case(f"QuantizeAndDequantizeV3/{name}", lambda x, lo, hi, kw=kw, bits=bits: raw.QuantizeAndDequantizeV3(
        input=x, input_min=lo, input_max=hi, num_bits=const(np.int32(bits)), **kw), X[2:-1], F(-2), F(3.5),
        tol=LAST)  # fmt: skip
case("QuantizeAndDequantizeV2/f64", lambda x, lo, hi: raw.QuantizeAndDequantizeV2(
    input=x, input_min=lo, input_max=hi, range_given=True), X.astype("d"), np.float64(-2), np.float64(3.5),
    tol=(1e-14, 1e-15, 0))  # fmt: skip
# TensorFlow has no kernel for an axis with a range given.
AXIS = (f(2, 3, 4), F([-1, -2, 0]), F([1, 0.5, 3]))
for version in ("V2", "V4"):
    op = getattr(raw, "QuantizeAndDequantize" + version)
    case(f"QuantizeAndDequantize{version}/axis", lambda x, lo, hi, op=op: op(
        input=x, input_min=lo, input_max=hi, axis=1), *AXIS, tol=LAST)  # fmt: skip
    case(f"QuantizeAndDequantize{version}/axis_given", lambda x, lo, hi, op=op: op(
        input=x, input_min=lo, input_max=hi, range_given=True, axis=1), *AXIS, tol=LAST,
        oracle=lambda x, lo, hi: tf.stack([raw.QuantizeAndDequantizeV2(
            input=x[:, k], input_min=lo[k], input_max=hi[k], range_given=True) for k in range(3)], axis=1))  # fmt: skip


def first_version(graph):
    n = node(graph, "QuantizeAndDequantizeV2")
    n.op = "QuantizeAndDequantize"
    del n.input[1:]
    n.attr["input_min"].f = -2
    n.attr["input_max"].f = 3.5
    graph.versions.producer = 20


case("QuantizeAndDequantize/given", lambda x: raw.QuantizeAndDequantizeV2(
    input=x, input_min=F(-2), input_max=F(3.5), range_given=True), X, tol=LAST, edit=first_version,
    oracle=lambda x: raw.QuantizeAndDequantizeV2(input=x, input_min=F(-2), input_max=F(3.5), range_given=True))  # fmt: skip

# -- QuantizeV2, Dequantize ---------------------------------------------------------------------------------------
for t in Q.values():
    wide = t in (tf.qint32,)
    for mode in ("MIN_COMBINED", "MIN_FIRST", "SCALED"):
        name = f"{mode.lower()}_{t.name}"
        data = X[3:-1]
        case(f"QuantizeV2/{name}", lambda x, lo, hi, t=t, mode=mode: out(raw.QuantizeV2(
            input=x, min_range=lo, max_range=hi, T=t, mode=mode)), data, F(-2), F(3.5), tol=LAST)  # fmt: skip
        case(f"Dequantize/{name}", lambda x, lo, hi, mode=mode: raw.Dequantize(
            input=quantised(x), min_range=lo, max_range=hi, mode=mode), numbers(PLAIN[t], 12), F(-2), F(3.5),
            tol=LAST)  # fmt: skip
for t in (tf.qint8, tf.quint8, tf.qint16):
    case(f"QuantizeV2/even_{t.name}", lambda x, lo, hi, t=t: out(raw.QuantizeV2(
        input=x, min_range=lo, max_range=hi, T=t, mode="SCALED", round_mode="HALF_TO_EVEN")), X[2:-1], F(-2),
        F(3.5), tol=LAST)  # fmt: skip
    for mode in ("SCALED", "MIN_COMBINED"):
        case(f"QuantizeV2/axis_{mode.lower()}_{t.name}", lambda x, lo, hi, t=t, mode=mode: out(raw.QuantizeV2(
            input=x, min_range=lo, max_range=hi, T=t, mode=mode, axis=1)), f(2, 3, 2), F([-1, -2, 0]),
            F([1, 0.5, 3]), tol=LAST)  # fmt: skip
        case(f"Dequantize/axis_{mode.lower()}_{t.name}", lambda x, lo, hi, mode=mode: raw.Dequantize(
            input=quantised(x), min_range=lo, max_range=hi, mode=mode, axis=1), numbers(PLAIN[t], 2, 3, 2),
            F([-1, -2, 0]), F([1, 0.5, 3]), tol=LAST)  # fmt: skip
    case(f"QuantizeV2/narrow_{t.name}", lambda x, lo, hi, t=t: out(raw.QuantizeV2(
        input=x, min_range=lo, max_range=hi, T=t, mode="SCALED", narrow_range=True)), X[2:-1], F(-3.5), F(2),
        tol=LAST)  # fmt: skip
    case(f"Dequantize/narrow_{t.name}", lambda x, lo, hi: raw.Dequantize(
        input=quantised(x), min_range=lo, max_range=hi, mode="SCALED", narrow_range=True), numbers(PLAIN[t], 9),
        F(-3.5), F(2), tol=LAST)  # fmt: skip
    case(f"Dequantize/bf16_{t.name}", lambda x, lo, hi: tf.cast(raw.Dequantize(
        input=quantised(x), min_range=lo, max_range=hi, dtype=tf.bfloat16), tf.float32), numbers(PLAIN[t], 9), F(-3.5),
        F(2))  # fmt: skip
case("QuantizeV2/tight_range", lambda x, lo, hi: out(raw.QuantizeV2(
    input=x, min_range=lo, max_range=hi, T=tf.quint8)), X, F(1), F(1), tol=LAST)  # fmt: skip
case("QuantizeV2/ensured", lambda x, lo, hi: out(raw.QuantizeV2(
    input=x, min_range=lo, max_range=hi, T=tf.quint8, ensure_minimum_range=0.5)), X, F(-0.1), F(0.1), tol=LAST)  # fmt: skip

# -- Ranges -------------------------------------------------------------------------------------------------------
BIG = numbers(np.int32, 3, 5, lo=-4000000, hi=3000000)
for t in (tf.qint8, tf.quint8):
    case(f"Requantize/{t.name}", lambda x, a, b, c, d, t=t: out(raw.Requantize(
        input=quantised(x), input_min=a, input_max=b, requested_output_min=c, requested_output_max=d, out_type=t)),
        BIG, F(-100), F(100), F(-0.2), F(0.15))  # fmt: skip
    case(f"RequantizePerChannel/{t.name}", lambda x, a, b, c, d, t=t: out(raw.RequantizePerChannel(
        input=quantised(x), input_min=a, input_max=b, requested_output_min=c, requested_output_max=d, out_type=t)),
        numbers(np.int32, 1, 2, 3, 2, lo=-4000000, hi=3000000), F([-100, -50]), F([90, 60]), F(-0.2), F(0.15))  # fmt: skip
case("Requantize/wide", lambda x, a, b, c, d: out(raw.Requantize(
    input=quantised(x), input_min=a, input_max=b, requested_output_min=c, requested_output_max=d,
    out_type=tf.quint8)), numbers(np.int32, 20), F(-1.5), F(2), F(-1), F(1.25))  # fmt: skip
case("RequantizationRange/some", lambda x, a, b: out(raw.RequantizationRange(
    input=quantised(x), input_min=a, input_max=b)), BIG, F(-100), F(100), tol=LAST)  # fmt: skip
case("RequantizationRange/positive", lambda x, a, b: out(raw.RequantizationRange(
    input=quantised(x), input_min=a, input_max=b)), numbers(np.int32, 5, lo=3000, hi=9999999), F(-100), F(100),
    tol=LAST)  # fmt: skip
case("QuantizeDownAndShrinkRange/some", lambda x, a, b: out(raw.QuantizeDownAndShrinkRange(
    input=quantised(x), input_min=a, input_max=b, out_type=tf.quint8)), BIG, F(-100), F(100), tol=LAST)  # fmt: skip
for name, lo, clip in (("signed", -4000000, 1e9), ("positive", 5, 1e9), ("clipped", -4000000, 0.05)):
    case(f"RequantizationRangePerChannel/{name}", lambda x, a, b, clip=clip: out(raw.RequantizationRangePerChannel(
        input=quantised(x), input_min=a, input_max=b, clip_value_max=clip)),
        numbers(np.int32, 1, 2, 3, 2, lo=lo, hi=3000000), F([-100, -50]), F([90, 60]), tol=LAST)  # fmt: skip

# -- Arithmetic ---------------------------------------------------------------------------------------------------
RANGES = dict(zero=(F(0), F(2), F(-1), F(1)), both=(F(-1), F(2), F(-0.5), F(1.5)))
U8 = lambda *shape: numbers(np.uint8, *shape)  # noqa: E731
for name, (a, b, c, d) in RANGES.items():
    for padding in ("SAME", "VALID"):
        for s in (1, 2):
            case(f"QuantizedConv2D/{name}_{padding.lower()}_{s}", lambda x, w, a=a, b=b, c=c, d=d, p=padding, s=s: out(
                raw.QuantizedConv2D(input=quantised(x), filter=quantised(w), min_input=a, max_input=b, min_filter=c,
                                    max_filter=d, strides=[1, s, s, 1], padding=p)),
                U8(1, 6, 5, 2), U8(3, 2, 2, 3), tol=LAST)  # fmt: skip
    for ta in (False, True):
        case(f"QuantizedMatMul/{name}_{ta}", lambda x, y, a=a, b=b, c=c, d=d, ta=ta: out(raw.QuantizedMatMul(
            a=quantised(x), b=quantised(y), min_a=a, max_a=b, min_b=c, max_b=d, transpose_a=ta, transpose_b=ta)),
            U8(*((7, 3) if ta else (3, 7))), U8(*((5, 7) if ta else (7, 5))), tol=LAST)  # fmt: skip
    for op in ("Mul", "Add"):
        for shape in ((2, 5), (5,), ()):
            case(f"Quantized{op}/{name}_{len(shape)}", lambda x, y, a=a, b=b, c=c, d=d, op=op: out(
                getattr(raw, "Quantized" + op)(x=quantised(x), y=quantised(y), min_x=a, max_x=b, min_y=c, max_y=d)),
                U8(2, 5), U8(*shape), tol=LAST)  # fmt: skip
    for t in (np.uint8, np.int8):
        case(f"QuantizedBiasAdd/{name}_{t.__name__}", lambda x, y, a=a, b=b, c=c, d=d: out(raw.QuantizedBiasAdd(
            input=quantised(x), bias=quantised(y), min_input=a, max_input=b, min_bias=c, max_bias=d,
            out_type=tf.qint32)), numbers(t, 2, 3, 4), numbers(t, 4), tol=LAST)  # fmt: skip
for slack in (7, 9, 10):
    for padding in ("SAME", "VALID"):
        case(f"QuantizedConv2D/middle_{padding.lower()}_{slack}", lambda x, w, p=padding: out(raw.QuantizedConv2D(
            input=quantised(x), filter=quantised(w), min_input=F(0), max_input=F(1), min_filter=F(-1), max_filter=F(1),
            strides=[1, 4, 4, 1], padding=p)), U8(1, slack, 6, 1), U8(2, 1, 1, 2), tol=LAST)  # fmt: skip
for t in (np.uint8, np.int32):
    kw = dict(lo=-(1 << 30), hi=1 << 30) if t == np.int32 else {}
    for op in ("Relu", "Relu6"):
        case(f"Quantized{op}/{t.__name__}", lambda x, a, b, op=op, t=t: out(getattr(raw, "Quantized" + op)(
            features=quantised(x), min_features=a, max_features=b, out_type=Q[t])), numbers(t, 3, 7, **kw), F(-3),
            F(12))  # fmt: skip
    case(f"QuantizedReluX/{t.__name__}", lambda x, a, b, t=t: out(raw.QuantizedReluX(
        features=quantised(x), max_value=F(6), min_features=a, max_features=b, out_type=Q[t])),
        numbers(t, 3, 7, **kw), F(-3), F(12), oracle=lambda x, a, b, t=t: out(raw.QuantizedRelu6(
            features=quantised(x), min_features=a, max_features=b, out_type=Q[t])))  # fmt: skip
    case(f"QuantizedReshape/{t.__name__}", lambda x, a, b: out(raw.QuantizedReshape(
        tensor=quantised(x), shape=const(np.int32([3, -1])), input_min=a, input_max=b)), numbers(t, 2, 6), F(-3),
        F(12))  # fmt: skip
    case(f"QuantizedConcat/{t.__name__}", lambda x, y, z: out(raw.QuantizedConcat(
        concat_dim=const(np.int32(1)), values=[quantised(x), quantised(y), quantised(z)],
        input_mins=[F(-1), F(0), F(-1)], input_maxes=[F(1), F(2), F(2)])), numbers(t, 2, 3, **kw), numbers(t, 2, 1, **kw),
        numbers(t, 2, 4, **kw), tol=LAST)  # fmt: skip
    for name, kw2 in dict(plain={}, corners=dict(align_corners=True), half=dict(half_pixel_centers=True)).items():
        for size in ((7, 9), (2, 3), (4, 5)):
            case(f"QuantizedResizeBilinear/{name}_{t.__name__}_{size[0]}", lambda x, a, b, kw2=kw2, size=size: out(
                raw.QuantizedResizeBilinear(images=quantised(x), size=const(np.int32(size)), min=a, max=b, **kw2)),
                numbers(t, 1, 4, 5, 2, **kw), F(-1), F(2))  # fmt: skip
for t in (np.uint8, np.int8):
    for padding in ("SAME", "VALID"):
        for op in ("MaxPool", "AvgPool"):
            case(f"Quantized{op}/{padding.lower()}_{t.__name__}", lambda x, a, b, op=op, p=padding: out(
                getattr(raw, "Quantized" + op)(input=quantised(x), min_input=a, max_input=b, ksize=[1, 3, 2, 1],
                                               strides=[1, 2, 2, 1], padding=p)),
                numbers(t, 1, 6, 5, 3), F(-1), F(2))  # fmt: skip
for name, kw in dict(plain={}, given=dict(output_range_given=True, given_y_min=-1.5, given_y_max=2),
                     apart=dict(min_separation=100.0)).items():  # fmt: skip
    case(f"QuantizedInstanceNorm/{name}", lambda x, a, b, kw=kw: out(raw.QuantizedInstanceNorm(
        x=quantised(x), x_min=a, x_max=b, **kw)), U8(2, 3, 4, 2), F(-1), F(2), tol=LAST)  # fmt: skip
case("QuantizedMatMul/chain", lambda x, y, z: out(raw.QuantizeDownAndShrinkRange(**dict(zip(
    ("input", "input_min", "input_max"), raw.QuantizedMatMul(
        a=raw.QuantizeV2(input=x, min_range=F(-2), max_range=F(2), T=tf.quint8, mode="MIN_FIRST")[0],
        b=quantised(y), min_a=F(-2), max_a=F(2), min_b=z, max_b=F(1)))), out_type=tf.quint8)), f(3, 7), U8(7, 5),
    F(-1), tol=LAST)  # fmt: skip
for t, q in Q.items():
    case(f"Const/{q.name}", lambda x, t=t, q=q: [tf.bitcast(tf.bitcast(const(np.array([1, 2, 77], t)), q), t), raw.Neg(x=x)],
         f(2))  # fmt: skip

# -- Fused forms: TensorFlow has them through oneDNN only, so a model in floating point answers ----------------------
INT = dict(quint8=np.uint8, qint8=np.int8, qint32=np.int32)


def model(x, w, bias, rx, rw, conv=None, mode="SCALED", relu=False, to=None, ro=None, summand=None):
    """rx, rw, ro: ranges as numbers. Tensors of plain integers in, the result and its range out."""
    size = max(abs(rx[0]), abs(rx[1])) if mode == "SCALED" else rx[1] - rx[0]
    weight = np.maximum(np.abs(rw[0]), np.abs(rw[1])).astype("d")
    scale = 255 * 127 / (size * weight)
    y = conv(tf.cast(x, tf.float64), tf.cast(w, tf.float64))
    if bias is not None:
        y += tf.cast(bias, tf.float64) * (scale if bias.dtype == tf.float32 else 1)
    if mode == "MIN_FIRST":
        y += tf.reduce_sum(tf.cast(w, tf.float64), 0) * 255 * rx[0] / (rx[1] - rx[0])
    if summand is not None:
        y += tf.cast(summand, tf.float64) * 4 / (255 if summand.dtype == tf.uint8 else 127) * scale
    y = tf.nn.relu(y) if relu else y
    if to:
        top = 255 if to == np.uint8 else 127
        y = y / scale * top / max(abs(ro[0]), abs(ro[1]))
        return [tf.cast(tf.clip_by_value(tf.round(y), -128 if to == np.int8 else 0, top), to), tf.constant(F(ro[0])),
                tf.constant(F(ro[1]))]  # fmt: skip
    level = (rx[1] - rx[0]) / 255 * (np.asarray(rw[1], "d") - np.asarray(rw[0], "d")) / 254 * 2.0**31
    return [tf.cast(tf.round(y), tf.int32), tf.constant(F(-level)), tf.constant(F(level))]


RW, RO = (-1, 0.8), (0, 5)
CONV = lambda x, w: tf.nn.conv2d(x, w, 1, "SAME")  # noqa: E731
DEEP = lambda x, w: tf.nn.depthwise_conv2d(x, w, [1, 1, 1, 1], "SAME")  # noqa: E731
I8 = lambda *shape: numbers(np.int8, *shape)  # noqa: E731


def fused(op, name, data, weights, biases, conv, rx=(0, 2), rw=RW, to=None, ro=None, summand=None, matrix=False, **kw):
    bias = "WithBias" in op

    def build(x, w, *more):
        more = list(more)
        args = dict(bias=more.pop(0)) if bias else {}
        if bias and args["bias"].dtype == tf.int32:
            args["bias"] = quantised(args["bias"])
        names = ("a", "b", "min_a", "max_a", "min_b", "max_b") if matrix else (
            "input", "filter", "min_input", "max_input", "min_filter", "max_filter")  # fmt: skip
        values = (quantised(x), quantised(w), F(rx[0]), F(rx[1]), F(rw[0]), F(rw[1]))
        args.update(zip(names, values))
        if to:
            args.update(min_freezed_output=F(ro[0]), max_freezed_output=F(ro[1]))
        if summand is not None:
            args.update(summand=quantised(more.pop(0)), min_summand=F(0 if "Signed" not in op else -4), max_summand=F(4))
        if matrix:
            args["input_quant_mode"] = kw.get("mode", "MIN_FIRST")
        else:
            args.update(strides=[1, 1, 1, 1], padding="SAME")
        if to and not matrix:
            args["out_type"] = Q[to]
        if to and matrix:
            args["Toutput"] = Q[to]
        return out(getattr(raw, op)(**args))

    def answer(x, w, *more):
        more = list(more)
        b = more.pop(0) if bias else None
        return model(x, w, b, rx, rw, conv, kw.get("mode", "MIN_FIRST" if matrix else "SCALED"), "Relu" in op, to, ro,
                     more.pop(0) if summand is not None else None)

    inputs = [data, weights, *([biases] if bias else []), *([summand] if summand is not None else [])]
    case(f"{op}/{name}", build, *inputs, tol=LAST, oracle=answer)


W = I8(3, 3, 2, 3)
# In steps that no half comes of.
B = F([1.01, -2.03, 0.517])
for op, kw in {
    "AndRelu": {}, "AndRequantize": dict(to=np.int8, ro=(-3, 5)), "AndReluAndRequantize": dict(to=np.uint8, ro=RO),
    "WithBias": {}, "WithBiasAndRelu": {}, "WithBiasAndRequantize": dict(to=np.int8, ro=(-3, 5)),
    "WithBiasAndReluAndRequantize": dict(to=np.uint8, ro=RO),
    "WithBiasSumAndReluAndRequantize": dict(to=np.uint8, ro=RO, summand=U8(1, 4, 5, 3)),
    "WithBiasSignedSumAndReluAndRequantize": dict(to=np.uint8, ro=RO, summand=I8(1, 4, 5, 3)),
}.items():  # fmt: skip
    fused("QuantizedConv2D" + op, "plain", U8(1, 4, 5, 2), W, B, CONV, **kw)
fused("QuantizedConv2DWithBias", "per_channel", U8(1, 4, 5, 2), W, B, CONV, rw=([-1, -0.5, -0.25], [0.8, 0.5, 0.3]))
fused("QuantizedConv2DWithBiasAndReluAndRequantize", "i32_bias", U8(1, 4, 5, 2), W, i(3, lo=-9000, hi=9000), CONV,
      to=np.uint8, ro=RO)  # fmt: skip
for op, kw in {"": {}, "WithBias": {}, "WithBiasAndRelu": {},
               "WithBiasAndReluAndRequantize": dict(to=np.uint8, ro=RO)}.items():  # fmt: skip
    fused("QuantizedDepthwiseConv2D" + op, "plain", U8(1, 4, 5, 3), I8(3, 3, 3, 1), B, DEEP, **kw)
fused("QuantizedConv2D", "symmetric", U8(1, 4, 5, 2), W, None, CONV)
fused("QuantizedConv2DPerChannel", "plain", U8(1, 4, 5, 2), W, None, CONV, rw=([-1, -0.5, -0.25], [0.8, 0.5, 0.3]))
for op, kw in {"WithBias": {}, "WithBiasAndRelu": {}, "WithBiasAndReluAndRequantize": dict(to=np.uint8, ro=RO),
               "WithBiasAndRequantize": dict(to=np.uint8, ro=RO)}.items():  # fmt: skip
    for mode in ("MIN_FIRST", "SCALED"):
        for lo in (0, -0.5):
            fused("QuantizedMatMul" + op, f"{mode.lower()}_{lo}", U8(4, 7), I8(7, 3), B, tf.matmul, rx=(lo, 2),
                  matrix=True, mode=mode, **kw)  # fmt: skip
