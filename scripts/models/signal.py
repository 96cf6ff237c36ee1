"""Sound, spectra, and complex numbers."""

import numpy as np
import tensorflow as tf
from tensorflow.keras import layers as L

from models.model import model


def normal(seed, *shape):
    return tf.constant(np.random.default_rng(seed).standard_normal(shape), tf.float32)


@model("x: f n s", n=(2, 3), s=(1600, 2100))
def keyword_spotter(n, s):
    """Log mel spectrogram and coefficients, then a small convolution, as in the speech tutorials."""
    mel = tf.signal.linear_to_mel_weight_matrix(20, 129, 8000, 60.0, 3800.0)
    f, w = normal(1, 3, 3, 1, 4), normal(2, 4, 5)

    def run(x):
        spectrum = tf.abs(tf.signal.stft(x, frame_length=200, frame_step=80, fft_length=256))
        log = tf.math.log(tf.tensordot(spectrum, mel, 1) + 1e-3)
        y = tf.nn.relu(tf.nn.conv2d(log[..., None], f, 2, "SAME"))
        return tf.nn.softmax(tf.reduce_mean(y, [1, 2]) @ w), tf.signal.mfccs_from_log_mel_spectrograms(log)[..., :13]

    return run


@model("x: f n s", n=(2, 1), s=(900, 1300))
def denoiser(n, s):
    """A mask on a spectrum, by a recurrent network, and back."""
    gru, dense = L.GRU(8, return_sequences=True), L.Dense(65, activation="sigmoid")
    gru.build((None, None, 65))
    dense.build((None, None, 8))

    def run(x):
        z = tf.signal.stft(x, 128, 32, pad_end=True)
        z *= tf.complex(dense(gru(tf.math.log1p(tf.abs(z)))), 0.0)
        phase = tf.exp(tf.complex(tf.zeros_like(tf.abs(z)), tf.math.angle(z)))
        window = tf.signal.inverse_stft_window_fn(32)
        return tf.signal.inverse_stft(z, 128, 32, window_fn=window), tf.math.real(phase)

    return run


@model("x: f n t 12", n=(2, 3), t=(10, 17))
def fourier_mixing(n, t):
    """Mixing tokens by a transform instead of attention."""
    norm, dense = L.LayerNormalization(), L.Dense(12, activation="gelu")
    norm.build((None, None, 12))
    dense.build((None, None, 12))

    def run(x):
        for _ in range(2):
            x = norm(x + tf.math.real(tf.signal.fft2d(tf.cast(x, tf.complex64))))
            x = norm(x + dense(x))
        return x

    return run


@model("x: f n h w 3", n=(1, 2), h=(12, 15), w=(16, 11))
def fourier_operator(n, h, w):
    """Products in the space of frequencies, of the lowest ones."""
    k = tf.complex(normal(3, 3, 4, 4, 4), normal(4, 3, 4, 4, 4))

    def run(x):
        size = tf.shape(x)[1:3]
        z = tf.signal.rfft2d(tf.transpose(x, [0, 3, 1, 2]))
        low = tf.einsum("ncij,cdij->ndij", z[:, :, :4, :4], k)
        rest = [[0, 0], [0, 0], [0, size[0] - 4], [0, size[1] // 2 - 3]]
        return tf.signal.irfft2d(tf.pad(low, rest), size)

    return run


@model("x: f n s", n=(2, 1), s=(480, 720))
def transforms(n, s):
    """Cosine transforms and their inverses, overlap and add, the analytic signal."""

    def run(x):
        frames = tf.signal.frame(x, 24, 12)
        m = tf.signal.mdct(x, 48)
        size = tf.shape(x)[-1]
        z = tf.signal.fft(tf.cast(x, tf.complex64))
        half = tf.cast(tf.range(size) <= size // 2, tf.complex64) * 2
        return (tf.signal.overlap_and_add(frames * tf.signal.hamming_window(24), 12), m, tf.signal.dct(frames, 2), tf.signal.idct(frames, 2),
                tf.abs(tf.signal.ifft(z * half)), tf.signal.fftshift(tf.abs(z), -1))

    return run


@model("x: f n s; y: f n s", n=(2, 1), s=(300, 331))
def delay(n, s):
    """Where two sounds agree: correlation by transforms, weighted by phase."""

    def run(x, y):
        size = 2 * tf.shape(x)[-1]
        p = tf.signal.rfft(x, [size]) * tf.math.conj(tf.signal.rfft(y, [size]))
        r = tf.signal.irfft(p / tf.cast(tf.abs(p) + 1e-3, tf.complex64), [size])
        return r, tf.argmax(r, -1), tf.signal.irfft(p, [size])

    return run


@model("x: f t 6; h: f 8", t=(7, 12))
def state_space(t):
    """A diagonal recurrence of complex numbers, as a loop."""
    rate = tf.exp(tf.complex(-tf.abs(normal(5, 8)), normal(6, 8)))
    b, c = tf.complex(normal(7, 6, 8), normal(8, 6, 8)), tf.complex(normal(9, 8, 3), normal(10, 8, 3))

    def run(x, h):
        u = tf.matmul(tf.cast(x, tf.complex64), b)
        h = tf.scan(lambda h, u: h * rate + u, u, tf.cast(h, tf.complex64))
        return tf.math.real(tf.matmul(h, c)), tf.abs(tf.math.cumsum(u, 0)), tf.linalg.adjoint(h)

    return run
