"""Colours."""

import numpy as np
import tensorflow as tf
from cases_conv import HALF, via
from golden import case, const, d, f, raw

HUES = (1e-5, 1e-6, 0)
GREYS = np.array([[0, 0, 0], [1, 1, 1], [0.5, 0.5, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [-1, 0, 0], [0, -1, -2]], "f")
COLORS = f(2, 3, 2, 3, lo=0, hi=1)

for op in ("RGBToHSV", "HSVToRGB"):
    build = lambda x, op=op: getattr(raw, op)(images=x)
    case(f"{op}/image", build, COLORS, tol=HUES)
    case(f"{op}/one", build, np.array([0.25, 0.75, 0.5], "f"), tol=HUES)
    case(f"{op}/edges", build, GREYS, tol=HUES)
    case(f"{op}/f64", build, d(4, 3, lo=0, hi=1), tol=HUES)
    case(f"{op}/f16", via(tf.float16, build), f(4, 3, lo=0, hi=1), tol=HALF)
    case(f"{op}/bf16", via(tf.bfloat16, build), f(4, 3, lo=0, hi=1), tol=HALF)
    case(f"{op}/open_n", build, COLORS, tol=HUES, dyn="n")
for delta in (0.3, -0.9, 1.0):
    case(f"AdjustHue/by_{delta}", lambda x, d=delta: raw.AdjustHue(images=x, delta=const(np.float32(d))), COLORS, tol=HUES)
case("AdjustHue/fed", lambda x, y: raw.AdjustHue(images=x, delta=y), COLORS, np.float32(0.4), tol=HUES)
for scale in (0.5, 2.5, 0.0):
    case(
        f"AdjustSaturation/by_{scale}",
        lambda x, s=scale: raw.AdjustSaturation(images=x, scale=const(np.float32(s))),
        COLORS,
        tol=HUES,
    )
case(
    "AdjustContrastv2/image",
    lambda x: raw.AdjustContrastv2(images=x, contrast_factor=const(np.float32(1.75))),
    f(2, 3, 2, 4),
    tol=HUES,
)
