"""Active contours where an outline is uncertain: its stretches move to the map's steepest edge.

Source: Heitzinger & Kampel 2020; Kass, Witkin & Terzopoulos 1988,
https://doi.org/10.1007/BF00133570; scikit-image's implementation and constants.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.config.refinement import ActiveContours
from bench.masks.types import Floats, Map, Points
from bench.refinement.certainty import Places, uncertain
from bench.refinement.state import RefinementState

MAX_POINTS = 160  # of a contour that are moved at once; longer stretches are cut and pinned
SPACING_PX = 2.0  # between two points of a snake
MARGIN_PX = 12  # around a stretch; a snake that leaves it has lost its edge
MIN_GAIN = 1.1  # a new path is taken where the map is this many times as steep along it
ROUNDS = 100  # each moves a point by at most 1 px


class ContourFit(NamedTuple):
    """A contour after its uncertain stretches have been moved, and how that went."""

    contour: Points
    tried: int
    kept: int  # stretches left as they were, because the map showed no better edge


def apply(state: RefinementState, options: ActiveContours) -> RefinementState:
    """The state with every uncertain stretch of its outline moved to an edge of the map."""
    fits = [
        fit_active_contours(state.map, contour, options.alpha, options.beta)
        for contour in state.contours
    ]
    moved = state.with_contours([fit.contour for fit in fits])
    return moved._replace(
        tried=state.tried + sum(fit.tried for fit in fits),
        kept=state.kept + sum(fit.kept for fit in fits),
    )


def fit_active_contours(map: Map, contour: Points, alpha: float, beta: float) -> ContourFit:
    """Move the uncertain stretches of a contour to the map's steepest edge, pinned at both ends.

    A stretch stays as it is unless the map is clearly steeper along its new path, on average.

    Args:
        alpha: weight of a short path, beta: of a smooth one, as in `skimage`'s `active_contour`.
    """
    pieces = [piece for stretch in uncertain(map, contour) for piece in _cut(stretch, len(contour))]
    moved: dict[int, Points] = {}
    replaced = np.zeros(len(contour), dtype=bool)
    kept = 0
    for piece in pieces:
        pinned = np.arange(piece[0] - 1, piece[0] + len(piece) + 1) % len(contour)
        path = _steeper_path(map, contour[pinned], alpha, beta)
        if path is None:
            kept += 1
        else:
            moved[int(piece[0])] = path
            replaced[piece] = True
    return ContourFit(_joined(contour, replaced, moved), len(pieces), kept)


def _cut(stretch: Places, contour_length: int) -> list[Places]:
    """Cut a stretch into pieces of at most `MAX_POINTS`, with a fixed point between any two."""
    pieces = np.array_split(stretch, -(-len(stretch) // MAX_POINTS))
    is_ring = len(stretch) == contour_length  # then the last piece meets the first
    last = 0 if is_ring else 1
    return [piece[:-1] for piece in pieces[: len(pieces) - last]] + pieces[len(pieces) - last :]


def _joined(contour: Points, replaced: NDArray[np.bool_], moved: dict[int, Points]) -> Points:
    """The contour without its replaced points, and with the new paths where these began."""
    if not moved:
        return contour
    parts, done = [], 0
    for place in sorted(moved):
        parts += [contour[done:place][~replaced[done:place]], moved[place]]
        done = place
    return np.concatenate([*parts, contour[done:][~replaced[done:]]])


def _steeper_path(map: Map, line: Points, alpha: float, beta: float) -> Points | None:
    """The points between the two ends of a line after a snake has moved them.

    None: the snake left the crop, or the map is not clearly steeper along its path.
    """
    from skimage.segmentation import active_contour  # loads SciPy, which few runs need

    low = np.maximum(np.floor(line.min(axis=0)).astype(int) - MARGIN_PX, 0)
    high = np.minimum(np.ceil(line.max(axis=0)).astype(int) + MARGIN_PX + 1, map.shape)
    crop = map[low[0] : high[0], low[1] : high[1]] / 255
    start = _resampled(line - low)
    if min(crop.shape) < 4 or len(start) < 5:
        return None
    path: Points = active_contour(  # type: ignore[no-untyped-call]
        crop, start, alpha, beta, max_num_iter=ROUNDS, boundary_condition="fixed"
    )
    free = path[1:-1]  # an end may lie half a pixel outside of the image
    inside = np.isfinite(free).all() and (free >= 0).all() and (free <= high - low - 1).all()
    slope = np.hypot(*(cv2.Sobel(crop, cv2.CV_64F, *axis) for axis in ((1, 0), (0, 1))))
    if not inside or _mean_along(slope, path) <= MIN_GAIN * _mean_along(slope, start):
        return None
    return np.asarray(free + low)


def _resampled(line: Points) -> Points:
    """Points on a line about `SPACING_PX` apart, its ends among them."""
    lengths = np.append(0, np.cumsum(np.hypot(*np.diff(line, axis=0).T)))
    at = np.linspace(0, lengths[-1], 1 + max(1, round(lengths[-1] / SPACING_PX)))
    return np.column_stack([np.interp(at, lengths, line[:, 0]), np.interp(at, lengths, line[:, 1])])


def _mean_along(slope: Floats, line: Points) -> float:
    """The mean of an image along a line."""
    points = np.round(_resampled(line)).astype(int)
    rows, columns = np.clip(points, 0, np.array(slope.shape) - 1).T
    return float(slope[rows, columns].mean())
