"""Adaptive smoothing: each contour point by the widest Gaussian that moves it by under 0.5 px.

Source: Heitzinger & Kampel 2020.
"""

import math
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.config.refinement import AdaptiveSmoothing
from bench.masks.compiled.jit import kernel
from bench.masks.types import Floats, Map, Points
from bench.refinement.certainty import certain
from bench.refinement.state import RefinementState

MAX_MOVE_PX = 0.5  # no point moves as far as this
ROUNDING = 1e-12  # keeps every move below 0.5, however its length is computed
MAX_STEP = 0.5  # between the sigmas tried: 0, 0.5, 1, ...
MAX_SIGMA = 32.0  # moves a point of an arc of 1,000 pixels' radius by half a pixel

Levels = NDArray[np.int64]
Gaussians = tuple[Floats, Levels]  # halves of the kernels by level, and their radii


def apply(state: RefinementState, options: AdaptiveSmoothing) -> RefinementState:
    """The state with every certain stretch of its outline smoothed."""
    smooth = [_smooth_certain(state.map, contour, options.alpha) for contour in state.contours]
    return state.with_contours(smooth)


def _smooth_certain(map: Map, contour: Points, alpha: float) -> Points:
    smooth = contour.copy()
    for stretch in certain(map, contour):
        closed = len(stretch) == len(contour)
        smooth[stretch] = adaptive_smoothing(contour[stretch], alpha, closed)
    return smooth


def adaptive_smoothing(points: ArrayLike, alpha: float = 0.5, closed: bool = False) -> Points:
    """Smooth each point of a polyline with the widest Gaussian that moves it by less than 0.5 px.

    The sequences of both coordinates are smoothed at each point by a Gaussian of its own width,
    see `sigmas`. Points on a straight line stay on it; corners move least.

    Args:
        points: (N, 2), in order.
        alpha: how much sigma may change from a point to the next.
        closed: the last point is followed by the first, which is not repeated.

    Returns:
        float64 (N, 2). The ends of an open polyline stay; where a closed one begins makes no
        difference.

    Raises:
        ValueError: `points` is not finite (N, 2), or alpha is not above 0.

    >>> adaptive_smoothing([[0, 0], [0.4, 1], [0, 2]]).round(3).tolist()
    [[0.0, 0.0], [0.315, 1.0], [0.0, 2.0]]
    """
    rows, columns, gaussians, levels = _solve(points, alpha, closed)
    smooth = np.empty((len(levels), 2))
    _smooth(rows, columns, gaussians, levels, smooth)
    return smooth


def sigmas(points: ArrayLike, alpha: float = 0.5, closed: bool = False) -> NDArray[np.float64]:
    """Return the widths of the Gaussians, (N,): the largest that these rules allow together.

    A sigma is 0 at both ends of an open polyline, moves its point by less than 0.5, and differs by
    at most `alpha` from its neighbours'. It is a multiple of `step(alpha)`, `MAX_SIGMA` at most. If
    two choices of all sigmas satisfy this, so do the larger of the two at each point: hence there
    is one choice that is the largest everywhere. Kernels are sampled at the whole numbers within
    two sigma, and normalised; those that reach over an end (alpha > 0.5) use the points there are.
    """
    return np.asarray(_solve(points, alpha, closed)[-1] * step(alpha), dtype=np.float64)


def step(alpha: float) -> float:
    """The distance between sigmas tried: the largest part of alpha that is at most `MAX_STEP`."""
    return alpha / math.ceil(alpha / MAX_STEP)


def _solve(
    points: ArrayLike, alpha: float, closed: bool
) -> tuple[Points, Points, Gaussians, Levels]:
    """Return rows and columns (a closed polyline's go on at both ends), Gaussians, and levels."""
    coordinates = np.asarray(points, dtype=np.float64)
    if coordinates.ndim != 2 or coordinates.shape[1] != 2 or not np.isfinite(coordinates).all():
        raise ValueError(f"points are finite and (N, 2), not {coordinates.shape}")
    if not alpha > 0:
        raise ValueError(f"alpha is {alpha}; it must be above 0")
    gaussians = _gaussians(step(alpha))
    radii = gaussians[1]
    count = len(coordinates)
    levels = np.full(count, len(radii) - 1, dtype=np.int64)
    if not closed:
        levels[:1] = levels[-1:] = 0
    rows, columns = np.ascontiguousarray(coordinates.T)
    if closed and count:
        around = np.arange(-radii[-1], count + radii[-1]) % count
        rows, columns = rows[around], columns[around]
    _lower(rows, columns, gaussians, closed, round(alpha / step(alpha)), levels)
    return rows, columns, gaussians, levels


@cache  # a noisy map has thousands of contours
def _gaussians(step: float) -> Gaussians:
    """Return right halves of the kernels of sigma 0, step, 2 step, ..., and their radii."""
    count = int(MAX_SIGMA / step) + 1
    radii = np.array([int(2 * level * step + 1e-9) for level in range(count)], dtype=np.int64)
    halves = np.zeros((count, radii[-1] + 1))
    halves[:, 0] = 1
    for level in range(1, count):
        places = np.arange(radii[level] + 1)
        half = np.exp(-((places / (level * step)) ** 2) / 2)
        halves[level, : len(half)] = half / (2 * half.sum() - half[0])
    return halves, radii


@kernel
def _lower(rows, columns, gaussians, closed, slope, levels):  # type: ignore[no-untyped-def]
    """Lower the levels, from the highest, until each goes with its neighbours and moves little.

    Lowering one point's level never allows another a higher one: any order ends at the same levels.
    """
    count = len(levels)
    known = np.zeros(count, dtype=np.bool_)  # whether the point moves little at its level
    changed = count > 0
    while changed:
        changed = False
        for turn in range(2 * count):  # forwards, then backwards
            place = turn if turn < count else 2 * count - 1 - turn
            before = place - 1 if turn < count else place + 1
            if closed:
                before %= count
            elif place == 0 or place == count - 1:
                continue
            level = min(levels[place], levels[before] + slope)
            if level == levels[place] and known[place]:
                continue
            while level > 0 and not _is_near(rows, columns, gaussians, level, place, count):
                level -= 1
            levels[place] = level
            known[place] = changed = True


@kernel
def _smooth(rows, columns, gaussians, levels, out):  # type: ignore[no-untyped-def]
    """Write the smoothed points."""
    for place in range(len(levels)):
        out[place, 0], out[place, 1] = _moved(
            rows, columns, gaussians, levels[place], place, len(levels)
        )


@kernel
def _is_near(rows, columns, gaussians, level, place, count):  # type: ignore[no-untyped-def]
    """Whether a point is moved by less than `MAX_MOVE_PX`."""
    here = place + (len(rows) - count) // 2
    row, column = _moved(rows, columns, gaussians, level, place, count)
    return (row - rows[here]) ** 2 + (column - columns[here]) ** 2 < MAX_MOVE_PX**2 - ROUNDING


@kernel
def _moved(rows, columns, gaussians, level, place, count):  # type: ignore[no-untyped-def]
    """A smoothed point: sums are of distances from it, so that an exact line stays exact."""
    here = place + (len(rows) - count) // 2
    row, column = rows[here], columns[here]
    kernels, radii = gaussians
    right, down, weight = 0.0, 0.0, kernels[level, 0]
    for far in range(1, radii[level] + 1):
        share = kernels[level, far]
        before, behind = here - far, here + far
        if before >= 0 and behind < len(rows):
            down += share * ((rows[before] - row) + (rows[behind] - row))
            right += share * ((columns[before] - column) + (columns[behind] - column))
            weight += 2 * share
        elif before >= 0 or behind < len(rows):  # over an end
            other = before if before >= 0 else behind
            down += share * (rows[other] - row)
            right += share * (columns[other] - column)
            weight += share
    return row + down / weight, column + right / weight
