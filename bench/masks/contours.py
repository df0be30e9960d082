"""The outline of a map between its pixels, and the mask that an outline encloses.

A contour is a closed polygon, float64 (N, 2) of row and column, that keeps the foreground on its
left (as seen on the screen); pixel centres are whole numbers. It has one point between any two
neighbouring pixels of which one is foreground: where linear interpolation between their values
gives 127.5. A pixel is in a mask when its centre lies on or inside the contours. No point is on a
pixel's centre, so `fill(contours(map))` is `map >= 128` for every map, and the mask changes only
where a moved contour crosses a pixel's centre.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.masks.compiled.jit import kernel
from bench.masks.compiled.runs import fill_runs
from bench.masks.rle import map_runs
from bench.masks.types import THRESHOLD, Map, Mask, Points, Size

LEVEL = THRESHOLD - 0.5
INITIAL_POINTS = 2**13  # of an array that grows; the outline of a car has about 5,000


def contours(map: Map) -> list[Points]:
    """The contours of a map's objects and holes, closed along the border of the image.

    Nothing beyond the border is foreground; points there lie half a pixel outside (`on_edge`).
    Where two pairs of diagonal neighbours meet, the mean of the four decides which is joined.

    >>> contours(np.array([[0, 255, 0]], np.uint8))[0].tolist()
    [[0.0, 0.5], [0.5, 1.0], [0.0, 1.5], [-0.5, 1.0]]
    """
    height, width = map.shape
    padded = np.zeros((height + 2, width + 2), np.uint8)
    padded[1:-1, 1:-1] = map
    starts = map_runs(padded)[:, 0] - 1
    points, ends = _trace(padded.reshape(-1), width + 2, height + 2, starts)
    return np.split(points, ends[:-1]) if len(ends) else []


def on_edge(points: Points, shape: Size) -> Mask:
    """Whether each point, (N,), lies beyond all pixel centres: the border cuts the object there."""
    return np.asarray(((points < 0) | (points > np.array(shape) - 1)).any(axis=1))


def fill(contours: Sequence[Points], shape: Size) -> Mask:
    """Mask of the pixels whose centres lie on or inside contours: windings add up to 1 or more.

    Contours that were moved may cross themselves and each other. A pixel that they wind around the
    wrong way is not inside; a pixel that they wind around twice is inside once.
    """
    mask = np.zeros(shape, dtype=np.bool_)
    if not contours:
        return mask
    crossings = [_crossings(contour, shape) for contour in contours]
    places, turns = (np.concatenate(each) for each in zip(*crossings, strict=True))
    order = np.argsort(places, kind="stable")
    places, inside = places[order], np.cumsum(turns[order]) > 0
    last = np.diff(places, append=-1) != 0  # it has the sum of all crossings at its place
    places, inside = places[last], inside[last]
    changes = places[np.diff(inside, prepend=False)]
    runs = np.stack([changes[0::2] + 1, changes[1::2] - changes[0::2]], axis=1)
    fill_runs(mask.reshape(-1).view(np.uint8), runs)
    return mask


def enclosed_pixels(contour: Points, shape: Size) -> int:
    """The number of pixels that a contour adds to the mask: negative for a hole's contour."""
    places, turns = _crossings(contour, shape)
    return -int(places @ turns)


def _crossings(contour: Points, shape: Size) -> tuple[NDArray[np.int64], ...]:
    """Where a contour crosses rows of pixel centres: the flat index of the next pixel, and 1 or -1.

    1 enters the foreground, -1 leaves it.
    """
    closed = np.concatenate([contour, contour[:1]])
    capacity = int(np.abs(np.diff(closed[:, 0])).sum()) + 2 * len(contour)
    places, turns = np.empty((2, capacity), dtype=np.int64)
    count = _write_crossings(closed, *shape, places, turns)
    return places[:count], turns[:count]


@kernel
def _trace(pixels, width, height, starts):  # type: ignore[no-untyped-def]
    """Walk along every border of a padded flat map: the points of all contours, and their ends."""
    visited = np.zeros(pixels.size, dtype=np.bool_)  # downward steps, by the pixel on their left
    points = np.empty((INITIAL_POINTS, 2))
    ends = np.empty(len(starts), dtype=np.int64)
    count = closed = 0
    for start in starts:
        if visited[start]:
            continue
        inside, outside, ahead = start, start - 1, width
        while True:
            if ahead == width:
                if visited[inside]:
                    break
                visited[inside] = True
            if count == len(points):
                longer = np.empty((2 * count, 2))
                longer[:count] = points
                points = longer
            points[count] = _between(pixels, width, height, inside, outside)
            count += 1
            front, across = inside + ahead, outside + ahead
            ahead_in, across_in = pixels[front] >= THRESHOLD, pixels[across] >= THRESHOLD
            if across_in and not ahead_in:  # diagonal neighbours: is their middle foreground?
                total = int(pixels[inside]) + pixels[outside] + pixels[front] + pixels[across]
                across_in = total >= 4 * LEVEL
            if ahead_in and not across_in:
                inside, outside = front, across
            elif across_in:  # turn to the right, around the pixel outside
                inside, ahead = across, outside - inside
            else:  # turn to the left, around the pixel inside
                outside, ahead = front, inside - outside
        ends[closed] = count
        closed += 1
    return points[:count], ends[:closed]


@kernel
def _between(pixels, width, height, inside, outside):  # type: ignore[no-untyped-def]
    """The point of a contour between two neighbours, without the padding."""
    row, column = outside // width, outside % width
    away = 0.5
    if 0 < row < height - 1 and 0 < column < width - 1:
        value = float(pixels[inside])
        away = (value - LEVEL) / (value - float(pixels[outside]))
    step = outside - inside
    down = (step == width) - (step == -width)
    right = (step == 1) - (step == -1)
    return inside // width - 1 + away * down, inside % width - 1 + away * right


@kernel
def _write_crossings(points, height, width, places, turns):  # type: ignore[no-untyped-def]
    """Write the crossings of a polygon whose last point is its first; return how many there are."""
    count = 0
    for k in range(len(points) - 1):
        top, bottom = k, k + 1
        down = points[k, 0] < points[k + 1, 0]
        if not down:
            top, bottom = bottom, top
        first, column = points[top]
        last = points[bottom, 0]
        if first == last:
            continue
        across = points[bottom, 1] - column
        for row in range(max(0, int(np.ceil(first))), min(height, int(np.ceil(last)))):
            # a share of at most 1 of any width, and exact in the row of the upper point
            place = column + (row - first) / (last - first) * across
            after = int(np.ceil(place)) if down else int(np.floor(place)) + 1
            places[count] = row * width + min(max(after, 0), width)
            turns[count] = 1 if down else -1
            count += 1
    return count
