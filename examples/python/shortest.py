"""Reads handwritten digits: python3 examples/python/shortest.py"""

from pathlib import Path

import numpy as np

import jitc

digits = Path(__file__).resolve().parent.parent / "digits"
images = np.load(digits / "test_images.npy")
labels = np.load(digits / "test_labels.npy")

probabilities = jitc.load(digits / "digits.pb").run(images)
print(f"accuracy: {(probabilities.argmax(axis=1) == labels).sum()} of {len(labels)}")
