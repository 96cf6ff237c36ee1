"""Operators that few networks have, in the form of ops.py's table."""

import numpy as np
import tensorflow as tf

from .generator import FLOATS, INTS, JUMP, KEEP, NUMBERS, ROUND, SIGNED
from .ops import ALL, ANY, OPS, SIGNED_NUMBERS, binary, linalg, move, raw, row, segments, sizes, tensor_scatter

F32, F64 = FLOATS[:1], FLOATS[:2]
WIDE = (tf.int32, tf.int64)

# -- Elementwise -------------------------------------------------------------------------------------------------
binary("MulNoNan", FLOATS, ROUND)
binary("Xlog1py", FLOATS, ROUND, 1, positive=True)
row("NextAfter", lambda g, x: (lambda x, y=g.array((), x.dtype): raw.NextAfter(x1=x, x2=y)), F64, JUMP, 0.5, special=False)
binary("Div", NUMBERS, JUMP, 0.5, positive=True)
binary("Mod", WIDE + F64, JUMP, 0.5, positive=True)
row("LogicalXor", lambda g, x: (lambda x, m=g.array(x.shape, tf.bool): tf.math.logical_xor(x, m)), (tf.bool,), KEEP, 1)
row("Select", lambda g, x: (lambda x, m=g.array(x.shape[:g.r.choice([1, len(x.shape)])], tf.bool), y=g.array(x.shape, x.dtype):
                            raw.Select(condition=m, x=x, y=y)), ANY, KEEP, 1, least_rank=1)
row("Bucketize", lambda g, x: (lambda x: raw.Bucketize(input=x, boundaries=[-2.0, 0.0, 0.5, 3.0])),
    F64 + WIDE, JUMP, 1, special=False)
row("L2Loss", lambda g, x: tf.nn.l2_loss, FLOATS, ROUND, 0.5)
row("BiasAdd", lambda g, x: (lambda x, b=g.array((x.shape[-1],), x.dtype): tf.nn.bias_add(x, b)), NUMBERS, ROUND, 1,
    least_rank=2)
row("BiasAddNCHW", lambda g, x: (lambda x, b=g.array((x.shape[1],), x.dtype): tf.nn.bias_add(x, b, "NCHW")), F64, ROUND, 1,
    least_rank=3)


def cross_entropy(g, x):
    labels = g.np.random((x.shape[0], x.shape[1])).astype("f").astype(x.dtype.as_numpy_dtype)
    k = g.r.randrange(2)
    return lambda x: raw.SoftmaxCrossEntropyWithLogits(features=x, labels=labels)[k]


def sparse_cross_entropy(g, x):
    if not x.shape[1]:
        return None
    labels, k = g.np.integers(0, x.shape[1], x.shape[0]).astype(g.r.choice(["i4", "i8"])), g.r.randrange(2)
    return lambda x: raw.SparseSoftmaxCrossEntropyWithLogits(features=x, labels=labels)[k]


row("SoftmaxCrossEntropy", cross_entropy, FLOATS, ROUND, 1, rank=2, special=False)
row("SparseSoftmaxCrossEntropy", sparse_cross_entropy, FLOATS, ROUND, 1, rank=2, special=False)


# -- Moves -------------------------------------------------------------------------------------------------------
def set_diag(g, x):
    low = g.r.randint(-2, 1)
    k = (low, g.r.randint(low, 2))
    n, m = x.shape[-2:]
    if not -n < k[0] <= k[1] < m:
        return None
    rows = [min(n + min(d, 0), m - max(d, 0)) for d in range(k[0], k[1] + 1)]
    d = g.array([*x.shape[:-2], *([len(rows)] if len(rows) > 1 else []), max(rows)], x.dtype)
    align = g.r.choice(["RIGHT_LEFT", "LEFT_RIGHT", "LEFT_LEFT", "RIGHT_RIGHT"])
    k = k if len(rows) > 1 else k[0]
    return lambda x: tf.linalg.set_diag(x, d, k=k, align=align)


def diag_part(g, x):
    low = g.r.randint(-2, 1)
    k, pad = (low, g.r.randint(low, 2)), g.array((), x.dtype)
    if not -x.shape[-2] < k[0] <= k[1] < x.shape[-1]:
        return None
    align = g.r.choice(["RIGHT_LEFT", "LEFT_RIGHT", "LEFT_LEFT", "RIGHT_RIGHT"])
    return lambda x: raw.MatrixDiagPartV3(input=x, k=k, padding_value=pad, align=align)


def diag(g, x):
    k, pad = g.r.randint(-2, 2), g.array((), x.dtype)
    return lambda x: raw.MatrixDiagV3(diagonal=x, k=k, num_rows=-1, num_cols=-1, padding_value=pad)


def strided_update(g, x):
    a, s = g.r.randint(0, x.shape[0]), g.r.randint(1, 2)
    u = g.array((len(range(a, x.shape[0], s)), *x.shape[1:]), x.dtype)
    return lambda x: tf.raw_ops.TensorStridedSliceUpdate(input=x, begin=[a], end=[0], strides=[s], value=u, end_mask=1)


def partition(g, x):
    rank = g.r.randint(1, min(len(x.shape), 2))
    index, n = g.np.integers(0, 3, x.shape[:rank]).astype("i4"), 3
    k = g.r.randrange(n)
    return lambda x: tf.dynamic_partition(x, index, n)[k]


def stitch(g, x):
    n = x.shape[0]
    order = g.np.permutation(2 * n).astype("i4")
    return lambda x: tf.dynamic_stitch([order[:n], order[n:]], [x, tf.reverse(x, [0])])


def patches(g, x):
    k, s, r = [g.r.randint(1, 3), g.r.randint(1, 3)], g.r.randint(1, 2), g.r.choice([1, 1, 2])
    pad = g.r.choice(["SAME", "VALID"])
    return lambda x: tf.image.extract_patches(x, [1, *k, 1], [1, s, s, 1], [1, r, r, 1], pad)


move("MatrixSetDiagV3", lambda g, x: set_diag(g, x) if len(x.shape) > 1 else None)
move("MatrixDiagPartV3", lambda g, x: diag_part(g, x) if len(x.shape) > 1 else None)
move("MatrixDiagV3", diag, 0.5)
move("Diag", lambda g, x: (lambda x: raw.Diag(diagonal=x)) if len(x.shape) < 3 and x.shape.num_elements() < 40 else None, 0.5,
     dtypes=F64 + WIDE)
move("TensorStridedSliceUpdate", strided_update, dtypes=ALL)
move("DynamicPartition", partition, 1, 1, ALL)
move("DynamicStitch", stitch, 1, 1, ALL)
move("ExtractImagePatches", patches, 1.5, 4, FLOATS + SIGNED)
move("InvertPermutation", lambda g, x: (lambda x: tf.math.invert_permutation(tf.argsort(tf.reshape(x, [-1]), stable=True))), 0.5, 1,
     (tf.int32,))
move("UnravelIndex", lambda g, x: (lambda x: tf.unravel_index(tf.reshape(tf.abs(x) % 24, [-1]), [2, 3, 4])), 0.5, 1, WIDE[:1])
move("Range", lambda g, x: (lambda x, d=g.r.choice([1, 2, 3]): tf.range(0, tf.minimum(tf.reduce_max(tf.abs(x)), 20), d))
     if x.shape.num_elements() else None, 0.7, 0, WIDE)
move("LinSpace", lambda g, x: (lambda x, n=g.r.randint(1, 7): raw.LinSpace(start=tf.cast(0.5, x.dtype), stop=tf.cast(2, x.dtype), num=n)),
     0.3, 0, F64)
move("ListDiff", lambda g, x: (lambda x, y=g.array((5,), x.dtype), k=g.r.randrange(2): raw.ListDiff(x=tf.reshape(x, [-1]), y=y)[k]), 0.7, 0,
     SIGNED[2:])
move("Unique of rows", lambda g, x: (lambda x, k=g.r.randrange(2): raw.UniqueV2(x=x, axis=[0])[k]) if x.shape.num_elements()
     else None, 0.7, 2, SIGNED[2:])
move("EnsureShape", lambda g, x: (lambda x, s=[n if g.r.random() < 0.5 else None for n in x.shape]: tf.ensure_shape(x, s)), 0.5, 0)
move("Cross", lambda g, x: (lambda x, y=g.array(x.shape, x.dtype): tf.linalg.cross(x, y)) if x.shape[-1] == 3 else None, 2, 1,
     SIGNED_NUMBERS)
move("Roll of two", lambda g, x: (lambda x, s=[g.r.randint(-4, 4) for _ in "ab"]: tf.roll(x, s, [0, 1])), 0.5, 2)
move("BatchToSpaceND", lambda g, x: (lambda x, b=g.r.choice([1, 2, 3]): tf.batch_to_space(x, [b], [[0, 0]]))
     if x.shape[0] % 6 == 0 else None, 1.5, 3)


# -- Segments and scattering -------------------------------------------------------------------------------------
segments("UnsortedSegmentMin", tf.math.unsorted_segment_min, NUMBERS, KEEP)
segments("UnsortedSegmentProd", tf.math.unsorted_segment_prod, NUMBERS, ROUND)
for name in ("Sub", "Max", "Min"):
    f = getattr(tf, f"tensor_scatter_nd_{name.lower()}")
    row("TensorScatter" + name, tensor_scatter(f), NUMBERS, ROUND if name == "Sub" else KEEP, 0.7, least_rank=1)


def sparse_segments(g, x):
    if not x.shape[0]:
        return None
    n = g.r.randint(0, 6)
    index, ids = g.np.integers(0, x.shape[0], n).astype("i4"), np.sort(g.np.integers(0, 4, n)).astype("i4")
    f = g.r.choice([tf.sparse.segment_sum, tf.sparse.segment_mean, tf.sparse.segment_sqrt_n])
    if g.r.random() < 0.5:
        return lambda x: f(x, index, ids, num_segments=5)
    return lambda x: f(x, index, ids)


def segment_other(g, x):
    ids = np.sort(g.np.integers(0, 5, x.shape[0])).astype(g.r.choice(["i4", "i8"]))
    f = g.r.choice([tf.math.segment_mean, tf.math.segment_prod])
    return lambda x: f(x, ids)


def duplicates(g, x):
    """Several updates of one row, in order."""
    if not x.shape[0]:
        return None
    n = g.r.randint(1, 6)
    index, updates = g.np.integers(0, x.shape[0], (n, 1)).astype("i4"), g.array((n, *x.shape[1:]), x.dtype)
    return lambda x: tf.tensor_scatter_nd_add(x, index, updates)


row("SparseSegment", sparse_segments, F64, ROUND, 1, least_rank=1, special=False)
row("SegmentMeanProd", segment_other, F64 + SIGNED, ROUND, 1, least_rank=1, special=False)
row("TensorScatterAdd of duplicates", duplicates, NUMBERS, ROUND, 0.7, least_rank=1)


# -- Sparse tensors, of constant places --------------------------------------------------------------------------
def places(g, shape, n):
    flat = np.sort(g.np.choice(int(np.prod(shape)), min(n, int(np.prod(shape))), replace=False))
    return np.stack(np.unravel_index(flat, shape), -1).astype("i8").reshape(-1, len(shape))


def sparse_product(g, x):
    k, m = x.shape[0], g.r.randint(1, 5)
    if not k:
        return None
    at = places(g, (m, k), g.r.randint(0, 8))
    values = g.array((len(at),), x.dtype)
    return lambda x: tf.sparse.sparse_dense_matmul(tf.SparseTensor(at, values, (m, k)), x)


def sparse_to_dense(g, x):
    n = x.shape[0]
    shape = (n + 1, 3)
    at, fill = places(g, shape, n), g.array((), x.dtype)
    return lambda x: raw.SparseToDense(sparse_indices=at, output_shape=shape, sparse_values=x, default_value=fill)


row("SparseTensorDenseMatMul", sparse_product, F64, ROUND, 1, rank=2, special=False)
row("SparseToDense", sparse_to_dense, ALL, KEEP, 1, rank=1)


# -- Images ------------------------------------------------------------------------------------------------------
def colours(f, pre=tf.sigmoid):
    """Of three channels between 0 and 1."""
    def make(g, x):
        a = g.r.uniform(-0.4, 0.9)
        return (lambda x: f(pre(x[..., :3]), a)) if x.shape[-1] >= 3 else None
    return make


row("AdjustContrast", colours(lambda x, a: tf.raw_ops.AdjustContrastv2(images=x, contrast_factor=1 + a)), F32, ROUND, 1,
    least_rank=3, special=False)
row("AdjustHue", colours(lambda x, a: tf.raw_ops.AdjustHue(images=x, delta=a)), F32, ROUND, 1, least_rank=3, special=False)
row("AdjustSaturation", colours(lambda x, a: tf.raw_ops.AdjustSaturation(images=x, scale=1 + a)), F32, ROUND, 1, least_rank=3,
    special=False)
row("RGBToHSV", colours(lambda x, a: tf.image.rgb_to_hsv(x)[..., 1:]), F64, ROUND, 1, least_rank=1, special=False)
row("HSVToRGB", colours(lambda x, a: tf.image.hsv_to_rgb(x)), F64, ROUND, 1, least_rank=1, special=False)


def crop(g, x):
    if not all(x.shape):
        return None
    n = g.r.randint(0, 3)
    low = g.np.uniform(-0.1, 0.4, (n, 2))
    box = np.concatenate([low, low + g.np.uniform(0.1, 0.7, (n, 2))], 1).astype("f")
    index, size = g.np.integers(0, x.shape[0], n).astype("i4"), [g.r.randint(1, 5), g.r.randint(1, 5)]
    method = g.r.choice(["bilinear", "nearest"])
    return lambda x: tf.image.crop_and_resize(x, box, index, size, method, extrapolation_value=0.7)


def scale_translate(g, x):
    size, scale, move_by = [g.r.randint(1, 9) for _ in "ab"], g.np.uniform(0.5, 1.7, 2).astype("f"), g.np.uniform(-2, 2, 2).astype("f")
    kernel, smooth = g.r.choice(["lanczos3", "lanczos5", "gaussian", "box", "triangle", "keyscubic", "mitchellcubic"]), g.r.random() < 0.5
    return lambda x: raw.ScaleAndTranslate(images=x, size=size, scale=scale, translation=move_by, kernel_type=kernel,
                                           antialias=smooth)


def projective(g, x):
    t = np.eye(3).ravel()[:8] + g.np.uniform(-0.1, 0.1, 8) * [1, 1, 20, 1, 1, 20, 0.01, 0.01]
    how, fill = g.r.choice(["NEAREST", "BILINEAR"]), g.r.choice(["CONSTANT", "REFLECT", "WRAP", "NEAREST"])
    return lambda x: raw.ImageProjectiveTransformV3(images=x, transforms=t[None].astype("f"), output_shape=[5, 6],
                                                    interpolation=how, fill_mode=fill, fill_value=0.3)


def dilation(g, x):
    w, s, r = g.weight(g.r.randint(1, 3), g.r.randint(1, 3), x.shape[3]), g.r.randint(1, 2), g.r.randint(1, 2)
    pad = g.r.choice(["SAME", "VALID"])
    return lambda x: raw.Dilation2D(input=x, filter=tf.cast(w, x.dtype), strides=[1, s, s, 1], rates=[1, r, r, 1], padding=pad)


def pool_argmax(g, x):
    k, s, pad, i = g.r.randint(1, 3), g.r.randint(1, 2), g.r.choice(["SAME", "VALID"]), g.r.randrange(2)
    batch = g.r.random() < 0.5
    return lambda x: tf.nn.max_pool_with_argmax(x, k, s, pad, include_batch_in_index=batch)[i]


row("CropAndResize", crop, F32 + (tf.uint8, tf.int32), ROUND, 1.5, rank=4, special=False)
row("ScaleAndTranslate", scale_translate, F32, ROUND, 1, rank=4, special=False)
row("ImageProjectiveTransformV3", projective, F32, JUMP, 1, rank=4, special=False)
row("Dilation2D", dilation, F64, ROUND, 1, rank=4, special=False)
row("MaxPoolWithArgmax", pool_argmax, F32, JUMP, 1, rank=4, special=False)


# -- Convolutions of other types and forms -----------------------------------------------------------------------
def conv_any(g, x):
    k, s, pad = [g.r.choice([1, 2, 3]) for _ in "ab"], g.r.choice([1, 1, 2]), g.r.choice(["SAME", "VALID"])
    w = g.array([*k, x.shape[-1], g.r.choice([1, 3, 8])], x.dtype)
    if x.dtype.is_floating:
        w = (w / np.asarray(max(np.prod(w.shape[:-1]), 1) ** 0.5)).astype(w.dtype)
    return lambda x: tf.nn.conv2d(x, w, s, pad)


def pool_any(g, x):
    k, s, pad = g.r.choice([1, 2, 3]), g.r.choice([1, 2]), g.r.choice(["SAME", "VALID"])
    f = g.r.choice([tf.nn.max_pool2d, tf.nn.avg_pool2d]) if x.dtype.is_floating else tf.nn.max_pool2d
    return lambda x: f(x, k, s, pad)


def conv3d_back(g, x):
    if not x.shape.num_elements():  # TensorFlow crashes
        return None
    k, s = [g.r.choice([1, 2, 3]) for _ in range(3)], g.r.choice([1, 2])
    w = g.weight(*k, g.r.choice([1, 3]), x.shape[-1])

    def step(x):
        n, *space, _ = sizes(x)
        return tf.nn.conv3d_transpose(x, tf.cast(w, x.dtype), tf.stack([n, *[d * s for d in space], w.shape[3]]), s, "SAME")
    return step


def depthwise_back(g, x):
    if not x.shape.num_elements():  # TensorFlow crashes
        return None
    k, s = [g.r.choice([1, 2, 3]) for _ in "ab"], g.r.choice([1, 2])
    w = g.weight(*k, x.shape[-1], 1)

    def step(x):
        n, h, wd, c = sizes(x)
        return raw.DepthwiseConv2dNativeBackpropInput(input_sizes=tf.stack([n, h * s, wd * s, c]), filter=tf.cast(w, x.dtype),
                                                      out_backprop=x, strides=[1, s, s, 1], padding="SAME")
    return step


def norm_half(g, x):
    c = x.shape[-1]
    scale, offset, mean, var = (g.np.uniform(0.6, 1.2, c).astype("f") for _ in range(4))
    return lambda x: raw.FusedBatchNormV3(x=x, scale=scale, offset=offset, mean=mean, variance=var, is_training=False)[0]


row("Conv2D of a type", conv_any, FLOATS + (tf.int32,), ROUND, 1.5, rank=4, special=False)
row("Pool of a type", pool_any, FLOATS + SIGNED, ROUND, 1.5, rank=4, special=False)
row("Conv3DBackpropInputV2", conv3d_back, F64, ROUND, 1, rank=5, special=False)
row("DepthwiseConv2dNativeBackpropInput", depthwise_back, F64, ROUND, 1, rank=4, special=False)
row("FusedBatchNormV3 of halves", norm_half, FLOATS[2:], ROUND, 1, rank=4, special=False)


# -- Linear algebra ----------------------------------------------------------------------------------------------
linalg("LogMatrixDeterminant", lambda x: tf.linalg.slogdet(x)[1])
linalg("SelfAdjointEigenvalues", tf.linalg.eigvalsh, 0.3)
linalg("SingularValues", lambda x: tf.linalg.svd(x, compute_uv=False), 0.3)
linalg("Lu", lambda x: tf.linalg.lu(x)[0], 0.3)
linalg("Qr", lambda x: tf.abs(tf.linalg.qr(x)[1]), 0.3)


# -- Fourier transforms, over dimensions of any size -------------------------------------------------------------
def fourier(fs):
    def make(g, x):
        f = g.r.choice(fs[:len(x.shape)])
        return (lambda x: f(x)) if all(x.shape[-len(fs):]) and x.shape.num_elements() < 3000 else None
    return make


SIGNAL = tf.signal
row("FFT", fourier([SIGNAL.fft, SIGNAL.fft2d, SIGNAL.fft3d]), (tf.complex64, tf.complex128), ROUND, 2, least_rank=1, special=False)
row("IFFT", fourier([SIGNAL.ifft, SIGNAL.ifft2d, SIGNAL.ifft3d]), (tf.complex64, tf.complex128), ROUND, 2, least_rank=1, special=False)
row("RFFT", fourier([SIGNAL.rfft, SIGNAL.rfft2d]), F64, ROUND, 1, least_rank=1, special=False)
row("IRFFT", lambda g, x: (lambda x, n=g.r.randint(1, 9): SIGNAL.irfft(x, [n])) if all(x.shape) else None, (tf.complex64,), ROUND, 2,
    least_rank=1, special=False)  # TensorFlow aborts for a length of 0


# -- Cells of recurrent networks ---------------------------------------------------------------------------------
def gru_cell(g, x):
    n, c = x.shape
    h = g.r.choice([1, 3, 8, 17])
    state, w, w2 = g.weight(n, h, scale=0.5), g.weight(c + h, 2 * h), g.weight(c + h, h)
    b, b2, k = g.weight(2 * h, scale=0.3), g.weight(h, scale=0.3), g.r.randrange(4)
    return lambda x: raw.GRUBlockCell(x=x, h_prev=state, w_ru=w, w_c=w2, b_ru=b, b_c=b2)[k]


def lstm_block(g, x):
    """[time, batch, features]"""
    t, n, c = x.shape
    h = g.r.choice([1, 3, 8])
    state, w, b, k = g.weight(n, h, scale=0.5), g.weight(c + h, 4 * h), g.weight(4 * h, scale=0.3), g.r.randrange(7)
    peep = [g.weight(h, scale=0.3) for _ in range(3)]
    length, use = g.r.randint(0, t), g.r.random() < 0.4

    def step(x):
        most = tf.shape(x, tf.int64)[0]
        if k in (1, 6):  # the others hold anything after the end
            most = tf.minimum(tf.constant(length, tf.int64), most)
        return raw.BlockLSTMV2(seq_len_max=most, x=x, cs_prev=state, h_prev=state, w=w, wci=peep[0], wcf=peep[1], wco=peep[2], b=b,
                               use_peephole=use)[k]
    return step


row("GRUBlockCell", gru_cell, F32, ROUND, 1.5, rank=2, special=False)
row("BlockLSTMV2", lstm_block, F32, ROUND, 1.5, rank=3, special=False)


# -- Boxes, counts -----------------------------------------------------------------------------------------------
def boxes_soft(g, x):
    n, k = x.shape[0], g.r.randrange(3)
    box = np.sort(g.np.random((n, 2, 2)), 1).reshape(n, 4).astype("f")
    return lambda x: raw.NonMaxSuppressionV5(boxes=box, scores=x, max_output_size=6, iou_threshold=0.5, score_threshold=-0.5,
                                             soft_nms_sigma=0.0, pad_to_max_output_size=True)[k]


row("NonMaxSuppressionV5", boxes_soft, F32, JUMP, 1.5, rank=1, special=False)
row("DenseBincount", lambda g, x: (lambda x, b=g.r.random() < 0.5: raw.DenseBincount(input=tf.abs(x), size=8, weights=np.zeros(0, "f"),
                                                                                   binary_output=b)), WIDE, JUMP, 1, least_rank=1)
for name in ("LowerBound", "UpperBound"):
    row(name, lambda g, x, f=getattr(raw, name): (
        lambda x, s=np.sort(g.array((x.shape[0], 6), x.dtype)): f(sorted_inputs=s, values=x)), F64 + WIDE, JUMP, 0.7, rank=2,
        special=False)


# -- Quantised numbers -------------------------------------------------------------------------------------------
def fake_quant(g, x):
    n = x.shape[-1]
    low, high = -g.np.uniform(0.5, 3, n).astype("f"), g.np.uniform(0.5, 3, n).astype("f")
    bits, narrow = g.r.choice([8, 4, 2, 16]), g.r.random() < 0.5
    if g.r.random() < 0.5 or not n:
        return lambda x: tf.quantization.fake_quant_with_min_max_vars(x, -2.1, 1.9, bits, narrow)
    return lambda x: tf.quantization.fake_quant_with_min_max_vars_per_channel(x, low, high, bits, narrow)


def quantise_dequantise(g, x):
    signed, narrow = g.r.random() < 0.6, g.r.random() < 0.4
    bits, mode = g.r.choice([8, 4]), g.r.choice(["HALF_TO_EVEN", "HALF_UP"])
    given = g.r.random() < 0.6
    return lambda x: tf.quantization.quantize_and_dequantize_v2(x, -1.9, 2.3, signed_input=signed, num_bits=bits, range_given=given,
                                                                round_mode=mode, narrow_range=narrow)


def quantised(x, t=tf.quint8):
    return tf.quantization.quantize(x, -3.0, 3.0, t, mode="MIN_FIRST")


def dequantised(y, low, high):
    return tf.quantization.dequantize(y, low, high, mode="MIN_FIRST")


def quantised_conv(g, x):
    if not x.shape.num_elements() or min(x.shape[1:3]) < 3:  # TensorFlow aborts
        return None
    w, s, pad = g.weight(g.r.randint(1, 3), g.r.randint(1, 3), x.shape[3], g.r.choice([1, 3, 8])), g.r.choice([1, 2]), g.r.choice(["SAME", "VALID"])
    relu = g.r.random() < 0.5

    def step(x):
        a, q = quantised(x), quantised(tf.constant(w))
        y = raw.QuantizedConv2D(input=a.output, filter=q.output, min_input=a.output_min, max_input=a.output_max,
                                min_filter=q.output_min, max_filter=q.output_max, strides=[1, s, s, 1], padding=pad)
        r = raw.RequantizationRange(input=y.output, input_min=y.min_output, input_max=y.max_output)
        y = raw.Requantize(input=y.output, input_min=y.min_output, input_max=y.max_output, requested_output_min=r.output_min,
                           requested_output_max=r.output_max, out_type=tf.quint8)
        if relu:
            y = raw.QuantizedRelu(features=y.output, min_features=y.output_min, max_features=y.output_max)
        return dequantised(*y)
    return step


def quantised_product(g, x):
    if not x.shape.num_elements():
        return None
    w = g.weight(x.shape[1], g.r.choice([1, 3, 8]))

    def step(x):
        a, q = quantised(x), quantised(tf.constant(w))
        y = raw.QuantizedMatMul(a=a.output, b=q.output, min_a=a.output_min, max_a=a.output_max, min_b=q.output_min, max_b=q.output_max)
        y = raw.Requantize(input=y.out, input_min=y.min_out, input_max=y.max_out, requested_output_min=-2.0,
                           requested_output_max=2.0, out_type=tf.quint8)
        return dequantised(*y)
    return step


row("FakeQuantVars", fake_quant, F32, JUMP, 1, least_rank=1, special=False)
row("QuantizeAndDequantize", quantise_dequantise, F64, JUMP, 1, special=False)
row("QuantizedConv2D", quantised_conv, F32, JUMP, 1.5, rank=4, special=False)
row("QuantizedMatMul", quantised_product, F32, JUMP, 1.5, rank=2, special=False)
