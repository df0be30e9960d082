"""Active contours where an outline is uncertain: its stretches move to the map's steepest edge.

Source: Heitzinger & Kampel 2020; Kass, Witkin & Terzopoulos 1988,
https://doi.org/10.1007/BF00133570; scikit-image's implementation and constants.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import active_contour

from bench.config.refinement import ActiveContours
from bench.masks.types import Floats, Map, Points
from bench.refinement.certainty import Places, uncertain
from bench.refinement.state import RefinementState

LONGEST = 160  # points of a contour that are moved at once; longer stretches are cut and pinned
EVERY_PX = 2.0  # between two points of a snake
MARGIN_PX = 12  # around a stretch; a snake that leaves it has lost its edge
BETTER = 1.1  # times as steep as the old way is the map along a new one at least
ROUNDS = 100  # each moves a point by at most 1 px


class Snaked(NamedTuple):
    """A contour after its uncertain stretches have been moved, and how that went."""

    contour: Points
    tried: int
    kept: int  # stretches left as they were, because the map showed no better edge


def apply(state: RefinementState, options: ActiveContours) -> RefinementState:
    """The state with every uncertain stretch of its outline moved to an edge of the map."""
    fits = [snaked(state.map, contour, options.alpha, options.beta) for contour in state.contours]
    moved = state.with_contours([fit.contour for fit in fits])
    return moved._replace(
        tried=state.tried + sum(fit.tried for fit in fits),
        kept=state.kept + sum(fit.kept for fit in fits),
    )


def snaked(map: Map, contour: Points, alpha: float, beta: float) -> Snaked:
    """A contour whose uncertain stretches follow the map's steepest edge, pinned at both ends.

    A stretch stays as it is unless the map is clearly steeper along its new way, on average.

    Args:
        alpha: how much a short way counts, beta: a smooth one; as `skimage`'s `active_contour`.
    """
    pieces = [piece for stretch in uncertain(map, contour) for piece in _cut(stretch, len(contour))]
    moved: dict[int, Points] = {}
    gone = np.zeros(len(contour), dtype=bool)
    kept = 0
    for piece in pieces:
        pinned = np.arange(piece[0] - 1, piece[0] + len(piece) + 1) % len(contour)
        way = _better_way(map, contour[pinned], alpha, beta)
        if way is None:
            kept += 1
        else:
            moved[int(piece[0])] = way
            gone[piece] = True
    return Snaked(_joined(contour, gone, moved), len(pieces), kept)


def _cut(stretch: Places, around: int) -> list[Places]:
    """A stretch in pieces of at most `LONGEST` points, with a point between any two that stays."""
    pieces = np.array_split(stretch, -(-len(stretch) // LONGEST))
    last = 0 if len(stretch) == around else 1  # all around, the last piece meets the first
    return [piece[:-1] for piece in pieces[: len(pieces) - last]] + pieces[len(pieces) - last :]


def _joined(contour: Points, gone: NDArray[np.bool_], moved: dict[int, Points]) -> Points:
    """The contour with its stretches that are gone replaced, each by what begins at its place."""
    if not moved:
        return contour
    parts, done = [], 0
    for place in sorted(moved):
        parts += [contour[done:place][~gone[done:place]], moved[place]]
        done = place
    return np.concatenate([*parts, contour[done:][~gone[done:]]])


def _better_way(map: Map, line: Points, alpha: float, beta: float) -> Points | None:
    """The points between the two ends of a line after a snake has moved them; None: stay."""
    low = np.maximum(np.floor(line.min(axis=0)).astype(int) - MARGIN_PX, 0)
    high = np.minimum(np.ceil(line.max(axis=0)).astype(int) + MARGIN_PX + 1, map.shape)
    crop = map[low[0] : high[0], low[1] : high[1]] / 255
    start = _spaced(line - low)
    if min(crop.shape) < 4 or len(start) < 5:
        return None
    found: Points = active_contour(  # type: ignore[no-untyped-call]
        crop, start, alpha, beta, max_num_iter=ROUNDS, boundary_condition="fixed"
    )
    free = found[1:-1]  # an end may lie half a pixel outside of the image
    inside = np.isfinite(free).all() and (free >= 0).all() and (free <= high - low - 1).all()
    slope = np.hypot(*(cv2.Sobel(crop, cv2.CV_64F, *axis) for axis in ((1, 0), (0, 1))))
    if not inside or _along(slope, found) <= BETTER * _along(slope, start):
        return None
    return np.asarray(free + low)


def _spaced(line: Points) -> Points:
    """Points on a line about `EVERY_PX` apart, its ends among them."""
    lengths = np.append(0, np.cumsum(np.hypot(*np.diff(line, axis=0).T)))
    at = np.linspace(0, lengths[-1], 1 + max(1, round(lengths[-1] / EVERY_PX)))
    return np.column_stack([np.interp(at, lengths, line[:, 0]), np.interp(at, lengths, line[:, 1])])


def _along(slope: Floats, line: Points) -> float:
    """The mean of an image along a line."""
    rows, columns = np.clip(np.round(_spaced(line)).astype(int), 0, np.array(slope.shape) - 1).T
    return float(slope[rows, columns].mean())
