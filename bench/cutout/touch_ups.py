"""Steps that a person asks for, applied to a map before the car is cut out."""

from collections.abc import Sequence

import cv2
import numpy as np

from bench.config.refinement import Step, in_order
from bench.masks.types import THRESHOLD, Map
from bench.refinement.refine import refined

EDGE_SHADES = 9  # width in pixels of the shades around a removed edge


def apply(names: Sequence[str], map: Map) -> Map:
    """The map after the named steps, which are applied in the order of DEFAULT_STEPS."""
    return refined_with_hard_edges(map, in_order(names))


def refined_with_hard_edges(map: Map, steps: Sequence[Step]) -> Map:
    """`refined` for a cut-out: the same mask, and nothing half transparent where it has changed.

    Where the mask has changed, and near there, the result is the mask, 0 and 255: the old shades
    belong to an edge that is gone. Without steps, the result is the map itself.
    """
    if not steps:
        return map
    mask = refined(map, steps) >= THRESHOLD
    changed = (mask != (map >= THRESHOLD)).astype(np.uint8)
    near = np.asarray(cv2.dilate(changed, np.ones((EDGE_SHADES, EDGE_SHADES), np.uint8)))
    return np.where(near.astype(bool), mask.astype(np.uint8) * np.uint8(255), map)
