"""A map -> a better mask of it: contours made smooth or moved, holes and specks taken out.

    refined(map, steps)  # uint8 map again, so that a refined model is an entry like any other

The outline is taken from the map once and handed from step to step with all of its sub-pixel
accuracy; it becomes pixels only for a step that works on regions, and at the end.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from bench.config.refinement import Step
from bench.masks.contours import Points, contours, enclosed, fill
from bench.masks.types import THRESHOLD, Map, Mask
from bench.refinement.active_contours import snaked
from bench.refinement.adaptive_smoothing import adaptive_smoothing
from bench.refinement.certainty import certain
from bench.refinement.morphology import denoised, largest_component

__all__ = ["Refined", "adaptive_smoothing", "refine", "refined", "settled"]

NEAR = 9  # pixels across: how far the shades around an edge reach that is no longer there


class Refined(NamedTuple):
    """A map, its outline, and what active contours did to the uncertain stretches so far."""

    map: Map
    contours: list[Points]
    tried: int = 0
    kept: int = 0  # stretches left as they were, because the map showed no better edge


def refined(map: Map, steps: Sequence[Step]) -> Map:
    """The map after some steps; without any, the map itself.

    It keeps its values but where the mask has changed: there they are moved just over one half.
    """
    return refine(map, steps).map if steps else map


def settled(map: Map, steps: Sequence[Step]) -> Map:
    """`refined` for a cut-out: the same mask, and nothing half transparent where it has changed.

    There, and near it, the map is the mask, 0 and 255: the shades that were there belong to an edge
    that is gone.
    """
    if not steps:
        return map
    mask = refined(map, steps) >= THRESHOLD
    changed = (mask != (map >= THRESHOLD)).astype(np.uint8)
    near = np.asarray(cv2.dilate(changed, np.ones((NEAR, NEAR), np.uint8)))
    return np.where(near.astype(bool), mask.astype(np.uint8) * np.uint8(255), map)


def refine(map: Map, steps: Sequence[Step]) -> Refined:
    """`refined`, with the outline as it is between the pixels, for pictures and counts.

    Steps on regions see the outline as pixels: they belong in front of those that move it.
    """
    now = Refined(map, contours(map))
    for step in steps:
        now = _after(step, now)
    return now._replace(map=_agreeing(now.map, fill(now.contours, map.shape)))


def _after(step: Step, now: Refined) -> Refined:
    """What one step makes of a map and its outline."""
    shape = now.map.shape
    if step.adaptive_smoothing:
        return _smoothed(now, step.adaptive_smoothing.alpha)
    if step.active_contours:
        return _snaked(now, step.active_contours.alpha, step.active_contours.beta)
    if step.fill_holes:
        return now._replace(contours=[each for each in now.contours if enclosed(each, shape) > 0])
    if step.largest_component and sum(enclosed(each, shape) > 0 for each in now.contours) < 2:
        return now
    mask = fill(now.contours, shape)
    if step.largest_component:
        mask = largest_component(mask)
    elif step.denoise:
        mask = denoised(_agreeing(now.map, mask), step.denoise.blur, step.denoise.opening)
    map = _agreeing(now.map, mask)
    return now._replace(map=map, contours=contours(map))


def _smoothed(now: Refined, alpha: float) -> Refined:
    """Every certain stretch of the outline made smooth."""
    smooth = []
    for contour in now.contours:
        moved = contour.copy()
        for stretch in certain(now.map, contour):
            closed = len(stretch) == len(contour)
            moved[stretch] = adaptive_smoothing(contour[stretch], alpha, closed)
        smooth.append(_surviving(contour, moved, now.map.shape))
    return now._replace(contours=smooth)


def _snaked(now: Refined, alpha: float, beta: float) -> Refined:
    """Every uncertain stretch of the outline moved to an edge of the map."""
    found = [snaked(now.map, contour, alpha, beta) for contour in now.contours]
    return Refined(
        now.map,
        [_surviving(contour, each.contour, now.map.shape)
         for contour, each in zip(now.contours, found, strict=True)],
        now.tried + sum(each.tried for each in found),
        now.kept + sum(each.kept for each in found),
    )  # fmt: skip


def _surviving(before: Points, after: Points, shape: tuple[int, int]) -> Points:
    """A contour as moved, or as it was where no pixel of a speck or a hole would be left."""
    had, has = enclosed(before, shape), enclosed(after, shape)
    return after if had * has > 0 else before


def _agreeing(map: Map, mask: Mask) -> Map:
    """The map with as little changed as makes `mask` its mask."""
    least = mask.view(np.uint8) * np.uint8(THRESHOLD)
    changed: Map = np.minimum(np.maximum(map, least), least + np.uint8(THRESHOLD - 1))
    return changed
