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
    """Check that two arrays are masks of one image, bool (H, W).

    Raises:
        TypeError: a mask is not bool, so that 0..255 pictures cannot slip through.
        ValueError: the shapes differ; nothing is broadcast or resized.
    """
    if predicted.dtype != np.bool_:
        raise TypeError(f"a mask is bool, this one is {predicted.dtype}: threshold it first")
    check_truth(predicted, truth)


def check_truth(predicted: Map | Mask, truth: Mask) -> None:
    """Check that an array is the mask of the image of which a map or mask was predicted.

    Raises:
        TypeError, ValueError: as `check_masks`.
    """
    if truth.dtype != np.bool_:
        raise TypeError(f"a mask is bool, this one is {truth.dtype}: threshold it first")
    if predicted.shape != truth.shape or truth.ndim != 2:
        shapes = f"{predicted.shape} and {truth.shape}"
        raise ValueError(f"arrays of one image are (H, W) alike; {shapes} do not match")
