"""What is on pictures, many at a time: python3 examples/python/label_images.py FILE...

The model (examples/image_label) takes pictures of any size. It is loaded once; all threads share it.
Pillow and jitc both leave the other threads alone while they work.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

import jitc

MODEL = Path(__file__).resolve().parent.parent / "image_label" / "label.pb"
LABELS = ["T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"]


def main() -> None:
    model = jitc.load(MODEL)

    def label(path: str) -> str:
        with Image.open(path) as picture:
            image = np.asarray(picture.convert("RGB"))
        best = model.run(image)
        name, probability = LABELS[best["label"][0]], best["probability"][0]
        return f"{path}: {name} ({probability:.1%})"

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for line in pool.map(label, sys.argv[1:]):
            print(line)


if __name__ == "__main__":
    main()
