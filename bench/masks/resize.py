"""Resize photographs and masks to a network's grid, and a network's probabilities back to maps.

A photograph is padded to a size that holds it whole, and resized to any other. Photographs and
targets shrink by area, and what grows does by bilinear interpolation: maps, and the one side of a
photograph that is shorter than the grid's. Masks are never resized.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.masks.compiled.jit import kernel
from bench.masks.compiled.shrinking import MAX_SUMMED_PIXELS, shrink_by_area
from bench.masks.scratch import Scratch
from bench.masks.types import FloatImage, Map, Mask, Size

_scratch = Scratch()


def fits(photo: Size, size: Size) -> bool:
    """Whether a photograph is padded to the network's size instead of resized."""
    return size[0] >= photo[0] and size[1] >= photo[1]


def shrink(image: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """A photograph (H, W, 3) or target (H, W), uint8, on the network's grid `size`.

    Padding repeats the last row and column, at the bottom and at the right. A side that grows does
    so last.
    """
    height, width = image.shape[:2]
    if fits((height, width), size):
        below, right = size[0] - height, size[1] - width
        padded = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE)
        return np.asarray(padded, np.uint8)
    return resized(image, size)


def resized(image: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """An image (H, W, ...), uint8, whose sides shrink by area and then grow by interpolation."""
    height, width = image.shape[:2]
    smaller = _shrink_by_area(image, (min(height, size[0]), min(width, size[1])))
    if smaller.shape[:2] == size:
        return smaller
    grown = cv2.resize(smaller, size[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(grown, np.uint8)


def _shrink_by_area(image: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """OpenCV shrinks images of more than MAX_SUMMED_PIXELS."""
    height, width = image.shape[:2]
    if height * width > MAX_SUMMED_PIXELS:
        changed = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
        return np.asarray(changed, np.uint8)
    smaller = np.empty((*size, *image.shape[2:]), np.uint8)
    layers = np.ascontiguousarray(image).reshape(height, width, -1)
    shrink_by_area(layers, smaller.reshape(*size, -1))
    return smaller


def target_of(mask: Mask, size: Size) -> Map:
    """The share of foreground in each pixel of the network's grid, 0..255."""
    return shrink(mask.astype(np.uint8) * 255, size)


def grow(probability: FloatImage, photo: Size) -> Map:
    """Probabilities (h, w) in [0, 1] on a network's grid as the map of a photograph."""
    if fits(photo, probability.shape[:2]):
        return as_map(probability[: photo[0], : photo[1]])
    return stretch(probability, photo)


def stretch(probability: FloatImage, size: Size) -> Map:
    """Probabilities (h, w) in [0, 1] as a map of `size`, by bilinear interpolation."""
    full = _scratch.array(size, np.float32)
    cv2.resize(probability, size[::-1], full, interpolation=cv2.INTER_LINEAR)
    return as_map(full)


def as_map(probability: FloatImage) -> Map:
    """Probabilities (H, W) in [0, 1] as the map round(255 p).

    One half rounds up, so that the map's mask `map >= 128` is the probability's `p >= 0.5`.
    """
    map = np.empty(probability.shape, np.uint8)
    _round(probability, map)
    return map


@kernel
def _round(probability, map):  # type: ignore[no-untyped-def]
    """Fill a map (H, W) from probabilities (H, W), which may be a window of a larger array."""
    for row in range(len(map)):
        for column in range(map.shape[1]):
            level = probability[row, column] * np.float32(255) + np.float32(0.5)
            map[row, column] = np.uint8(np.int32(level))


def ceiling_map(mask: Mask, size: Size) -> Map:
    """The map of a network of input size `size` that gives exactly its target: that, grown back."""
    target = target_of(mask, size).astype(np.float32) / np.float32(255)
    return grow(target, mask.shape)
