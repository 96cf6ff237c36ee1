#!/usr/bin/env python3
"""Let espeak-ng say the words of the example: one second each, 16 kHz, 16 bits, one channel.

    apt install espeak-ng && pip install numpy scipy && python3 make_wav.py
"""

import io
import os
import subprocess
import wave

import numpy as np
from scipy.signal import resample_poly

HERE = os.path.dirname(os.path.abspath(__file__))
RATE = 16000

for word in "yes", "left", "go":
    said = subprocess.run(["espeak-ng", "-v", "en", "-s", "130", "--stdout", word], capture_output=True, check=True)
    with wave.open(io.BytesIO(said.stdout)) as w: # its header does not know the length
        samples = np.frombuffer(w.readframes(1 << 20), "<i2").astype(float)
        samples = resample_poly(samples, RATE, w.getframerate())
    loud = np.nonzero(abs(samples) > 300)[0]
    samples = samples[loud[0] : loud[-1] + 1][:RATE]
    second = np.zeros(RATE)
    start = (RATE - len(samples)) // 2
    second[start : start + len(samples)] = samples
    with wave.open(os.path.join(HERE, word + ".wav"), "wb") as w:
        w.setnchannels(1), w.setsampwidth(2), w.setframerate(RATE)
        w.writeframes(np.clip(second, -32768, 32767).astype("<i2").tobytes())
