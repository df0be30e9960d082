"""Photographs of any shape on a network's grid: margins repeat their edge, nothing is stretched.

A photograph of the shape that a network was trained on goes through resize.py, pixel for pixel as
in training; so do all of Carvana's.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from bench.masks import resize
from bench.masks.types import Size

LIKE = 0.02  # shapes that differ by less than 2 % are the same
SMALL = 0.75  # of the grid, in height or width: a photograph below it is enlarged, not padded


@dataclass(frozen=True)
class Frame:
    """A photograph's size, the network's, and the part of the network's grid that it fills."""

    photo: Size
    size: Size
    inner: Size  # what the photograph is resized to

    @property
    def usual(self) -> bool:
        """Whether it goes through resize.py."""
        return self.inner == self.size

    @property
    def _window(self) -> tuple[slice, slice]:
        top, left = ((whole - part) // 2 for whole, part in zip(self.size, self.inner, strict=True))
        return slice(top, top + self.inner[0]), slice(left, left + self.inner[1])

    def shrink(self, photo: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """A photograph (H, W, 3) on the network's grid."""
        if self.usual:
            return resize.shrink(photo, self.size)
        smaller = self.inner[0] * self.inner[1] < self.photo[0] * self.photo[1]
        way = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        inner = cv2.resize(photo, self.inner[::-1], interpolation=way)
        rows, columns = self._window
        below, right = self.size[0] - rows.stop, self.size[1] - columns.stop
        framed = cv2.copyMakeBorder(
            inner, rows.start, below, columns.start, right, cv2.BORDER_REPLICATE
        )
        return np.asarray(framed, np.uint8)

    def grow(self, probability: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
        """Probabilities (h, w) on the network's grid as the photograph's map."""
        if self.usual:
            return resize.grow(probability, self.photo)
        return resize.stretch(np.ascontiguousarray(probability[self._window]), self.photo)


def frame(photo: Size, size: Size) -> Frame:
    """How a photograph lies on a network's grid; both sizes are height, width."""
    scales = [whole / part for whole, part in zip(size, photo, strict=True)]
    if resize.fits(photo, size):
        usual = all(part >= SMALL * whole for whole, part in zip(size, photo, strict=True))
    else:
        usual = max(scales) / min(scales) < 1 + LIKE
    if usual:
        return Frame(photo, size, size)
    height, width = (min(side, max(1, round(length * min(scales))))
                     for side, length in zip(size, photo, strict=True))  # fmt: skip
    return Frame(photo, size, (height, width))
