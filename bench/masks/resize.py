"""Between a photograph's own grid and a network's: what shrinks, what grows, and what is lost.

A size that holds the whole photograph is reached by padding; any other by resizing. Photographs
and targets shrink by area, maps grow by bilinear interpolation; masks are never resized.
"""

import cv2
import numpy as np
import numpy.typing as npt

from bench.masks.compiled.jit import kernel
from bench.masks.compiled.shrinking import LARGEST, shrink_by_area
from bench.masks.scratch import Scratch
from bench.masks.types import Size

_scratch = Scratch()


def fits(photo: Size, size: Size) -> bool:
    """Whether a photograph is padded to the network's size instead of resized."""
    return size[0] >= photo[0] and size[1] >= photo[1]


def shrink(image: npt.NDArray[np.uint8], size: Size) -> npt.NDArray[np.uint8]:
    """A photograph (H, W, 3) or target (H, W), uint8, on the network's grid `size`.

    Padding repeats the last row and column, at the bottom and at the right. OpenCV makes what
    grows in one direction, and shrinks what is larger than any photograph here.
    """
    height, width = image.shape[:2]
    if fits((height, width), size):
        below, right = size[0] - height, size[1] - width
        padded = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE)
        return np.asarray(padded, np.uint8)
    if height < size[0] or width < size[1] or height * width > LARGEST:
        changed = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
        return np.asarray(changed, np.uint8)
    smaller = np.empty((*size, *image.shape[2:]), np.uint8)
    layers = np.ascontiguousarray(image).reshape(height, width, -1)
    shrink_by_area(layers, smaller.reshape(*size, -1))
    return smaller


def target_of(mask: npt.NDArray[np.bool_], size: Size) -> npt.NDArray[np.uint8]:
    """The share of foreground in each pixel of the network's grid, 0..255."""
    return shrink(mask.astype(np.uint8) * 255, size)


def grow(probability: npt.NDArray[np.float32], photo: Size) -> npt.NDArray[np.uint8]:
    """Probabilities (h, w) in [0, 1] on a network's grid as the map of a photograph."""
    if fits(photo, probability.shape[:2]):
        return as_map(probability[: photo[0], : photo[1]])
    return stretch(probability, photo)


def stretch(probability: npt.NDArray[np.float32], size: Size) -> npt.NDArray[np.uint8]:
    """Probabilities (h, w) in [0, 1], by bilinear interpolation, as a map of `size`."""
    full = _scratch.array(size, np.float32)
    cv2.resize(probability, size[::-1], full, interpolation=cv2.INTER_LINEAR)
    return as_map(full)


def as_map(probability: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Probabilities (H, W) in [0, 1] as the map round(255 p).

    One half rounds up, so that the map's mask `map >= 128` is the probability's `p >= 0.5`.
    """
    map = np.empty(probability.shape, np.uint8)
    _round(probability, map)
    return map


@kernel
def _round(probability, map):  # type: ignore[no-untyped-def]
    """Both (H, W); the former may be a window."""
    for row in range(len(map)):
        for column in range(map.shape[1]):
            level = probability[row, column] * np.float32(255) + np.float32(0.5)
            map[row, column] = np.uint8(np.int32(level))


def ceiling_map(mask: npt.NDArray[np.bool_], size: Size) -> npt.NDArray[np.uint8]:
    """The map of a perfect network of this input size: the mask's target, grown back."""
    target = target_of(mask, size).astype(np.float32) / np.float32(255)
    return grow(target, mask.shape)
