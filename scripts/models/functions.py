"""TensorFlow's functions, a family per model."""

import tensorflow as tf

from models.model import model


def functions(name, inputs, run, **options):
    def make(**_):
        return run

    make.__name__ = name
    model(inputs, **options)(make)


def small(x):  # to (-1, 1)
    return tf.tanh(x)


M, A, S = tf.math, tf.linalg, tf.signal
functions("math_unary", "x: f n t", lambda x: [f(x) for f in (
    M.abs, M.asinh, M.atan, M.ceil, M.cos, M.cosh, M.erf, M.erfc, M.exp, M.expm1, M.floor, M.is_finite, M.is_inf, M.is_nan, M.negative, M.rint, M.round,
    M.sigmoid, M.sign, M.sin, M.sinh, M.softplus, M.softsign, M.square, M.tan, M.tanh, M.log_sigmoid, M.ndtri, tf.nn.relu, tf.nn.relu6, tf.nn.elu, tf.nn.selu,
    tf.nn.silu, tf.nn.gelu, tf.nn.crelu, tf.nn.leaky_relu, tf.sign, tf.identity, tf.stop_gradient, tf.ones_like, tf.zeros_like, M.reciprocal_no_nan)] +
    [f(small(x)) for f in (M.acos, M.asin, M.atanh, M.erfinv, M.log1p)] + [f(tf.abs(x) + 0.1) for f in (
        M.acosh, M.digamma, M.lgamma, M.log, M.rsqrt, M.sqrt, M.reciprocal)], n=(2, 3), t=(5, 8))
functions("math_bessel", "x: f n t", lambda x: [f(v) for v in (x, x * 9) for f in (M.bessel_i0, M.bessel_i0e, M.bessel_i1, M.bessel_i1e)], n=(2, 3), t=(5, 8))
functions("math_special", "x: f n t", lambda x: [f(tf.abs(x) + 0.2) for f in (
    M.special.bessel_j0, M.special.bessel_j1, M.special.bessel_k0, M.special.bessel_k0e, M.special.bessel_k1, M.special.bessel_k1e, M.special.bessel_y0,
    M.special.bessel_y1, M.special.dawsn, M.special.expint, M.special.fresnel_cos, M.special.fresnel_sin, M.special.spence)], refused="BesselJ0", n=(2, 3), t=(5, 8))
functions("math_special_binary", "x: f n t; y: u n t", lambda x, y: [
    M.igamma(tf.abs(x) + 0.5, y * 3), M.igammac(tf.abs(x) + 0.5, y * 3), M.betainc(tf.abs(x) + 0.5, y + 0.5, y), M.zeta(tf.abs(x) + 1.5, y + 0.5),
    M.polygamma(tf.round(y * 3), tf.abs(x) + 0.5), M.lbeta(tf.abs(x) + 0.5)], refused="Igamma", n=(2, 3), t=(5, 8))
functions("math_binary", "x: f n t; y: f n 1", lambda x, y: [f(x, y) for f in (
    M.add, M.subtract, M.multiply, M.divide, M.divide_no_nan, M.multiply_no_nan, M.maximum, M.minimum, M.squared_difference, M.atan2, M.floordiv, M.floormod,
    M.mod, M.equal, M.not_equal, M.less, M.less_equal, M.greater, M.greater_equal, M.truediv, M.xdivy, M.nextafter, tf.truncatemod)] + [
    M.pow(tf.abs(x), y), M.xlogy(x, tf.abs(y)), M.xlog1py(x, tf.abs(y)), tf.raw_ops.ApproximateEqual(x=x, y=x + tf.zeros_like(y) + 1e-6, tolerance=1e-5), M.add_n([x, x, x]), M.accumulate_n([x, x]),
    M.scalar_mul(2.0, x), M.polyval([x, 2 * x, x], 0.5), M.cumulative_logsumexp(x, 1, True, True), M.squared_difference(x, y)], n=(2, 3), t=(5, 8))
functions("math_integers", "x: i40 n t; y: i7 n t", lambda x, y: [f(x, y + 1) for f in (
    M.add, M.subtract, M.multiply, M.divide, M.floordiv, M.floormod, M.maximum, M.minimum, M.squared_difference, tf.truncatediv, tf.truncatemod,
    tf.bitwise.bitwise_and, tf.bitwise.bitwise_or, tf.bitwise.bitwise_xor, tf.bitwise.left_shift, tf.bitwise.right_shift)] + [
    tf.bitwise.invert(x), M.abs(x - 20), M.sign(x - 20), M.pow(y, 3), M.square(x), M.logical_and(x > 3, y > 2), M.logical_or(x > 30, y > 2),
    M.logical_xor(x > 3, y > 2), M.logical_not(x > 3), M.bincount(x), M.bincount(x, axis=-1, minlength=50, binary_output=True),
    M.count_nonzero(y), M.reduce_prod(y, 1), M.reduce_min(x, 0), M.argmax(x), M.argmin(x, 1), M.cumsum(x, 1), M.cumprod(y, 1),
    tf.cast(x, tf.uint8), tf.cast(x, tf.int64) * 3, tf.one_hot(y, 7), M.bincount(x, weights=tf.cast(y, tf.float32))], n=(2, 3), t=(5, 8))
functions("math_reductions", "x: f n t 3", lambda x: [f(x, a) for f in (
    M.reduce_sum, M.reduce_mean, M.reduce_max, M.reduce_min, M.reduce_prod, M.reduce_logsumexp, M.reduce_std, M.reduce_variance, M.reduce_euclidean_norm)
    for a in (None, [0], [-1], [0, 2])] + [M.reduce_any(x > 1, 1), M.reduce_all(x > -1, [1, 2], True), tf.nn.moments(x, [0, 1]), M.l2_normalize(x, [1, 2]),
    tf.nn.l2_loss(x), tf.norm(x, 1, 1), tf.norm(x, float("inf"), -1), tf.norm(x, 3, 1), M.top_k(x, 2), M.softmax(x, 1),
    M.log_softmax(x, 0), M.zero_fraction(tf.nn.relu(x)), tf.nn.weighted_moments(x, [0], tf.abs(x)), tf.nn.sufficient_statistics(x, [0])[1:3],
    tf.nn.normalize_moments(2.0, x, x * x, 0.5), tf.clip_by_value(x, -1, 1), tf.clip_by_norm(x, 1.0, [1])], n=(2, 3), t=(5, 8))
functions("losses", "x: f n t 3; y: i3 n t", lambda x, y: [
    tf.nn.softmax_cross_entropy_with_logits(tf.one_hot(y, 3), x), tf.nn.sparse_softmax_cross_entropy_with_logits(y, x),
    tf.nn.sigmoid_cross_entropy_with_logits(tf.one_hot(y, 3), x), tf.nn.weighted_cross_entropy_with_logits(tf.one_hot(y, 3), x, 2.0),
    tf.nn.log_poisson_loss(tf.one_hot(y, 3), x, True), tf.keras.losses.huber(tf.one_hot(y, 3), x), tf.keras.losses.cosine_similarity(tf.one_hot(y, 3), x),
    tf.keras.losses.KLDivergence(reduction="none")(tf.one_hot(y, 3), tf.nn.softmax(x)), tf.keras.losses.binary_crossentropy(tf.one_hot(y, 3), tf.sigmoid(x)),
    tf.keras.losses.categorical_hinge(tf.one_hot(y, 3), x), tf.keras.losses.poisson(tf.one_hot(y, 3), tf.exp(x))],
    n=(2, 3), t=(5, 8))
functions("sorting_and_searching", "x: f n t; k: i9 m", lambda x, k: [
    tf.sort(x), tf.sort(x, 0), tf.argsort(x, direction="DESCENDING"), tf.argsort(x, 0, stable=True), tf.sort(k), tf.searchsorted(tf.sort(x), x, "right"),
    tf.searchsorted(tf.sort(k), k), tf.unique(k), tf.unique_with_counts(k), tf.boolean_mask(x, x[:, 0] > 0), tf.boolean_mask(x, x > 0), tf.where(x > 0),
    tf.math.top_k(x, 2, sorted=False)[0] * 0, tf.math.invert_permutation(tf.argsort(k)),
    tf.raw_ops.UniqueV2(x=tf.stack([k, k % 3], 1), axis=[0])[:2], tf.math.confusion_matrix(k, k // 2, 9),
    tf.histogram_fixed_width_bins(x, [-1.0, 1.0], 4), tf.raw_ops.Bucketize(input=x, boundaries=[-1, 0, 0.5]),
    tf.math.segment_max(x[:, 0], tf.zeros_like(x[:, 0], tf.int32)), tf.dynamic_partition(k, k % 3, 3)], n=(2, 3), t=(5, 8), m=(9, 12))
functions("top_k_and_histogram", "x: f n t", lambda x: [
    tf.math.in_top_k(tf.zeros_like(tf.cast(x[:, 0], tf.int32)), x, 2), tf.histogram_fixed_width(x, [-1.0, 1.0], 4)], n=(2, 3), t=(5, 8))
functions("ragged", "x: f n t; k: i5 n", lambda x, k: [
    tf.RaggedTensor.from_tensor(x, lengths=k).to_tensor(), tf.ragged.boolean_mask(x, x > 0).to_tensor(-1.0), tf.RaggedTensor.from_tensor(x, k).row_lengths(),
    tf.reduce_max(tf.RaggedTensor.from_tensor(x, k + 1), 1), tf.reduce_mean(tf.RaggedTensor.from_tensor(x, k + 1), 1), tf.ragged.range(k).to_tensor(),
    tf.RaggedTensor.from_tensor(x, k).values, tf.RaggedTensor.from_tensor(x, k).value_rowids(), tf.RaggedTensor.from_tensor(x, k).row_splits,
    tf.gather(tf.RaggedTensor.from_tensor(x, k), [0, 1]).to_tensor(), tf.concat([tf.RaggedTensor.from_tensor(x, k), tf.RaggedTensor.from_tensor(x)], 1).to_tensor(),
    tf.ragged.map_flat_values(tf.sin, tf.RaggedTensor.from_tensor(x, k)).to_tensor(), tf.RaggedTensor.from_tensor(x, k).bounding_shape(),
    (tf.RaggedTensor.from_tensor(x, k) + tf.RaggedTensor.from_tensor(x, k)).to_tensor(), tf.RaggedTensor.from_tensor(x, k)[:, :2].to_tensor(),
    tf.RaggedTensor.from_tensor(x, k).to_sparse().values, tf.ragged.stack([x[0], x[1, :2]]).to_tensor(), tf.reverse(tf.RaggedTensor.from_tensor(x, k), [1]).to_tensor()],
    n=(2, 3), t=(5, 8))
functions("sparse", "x: f n 6; d: f 6 4; k: i6 n", lambda x, d, k: [
    tf.sparse.sparse_dense_matmul(tf.sparse.from_dense(tf.nn.relu(x)), d), tf.sparse.to_dense(tf.sparse.from_dense(k)), tf.sparse.from_dense(k).indices,
    tf.nn.embedding_lookup(d, k),
    tf.sparse.reduce_sum(tf.sparse.from_dense(x), 1), tf.sparse.to_dense(tf.sparse.transpose(tf.sparse.from_dense(x))), tf.sparse.reshape(tf.sparse.from_dense(x), [-1]).indices,
    tf.sparse.to_dense(tf.sparse.fill_empty_rows(tf.sparse.from_dense(tf.nn.relu(x - 1)), 9.0)[0]), tf.sparse.to_dense(tf.sparse.retain(tf.sparse.from_dense(x), tf.sparse.from_dense(x).values > 0)),
    tf.sparse.to_dense(tf.sparse.slice(tf.sparse.from_dense(x), [0, 1], [2, 3])), tf.sparse.to_dense(tf.sparse.concat(0, [tf.sparse.from_dense(x), tf.sparse.from_dense(x)])),
    tf.sparse.softmax(tf.sparse.from_dense(x)).values,
    tf.sparse.to_dense(tf.sparse.from_dense(x) * tf.ones([6]))], n=(2, 4))
functions("embedding_sparse", "d: f 6 4; k: i6 n 3; w: u n 3", lambda d, k, w: [
    tf.nn.safe_embedding_lookup_sparse(d, tf.sparse.from_dense(k), None, combiner=c)
    for c in ("sum", "mean", "sqrtn")] + [tf.nn.embedding_lookup_sparse(d, tf.sparse.from_dense(k % 5 + 1), tf.sparse.from_dense(w + 0.1), combiner=c) for c in ("sum", "mean", "sqrtn")], n=(2, 4))
functions("image_colours", "x: u n h w 3; d: u", lambda x, d: [
    tf.image.adjust_hue(x, 0.3), tf.image.adjust_saturation(x, 1.5), tf.image.adjust_contrast(x, 0.5), tf.image.adjust_brightness(x, 0.2), tf.image.adjust_gamma(x, 2.0, 1.1),
    tf.image.rgb_to_yuv(x), tf.image.yuv_to_rgb(x), tf.image.rgb_to_yiq(x), tf.image.yiq_to_rgb(x), tf.image.rgb_to_hsv(x), tf.image.hsv_to_rgb(x), tf.image.rgb_to_grayscale(x),
    tf.image.grayscale_to_rgb(x[..., :1]), tf.image.convert_image_dtype(x, tf.uint8), tf.image.convert_image_dtype(tf.cast(x * 200, tf.uint8), tf.float32),
    tf.image.convert_image_dtype(x, tf.int16, True), tf.image.per_image_standardization(x), tf.image.adjust_contrast(tf.cast(x * 255, tf.uint8), 1.5),
    tf.image.adjust_brightness(tf.cast(x * 255, tf.uint8), 0.1), tf.image.rgb_to_grayscale(tf.cast(x * 255, tf.uint8)), tf.image.adjust_saturation(x, d), tf.image.adjust_hue(x, d - 0.5)],
    n=(1, 2), h=(6, 9), w=(7, 5))
functions("image_measures", "x: u n 16 17 3; y: u n 16 17 3", lambda x, y: [
    tf.image.ssim(x, y, 1.0), tf.image.ssim(x, y, 1.0, filter_size=5, return_index_map=True), tf.image.psnr(x, y, 1.0), tf.image.total_variation(x), tf.image.sobel_edges(x),
    tf.image.image_gradients(x), tf.image.ssim_multiscale(x, y, 1.0, [0.5, 0.5], filter_size=5)], n=(1, 2))
functions("image_geometry", "x: u n h w 3; b: u r 4; k: i1 r", lambda x, b, k: [
    tf.image.crop_and_resize(x, b, k, [4, 5]), tf.image.crop_and_resize(x, b, k, [3, 3], "nearest", 0.5), tf.image.crop_to_bounding_box(x, 1, 2, 3, 3),
    tf.image.pad_to_bounding_box(x, 2, 1, 14, 12), tf.image.resize_with_crop_or_pad(x, 7, 4), tf.image.resize_with_pad(x, 5, 8, "bicubic"), tf.image.central_crop(x, 0.6),
    tf.image.rot90(x), tf.image.rot90(x, 2), tf.image.flip_up_down(x), tf.image.transpose(x), tf.image.extract_patches(x, [1, 2, 3, 1], [1, 2, 1, 1], [1, 1, 2, 1], "VALID"),
    tf.nn.dilation2d(x, tf.ones([2, 3, 3]) * 0.1, [1, 1, 1, 1], "SAME", "NHWC", [1, 1, 1, 1]), tf.nn.erosion2d(x, tf.ones([2, 2, 3]) * 0.1, [1, 2, 1, 1], "VALID", "NHWC", [1, 1, 2, 1]),
    tf.image.resize(x, [5, 9], "nearest"), tf.image.resize(x, [12, 4], "area"), tf.image.resize(x, [8, 8], preserve_aspect_ratio=True),
    tf.compat.v1.image.resize_bilinear(x, [9, 4], align_corners=True), tf.compat.v1.image.resize_bicubic(x, [9, 4]), tf.compat.v1.image.resize_nearest_neighbor(x, [9, 4], align_corners=True),
    tf.compat.v1.image.resize_area(x, [3, 11], align_corners=True), tf.raw_ops.ImageProjectiveTransformV3(
        images=x, transforms=[[0.9, 0.1, 1.0, -0.1, 1.1, 0.5, 0.01, 0.0]], output_shape=[5, 6], fill_value=0.5, interpolation="BILINEAR", fill_mode="CONSTANT"),
    tf.raw_ops.ScaleAndTranslate(images=x, size=[5, 4], scale=[0.7, 0.8], translation=[0.5, -0.3])], n=(1, 2), h=(6, 9), w=(7, 5), r=(3, 4))
functions("image_boxes", "b: u r 4; s: u r", lambda b, s: [
    tf.image.non_max_suppression(b, s, 3), tf.image.non_max_suppression_padded(b, s, 4, pad_to_max_output_size=True), tf.image.non_max_suppression_with_scores(b, s, 3, 0.4, 0.1, 0.5),
    tf.image.non_max_suppression_overlaps(tf.matmul(b, b, transpose_b=True) / 4, s, 3, 0.5)], r=(6, 9))
functions("signal_windows_and_fft", "x: f n 32", lambda x: [
    tf.abs(S.rfft(x)), S.irfft(S.rfft(x)), tf.math.real(S.fft(tf.complex(x, x))), tf.math.imag(S.ifft(tf.complex(x, x))), tf.abs(S.fft2d(tf.complex(x, x)[None])), S.irfft2d(S.rfft2d(x[None])),
    S.dct(x), S.dct(x, 2, norm="ortho"), S.idct(x), S.dct(x, 3), S.dct(x, 1), S.dct(x, 4), S.mdct(x, 8), S.inverse_mdct(S.mdct(x, 8)), S.frame(x, 8, 4), S.overlap_and_add(S.frame(x, 8, 4), 4),
    tf.abs(S.stft(x, 8, 4)), S.inverse_stft(S.stft(x, 8, 4), 8, 4), S.hann_window(8), S.hamming_window(8), S.vorbis_window(8),
    S.linear_to_mel_weight_matrix(4, 9, 8000, 20, 3000), S.fftshift(x, 1), S.ifftshift(x), tf.math.angle(tf.complex(x, x + 1)), tf.math.real(tf.math.conj(tf.complex(x, x)))], n=(1, 2))
functions("linalg_products", "a: f n 4 5; b: f n 5 3; v: f n 5", lambda a, b, v: [
    a @ b, tf.matmul(b, a, transpose_a=True, transpose_b=True), A.matvec(a, v), tf.einsum("nij,njk->nik", a, b), tf.einsum("nij,nj->i", a, v), tf.einsum("...ij->...ji", a),
    tf.tensordot(a, b, [[2], [1]]), tf.tensordot(a, v, 0)[0, 0, 0], A.diag(v), A.diag(v, k=1), A.diag(tf.stack([v, v], 1), k=(0, 1)), A.diag_part(a, k=(-1, 1)),
    A.tensor_diag(v[0]), A.tensor_diag_part(A.diag(v[0])), A.cross(v[:, :3], v[:, 2:]), A.l2_normalize(v), A.norm(a, "fro", [1, 2]), A.normalize(v)[0], A.trace(a), A.adjoint(a),
    A.band_part(a, 1, -1), A.set_diag(a, v[:, :4]), A.eye(3, 4), A.global_norm([a, b]), A.matrix_transpose(a)
    ], n=(2, 3))
functions("linalg_solvers", "a: f n 4 4; b: f n 4 2", lambda a, b: (lambda s: [
    A.inv(s), A.solve(s, b), A.solve(s, b, adjoint=True), A.cholesky(s), A.cholesky_solve(A.cholesky(s), b), A.det(s), A.logdet(s), A.slogdet(s), A.qr(s)[1] * 0, tf.matmul(*A.qr(a)), A.lu(s),
    A.lu_solve(*A.lu(s), b), A.lu_reconstruct(*A.lu(s)), A.lu_matrix_inverse(*A.lu(s)), A.triangular_solve(A.cholesky(s), b), A.triangular_solve(A.cholesky(s), b, adjoint=True),
    A.lstsq(s, b, 0.1), A.expm(a * 0.1),])(
        tf.matmul(a, a, transpose_b=True) + 3 * tf.eye(4)), n=(2, 3))
functions("linalg_bands", "v: f n 4; b: f n 4 2", lambda v, b: [
    A.tridiagonal_matmul([v, v * 2, v - 1], b, "sequence"), A.tridiagonal_solve(tf.stack([v, v + 9, v], 1), b), A.banded_triangular_solve(tf.stack([v + 3, v], 1), b)], refused="TridiagonalMatMul", n=(2, 3))
functions("linalg_spectra", "a: f n 4 4", lambda a: (lambda s: [
    A.eigvalsh(s), A.svd(s, compute_uv=False), (lambda e, v: tf.matmul(v * e[:, None], v, transpose_b=True))(*A.eigh(s)), (lambda s, u, v: tf.matmul(u * s[:, None], v, transpose_b=True))(*A.svd(a)),
    A.sqrtm(s), A.pinv(s), A.matrix_rank(s), tf.abs(A.eigvals(s))[:, :0]])(tf.matmul(a, a, transpose_b=True) + 3 * tf.eye(4)), refused="eigenvalues are not supported", n=(2, 3))
functions("arrays", "x: f n t 4; k: i2 n", lambda x, k: [
    tf.gather(x, k, axis=2), tf.gather(x, tf.stack([k, k], 1), axis=1, batch_dims=1), tf.gather_nd(x, k[:, None], batch_dims=1), tf.scatter_nd(k[:, None], x, tf.shape(x)), tf.tensor_scatter_nd_max(x[:, 0, 0], k[:, None], x[:, 1, 0]),
    tf.tensor_scatter_nd_sub(x[:, 0, 0], k[:, None], x[:, 1, 0]), tf.tensor_scatter_nd_min(x[:, 0, 0], k[:, None], x[:, 1, 0]), tf.unstack(x, axis=2), tf.stack([x, x], -1), tf.split(x, 2, 2), tf.tile(x, [1, 2, 1]),
    tf.pad(x, [[0, 0], [1, 2], [0, 1]], "SYMMETRIC"), tf.pad(x, [[1, 0], [0, 0], [2, 0]], constant_values=3.0), tf.transpose(x), tf.reverse(x, [1]), tf.roll(x, [1, -1], [0, 1]), tf.repeat(x, k, 0),
    tf.sequence_mask(k, 3), tf.one_hot(k, 3, axis=0), tf.meshgrid(k, k), tf.range(tf.shape(x)[1]), tf.linspace(0.0, tf.reduce_max(x), 5), tf.expand_dims(x, [0, -1][0]), tf.squeeze(x[:1], 0), tf.size(x), tf.rank(x), tf.shape_n([x, x]),
    tf.space_to_batch(x[:, :4, :, None], [2, 2], [[0, 0], [0, 0]]), tf.nn.space_to_depth(x[:, :4, :, None], 2), tf.identity_n([x, x]), tf.where(x > 0, x, 0),
    tf.compat.v1.where(x[:, 0, 0] > 0, x, -x), tf.bitcast(x, tf.uint8)[..., :0], tf.quantization.dequantize(tf.quantization.quantize(x, -3, 3, tf.quint8)[0], -3.0, 3.0), x[k[0]:, ::2, tf.newaxis, ..., -1], x[:, tf.shape(x)[1] - 2:], tf.eye(tf.shape(x)[1])],
    n=(2, 3), t=(5, 8))
functions("nn_pooling_and_conv", "x: f n h w 4", lambda x: [
    tf.nn.avg_pool2d(x, 3, 2, "SAME"), tf.nn.max_pool_with_argmax(x, 2, 2, "SAME"), tf.nn.max_pool2d(x, 3, 1, [[0, 0], [1, 1], [2, 0], [0, 0]]), tf.nn.pool(x, [2, 2], "AVG", dilations=[2, 1], padding="VALID"),
    tf.nn.pool(x, [2, 2], "MAX", strides=[2, 1], padding="VALID"), tf.nn.atrous_conv2d(x, tf.ones([2, 2, 4, 3]), 2, "SAME"), tf.nn.conv2d(x, tf.ones([3, 2, 4, 3]), 2, [[0, 0], [1, 2], [0, 1], [0, 0]]),
    tf.nn.separable_conv2d(x, tf.ones([2, 2, 4, 2]), tf.ones([1, 1, 8, 3]), [1, 1, 1, 1], "SAME"), tf.nn.depthwise_conv2d(x, tf.ones([3, 3, 4, 2]), [1, 1, 1, 1], "SAME", dilations=[2, 2]), tf.nn.convolution(x, tf.ones([2, 2, 4, 3]), 1, "SAME", dilations=2),
    tf.nn.local_response_normalization(x, 2, 1.5, 0.3, 0.6), tf.nn.bias_add(x, [1.0, 2, 3, 4]), tf.nn.depth_to_space(x, 2),
    tf.nn.batch_normalization(x, 0.1, 0.9, 1.1, 0.2, 1e-3), tf.compat.v1.nn.fused_batch_norm(x, [1.0] * 4, [0.0] * 4, is_training=True)[0], tf.nn.with_space_to_batch(x, [2, 2], "SAME", lambda v, *_: tf.nn.max_pool2d(v, 2, 1, "VALID"), [2, 2])],
    n=(1, 2), h=(6, 9), w=(8, 5))
