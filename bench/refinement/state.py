"""A map on its way through the steps of a refinement: its values, its outline and its mask."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bench.masks.contours import contours, enclosed_pixels, fill
from bench.masks.types import THRESHOLD, Map, Mask, Points


class RefinementState(NamedTuple):
    """A map, its outline, and what active contours have done to the uncertain stretches so far."""

    map: Map
    contours: list[Points]
    tried: int = 0
    kept: int = 0  # stretches left as they were, because the map showed no better edge

    @classmethod
    def of(cls, map: Map) -> "RefinementState":
        """The state before the first step."""
        return cls(map, contours(map))

    @property
    def mask(self) -> Mask:
        """The pixels that the outline encloses."""
        return fill(self.contours, self.map.shape)

    def with_mask(self, mask: Mask) -> "RefinementState":
        """This state with another mask, and the outline that follows from it."""
        map = clamped_to_mask(self.map, mask)
        return self._replace(map=map, contours=contours(map))

    def with_contours(self, moved: Sequence[Points]) -> "RefinementState":
        """This state with each contour moved, unless moving it would erase its speck or hole."""
        pairs = zip(self.contours, moved, strict=True)
        return self._replace(contours=[self._unless_erased(*pair) for pair in pairs])

    def _unless_erased(self, before: Points, after: Points) -> Points:
        had, has = (enclosed_pixels(contour, self.map.shape) for contour in (before, after))
        return after if had * has > 0 else before


def clamped_to_mask(map: Map, mask: Mask) -> Map:
    """The map with only those values changed that contradict `mask`, by as little as possible."""
    least = mask.view(np.uint8) * np.uint8(THRESHOLD)
    clamped: Map = np.minimum(np.maximum(map, least), least + np.uint8(THRESHOLD - 1))
    return clamped
