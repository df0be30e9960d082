"""Command lines of `cutout`, the pixels that it made, and a photograph of no car."""

import numpy as np
from PIL import Image

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"  # the first bytes of a phone's photograph


def words(exported, folder, out, *more):
    model = ["--model", str(exported), "--device", "cpu", "--jobs", "2"]
    return ["cutout", str(folder), *model, "--out", str(out), *more]


def opened(path):
    return np.asarray(Image.open(path))


def noise():
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (80, 120, 3), np.uint8))
