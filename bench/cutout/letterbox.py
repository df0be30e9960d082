"""Photographs of any shape on a network's grid: margins repeat their edge, nothing is stretched.

A photograph of the shape that a network was trained on goes through masks/resize.py, pixel for
pixel as in training; so do all of Carvana's.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from bench.masks import resize
from bench.masks.types import Map, Size

SAME_SHAPE_TOLERANCE = 0.02  # shapes that differ by less than 2 % are the same
ENLARGE_BELOW = 0.75  # of the grid's height or width: a smaller photograph is not padded but grown


@dataclass(frozen=True)
class Letterbox:
    """A photograph's size, the network's, and the part of the network's grid that it fills."""

    photo: Size
    size: Size
    inner: Size  # what the photograph is resized to

    @property
    def is_native(self) -> bool:
        """Whether the photograph has the network's own shape, so that it is only resized."""
        return self.inner == self.size

    @property
    def _window(self) -> tuple[slice, slice]:
        top, left = ((whole - part) // 2 for whole, part in zip(self.size, self.inner, strict=True))
        return slice(top, top + self.inner[0]), slice(left, left + self.inner[1])

    def shrink(self, photo: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """A photograph (H, W, 3) on the network's grid, (h, w, 3)."""
        if self.is_native:
            return resize.shrink(photo, self.size)
        is_smaller = self.inner[0] * self.inner[1] < self.photo[0] * self.photo[1]
        interpolation = cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR
        inner = cv2.resize(photo, self.inner[::-1], interpolation=interpolation)
        rows, columns = self._window
        below, right = self.size[0] - rows.stop, self.size[1] - columns.stop
        padded = cv2.copyMakeBorder(
            inner, rows.start, below, columns.start, right, cv2.BORDER_REPLICATE
        )
        return np.asarray(padded, np.uint8)

    def grow(self, probability: npt.NDArray[np.float32]) -> Map:
        """Probabilities (h, w) on the network's grid as the photograph's map (H, W)."""
        if self.is_native:
            return resize.grow(probability, self.photo)
        return resize.stretch(np.ascontiguousarray(probability[self._window]), self.photo)


def letterbox(photo: Size, size: Size) -> Letterbox:
    """How a photograph lies on a network's grid; both sizes are height, width."""
    pairs = list(zip(size, photo, strict=True))
    scales = [whole / part for whole, part in pairs]
    if resize.fits(photo, size):
        is_native = all(part >= ENLARGE_BELOW * whole for whole, part in pairs)
    else:
        is_native = max(scales) / min(scales) < 1 + SAME_SHAPE_TOLERANCE
    if is_native:
        return Letterbox(photo, size, size)
    height, width = (min(whole, max(1, round(part * min(scales)))) for whole, part in pairs)
    return Letterbox(photo, size, (height, width))
