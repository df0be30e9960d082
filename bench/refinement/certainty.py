"""Where a contour can be trusted: stretches at which the map nearby is close to 0 or 1, and others.

Source: Heitzinger & Kampel 2020. How near and how close are ours.
"""

import numpy as np
from numpy.typing import NDArray

from bench.masks.compiled.jit import kernel
from bench.masks.contours import on_edge
from bench.masks.types import Map, Points

NEAR_PX = 8  # half the side of the square around a point, less its middle
CLOSE = 0.5  # mean of |2 p - 1| over the square from which on its point is certain
LEAST = 16  # points: a shorter stretch of uncertain ones is too short to find a better way for

Places = NDArray[np.int64]


def certain(map: Map, contour: Points) -> list[Places]:
    """The stretches of certain points of a contour, as places in it, in order.

    Points at the edge of the image are in no stretch: nothing is known of what lies beyond. A
    contour that is certain all around is one stretch, from 0 on.
    """
    return _stretches(_is_certain(map, contour) & ~on_edge(contour, map.shape))


def uncertain(map: Map, contour: Points) -> list[Places]:
    """The stretches of at least `LEAST` uncertain points, as `certain` gives the others."""
    flags = ~_is_certain(map, contour) & ~on_edge(contour, map.shape)
    return [each for each in _stretches(flags) if len(each) >= LEAST]


def _is_certain(map: Map, contour: Points) -> NDArray[np.bool_]:
    found = np.empty(len(contour))
    _closeness(map, contour, found)
    return found >= CLOSE


def _stretches(flags: NDArray[np.bool_]) -> list[Places]:
    """Runs of flags that are set, around a ring."""
    if flags.all():
        return [np.arange(len(flags))]
    first = int(np.argmin(flags))  # one that is not set: no run goes over it
    around = np.roll(flags, -first)
    changes = np.flatnonzero(np.diff(around, prepend=False, append=False))
    return [
        (np.arange(start, stop) + first) % len(flags)
        for start, stop in zip(changes[::2], changes[1::2], strict=True)
    ]


@kernel
def _closeness(map, points, found):  # type: ignore[no-untyped-def]
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
        found[place] = total / (255 * len(rows) * (right - left))
