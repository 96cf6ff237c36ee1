"""Fourier transforms."""

import numpy as np
import tensorflow as tf
from cases_signal import c, z
from golden import SUMS, SUMS64, case, const, d, f, i, raw

ints = lambda *v: const(np.array(v, np.int32))
TYPES = {"c64": (c, f, SUMS), "c128": (z, d, SUMS64)}


def fft(op):
    return lambda x: getattr(raw, op)(input=x)


def real_fft(op, *length):
    def build(x):
        wide = x.dtype in (tf.float64, tf.complex128)
        kw = dict(Treal=tf.float64 if wide else tf.float32) if op[0] == "I" else dict(Tcomplex=tf.complex128 if wide else tf.complex64)
        return getattr(raw, op)(input=x, fft_length=ints(*length), **kw)

    return build


# -- One dimension: powers of two, small factors, primes by the definition (to 61) and by convolution ---------
for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 30, 49, 61, 64, 67, 77, 100, 128, 134, 211, 1024):
    case(f"FFT/n{n}", fft("FFT"), c(2, n) if n < 200 else c(n), tol=SUMS)
for v, (make, real, tol) in TYPES.items():
    for n in (15, 32, 71, 122):
        case(f"FFT/{v}_n{n}", fft("FFT"), make(2, n), tol=tol)
        case(f"IFFT/{v}_n{n}", fft("IFFT"), make(2, n), tol=tol)
    for op, rank in (("FFT2D", 2), ("IFFT2D", 2), ("FFT3D", 3), ("IFFT3D", 3)):
        case(f"{op}/{v}", fft(op), make(2, *(5, 4, 6)[-rank:]), tol=tol)
        case(f"{op}/{v}_plain", fft(op), make(*(3, 8, 2)[-rank:]), tol=tol)
    for n in (1, 2, 8, 9, 67, 146):
        case(f"RFFT/{v}_n{n}", real_fft("RFFT", n), real(2, n), tol=tol)
        case(f"IRFFT/{v}_n{n}", real_fft("IRFFT", n), make(2, n // 2 + 1), tol=tol)
    case(f"RFFT/{v}_crop", real_fft("RFFT", 6), real(2, 3, 9), tol=tol)
    case(f"IRFFT/{v}_crop", real_fft("IRFFT", 7), make(2, 9), tol=tol)
    case(f"RFFT2D/{v}", real_fft("RFFT2D", 4, 6), real(2, 4, 6), tol=tol)
    case(f"RFFT2D/{v}_crop", real_fft("RFFT2D", 3, 5), real(4, 6), tol=tol)
    case(f"IRFFT2D/{v}", real_fft("IRFFT2D", 4, 6), make(2, 4, 4), tol=tol)
    case(f"IRFFT2D/{v}_crop", real_fft("IRFFT2D", 3, 5), make(4, 6), tol=tol)
    case(f"RFFT3D/{v}", real_fft("RFFT3D", 3, 4, 5), real(2, 3, 4, 5), tol=tol)
    case(f"RFFT3D/{v}_crop", real_fft("RFFT3D", 3, 2, 4), real(3, 3, 6), tol=tol)
    case(f"IRFFT3D/{v}", real_fft("IRFFT3D", 3, 4, 5), make(2, 3, 4, 3), tol=tol)
    case(f"IRFFT3D/{v}_crop", real_fft("IRFFT3D", 2, 3, 4), make(3, 3, 5), tol=tol)
case("FFT/rank8", fft("FFT"), c(1, 2, 1, 1, 2, 1, 1, 6), tol=SUMS)
case("FFT3D/rank8", fft("FFT3D"), c(1, 2, 1, 1, 2, 2, 3, 2), tol=SUMS)
case("RFFT/rank8", real_fft("RFFT", 6), f(1, 2, 1, 1, 2, 1, 1, 6), tol=SUMS)
case("IRFFT/rank8", real_fft("IRFFT", 6), c(1, 2, 1, 1, 2, 1, 1, 4), tol=SUMS)
for shape in ((0, 4), (3, 0)):
    name = "x".join(map(str, shape))
    case(f"FFT/empty_{name}", fft("FFT"), c(*shape))
    case(f"IFFT2D/empty_{name}", fft("IFFT2D"), c(*shape))
case("RFFT/empty", real_fft("RFFT", 4), f(0, 4))
case("RFFT/length_0", real_fft("RFFT", 0), f(2, 0))
case("IRFFT/empty", real_fft("IRFFT", 4), c(0, 3))
case("IRFFT/length_0", real_fft("IRFFT", 0), c(2, 0))
case("RFFT/too_short", real_fft("RFFT", 8), f(2, 7), refused="must have length of at least")
case("IRFFT/too_short", real_fft("IRFFT", 8), c(2, 4), refused="must have length of at least")

# -- Sizes that only a run knows ----------------------------------------------------------------------------
for n in (1, 6, 28, 64, 143):
    case(f"FFT/open_n{n}", fft("FFT"), c(2, n), tol=SUMS, dyn="all")
case("FFT/open_prime", fft("FFT"), c(71), tol=SUMS, dyn="all")
case("FFT/open_rows", fft("FFT"), c(3, 8), tol=SUMS, dyn="n")
case("FFT/open_rank", fft("FFT"), c(3, 8), tol=SUMS, dyn="rank")
case("IFFT/open", fft("IFFT"), z(2, 45), tol=SUMS64, dyn="all")
case("FFT2D/open", fft("FFT2D"), c(2, 6, 4), tol=SUMS, dyn="all")
case("IFFT3D/open", fft("IFFT3D"), c(2, 3, 6, 4), tol=SUMS, dyn="all")
case("RFFT/open", real_fft("RFFT", 6), f(2, 8), tol=SUMS, dyn="all")
case("RFFT/open_short", real_fft("RFFT", 8), f(2, 7), refused="must have length of at least", dyn="all")
case("RFFT2D/open", real_fft("RFFT2D", 4, 3), f(5, 6), tol=SUMS, dyn="all")
case("IRFFT/open", real_fft("IRFFT", 6), c(2, 8), tol=SUMS, dyn="all")
case("IRFFT2D/open", real_fft("IRFFT2D", 4, 6), c(5, 4), tol=SUMS, dyn="all")
case("RFFT/length_fed", lambda x, y: raw.RFFT(input=x, fft_length=y), f(2, 9), np.array([6], np.int32), tol=SUMS)
case("IRFFT/length_fed", lambda x, y: raw.IRFFT(input=x, fft_length=y), c(2, 9), np.array([7], np.int32), tol=SUMS)
case("RFFT2D/length_fed", lambda x, y: raw.RFFT2D(input=x, fft_length=y), f(5, 9), np.array([4, 6], np.int32), tol=SUMS)
case("RFFT/own_length", lambda x: tf.signal.rfft(x), f(2, 10), tol=SUMS, dyn="all")
case("IRFFT/own_length", lambda x: tf.signal.irfft(x), c(2, 6), tol=SUMS, dyn="all")
case("RFFT/padded", lambda x: tf.signal.rfft(x, ints(12)), f(2, 10), tol=SUMS)
case("IRFFT/padded", lambda x: tf.signal.irfft(x, ints(12)), c(2, 5), tol=SUMS)

# -- Graphs of tf.signal ------------------------------------------------------------------------------------
WAVE = f(2, 90, lo=-1, hi=1)


def mel(x):
    s = tf.abs(tf.signal.stft(x, 16, 8))
    m = tf.signal.linear_to_mel_weight_matrix(5, 9, 8000, 80.0, 3600.0)
    return tf.signal.mfccs_from_log_mel_spectrograms(tf.math.log(tf.tensordot(s, m, 1) + 1e-3))


def back(x):
    window = tf.signal.inverse_stft_window_fn(4)
    return tf.signal.inverse_stft(tf.signal.stft(x, 12, 4), 12, 4, window_fn=window)


def analytic(x):
    n = x.shape[-1]
    h = np.zeros(n, np.complex64)
    h[: n // 2 + 1] = 2
    h[0] = 1
    return tf.abs(tf.signal.ifft(tf.signal.fft(tf.cast(x, tf.complex64)) * h))


def correlation(x, y):
    p = tf.signal.rfft(x, ints(179)) * tf.math.conj(tf.signal.rfft(y, ints(179)))
    return tf.signal.irfft(p, ints(179))


for dyn, v in ((None, ""), ("all", "_open")):
    case(f"Signal/stft{v}", lambda x: tf.signal.stft(x, 16, 8), WAVE, tol=SUMS, dyn=dyn)
    case(f"Signal/stft_long{v}", lambda x: tf.signal.stft(x, 15, 4, fft_length=20, pad_end=True), WAVE, tol=SUMS, dyn=dyn)
    case(f"Signal/inverse_stft{v}", back, WAVE, tol=SUMS, dyn=dyn)
    case(f"Signal/mfcc{v}", mel, WAVE, tol=(1e-4, 0, 1e-5), dyn=dyn)
    case(f"Signal/mdct{v}", lambda x: tf.signal.mdct(x, 20), WAVE, tol=SUMS, dyn=dyn)
    for kind in (1, 2, 3, 4):
        case(f"Signal/dct{kind}{v}", lambda x, k=kind: tf.signal.dct(x, k), f(2, 10), tol=SUMS, dyn=dyn)
        if not v:
            case(f"Signal/idct{kind}", lambda x, k=kind: tf.signal.idct(x, k), f(2, 10), tol=SUMS)
    case(f"Signal/overlap_and_add{v}", lambda x: tf.signal.overlap_and_add(x, 3), f(2, 4, 7), tol=SUMS, dyn=dyn)
    case(f"Signal/fftshift{v}", lambda x: tf.signal.ifftshift(tf.signal.fftshift(x), axes=1), c(4, 5), dyn=dyn)
    case(f"Signal/correlation{v}", correlation, WAVE, WAVE, tol=SUMS, dyn=dyn)
case("Signal/inverse_mdct", tf.signal.inverse_mdct, f(2, 4, 10), tol=SUMS)
case("Signal/analytic", analytic, WAVE, tol=SUMS)
case("Signal/spectrum_convolution", lambda x, y: tf.math.real(tf.signal.ifft2d(tf.signal.fft2d(tf.cast(x, tf.complex64)) * y)), f(4, 6), c(4, 6), tol=SUMS)
