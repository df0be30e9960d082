"""Where a contour can be trusted: where the map around it is mostly close to 0 or 1.

Source: Heitzinger & Kampel 2020; the size of the square and the threshold are our choice.
"""

import numpy as np
from numpy.typing import NDArray

from bench.masks.compiled.jit import kernel
from bench.masks.contours import on_edge
from bench.masks.types import Map, Points

NEAR_PX = 8  # from a point to each side of the square around it
CERTAIN_FROM = 0.5  # the mean of |2 p - 1| over the square
MIN_POINTS = 16  # a shorter uncertain stretch is too short for a better path

Places = NDArray[np.int64]


def certain(map: Map, contour: Points) -> list[Places]:
    """The stretches of certain points of a contour, each as indices of its points, in order.

    Points at the edge of the image are in no stretch: nothing is known of what lies beyond. A
    contour that is certain all around is one stretch that begins at 0.
    """
    return _stretches(_is_certain(map, contour) & ~on_edge(contour, map.shape))


def uncertain(map: Map, contour: Points) -> list[Places]:
    """The stretches of at least `MIN_POINTS` uncertain points, in the form of `certain`."""
    flags = ~_is_certain(map, contour) & ~on_edge(contour, map.shape)
    return [stretch for stretch in _stretches(flags) if len(stretch) >= MIN_POINTS]


def _is_certain(map: Map, contour: Points) -> NDArray[np.bool_]:
    certainty = np.empty(len(contour))
    _write_certainty(map, contour, certainty)
    return certainty >= CERTAIN_FROM


def _stretches(flags: NDArray[np.bool_]) -> list[Places]:
    """The indices of each run of set flags, around a ring."""
    if flags.all():
        return [np.arange(len(flags))]
    first = int(np.argmin(flags))  # a flag that is not set: no run goes over it
    around = np.roll(flags, -first)
    changes = np.flatnonzero(np.diff(around, prepend=False, append=False))
    return [
        (np.arange(start, stop) + first) % len(flags)
        for start, stop in zip(changes[::2], changes[1::2], strict=True)
    ]


@kernel
def _write_certainty(map, points, out):  # type: ignore[no-untyped-def]
    """Write the mean of |2 p - 1| over the part of each point's square that lies in the image."""
    height, width = map.shape
    for place in range(len(points)):
        row, column = round(points[place, 0]), round(points[place, 1])
        rows = range(max(0, row - NEAR_PX), min(height, row + NEAR_PX + 1))
        left, right = max(0, column - NEAR_PX), min(width, column + NEAR_PX + 1)
        total = 0
        for y in rows:
            for x in range(left, right):
                total += abs(2 * int(map[y, x]) - 255)
        out[place] = total / (255 * len(rows) * (right - left))
