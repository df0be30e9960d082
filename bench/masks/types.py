"""Maps, masks, runs, pictures and sizes: one type each, and the check of two masks."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Size = tuple[int, int]  # height, width
Mask = NDArray[np.bool_]  # (H, W)
Map = NDArray[np.uint8]  # (H, W), round(255 p) of a probability p
Runs = NDArray[np.int64]  # (N, 2), start from 1 and length
Points = NDArray[np.float64]  # (N, 2), row and column in pixels
ReadMap = Callable[[str], Map]  # image id -> its map
RgbImage = NDArray[np.uint8]  # (H, W, 3), RGB
FloatImage = NDArray[np.float32]  # (H, W) or (H, W, 3), mostly 0..1
Floats = NDArray[np.float64]  # of any shape

THRESHOLD = 128  # a map's pixel belongs to the mask when its value is at least this


def size_name(size: Size) -> str:
    """Write a size as height x width, such as "512x768"."""
    return f"{size[0]}x{size[1]}"


def check_masks(predicted: Mask, truth: Mask) -> None:
    """Check that two arrays are masks of one image.

    Raises:
        TypeError: a mask is not boolean, so that 0..255 pictures cannot slip through.
        ValueError: the shapes differ; nothing is broadcast or resized.
    """
    if predicted.dtype != np.bool_ or truth.dtype != np.bool_:
        raise TypeError(f"masks are boolean, not {predicted.dtype} and {truth.dtype}")
    if predicted.shape != truth.shape:
        raise ValueError(f"masks of shapes {predicted.shape} and {truth.shape} do not match")
