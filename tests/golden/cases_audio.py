"""Sound."""

import numpy as np
from golden import case, f, raw

SPECTRA = (1e-4, 1e-6, 1e-6)
WAVES = f(40, 2, lo=-1, hi=1)
POWERS = f(2, 3, 17, lo=0, hi=4)
MEL = dict(upper_frequency_limit=4000.0, lower_frequency_limit=20.0, filterbank_channel_count=6, dct_coefficient_count=4)


def spectrum(window, stride, squared=False):
    return lambda x: raw.AudioSpectrogram(input=x, window_size=window, stride=stride, magnitude_squared=squared)


def mfcc(rate, **kw):
    return lambda x: raw.Mfcc(spectrogram=x, sample_rate=np.int32(rate), **{**MEL, **kw})


for window, stride in ((16, 8), (13, 5), (2, 1), (8, 20), (40, 1)):
    case(f"AudioSpectrogram/w{window}_s{stride}", spectrum(window, stride), WAVES, tol=SPECTRA)
case("AudioSpectrogram/squared", spectrum(16, 8, True), WAVES, tol=SPECTRA)
case("AudioSpectrogram/short", spectrum(41, 3), WAVES, tol=SPECTRA)
case("AudioSpectrogram/open", spectrum(16, 8), WAVES, tol=SPECTRA, dyn="all")
case("AudioSpectrogram/open_short", spectrum(64, 8), WAVES, tol=SPECTRA, dyn="n")

case("Mfcc/plain", mfcc(16000), POWERS, tol=SPECTRA)
case("Mfcc/rate", mfcc(8000), POWERS, tol=SPECTRA)
case("Mfcc/limits", mfcc(16000, lower_frequency_limit=300.0, upper_frequency_limit=6000.0), POWERS, tol=SPECTRA)
case("Mfcc/from_0", mfcc(16000, lower_frequency_limit=0.0), POWERS, tol=SPECTRA)
case("Mfcc/narrow", mfcc(16000, filterbank_channel_count=30, dct_coefficient_count=30), POWERS, tol=SPECTRA)
case("Mfcc/one", mfcc(16000, filterbank_channel_count=1, dct_coefficient_count=1), POWERS, tol=SPECTRA)
case("Mfcc/too_short", mfcc(8000, upper_frequency_limit=5000.0), POWERS, tol=SPECTRA)
case("Mfcc/silence", mfcc(16000), np.zeros((1, 2, 17), "f"), tol=SPECTRA)
case("Mfcc/fed", lambda x, y: raw.Mfcc(spectrogram=x, sample_rate=y, **MEL), POWERS, np.int32(22050), tol=SPECTRA)
case("Mfcc/open_n", mfcc(16000), POWERS, tol=SPECTRA, dyn="n")
