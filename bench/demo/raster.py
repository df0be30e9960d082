"""Which triangle each sub-sample of a photograph sees: a z-buffer at twice the resolution."""

import math
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bench.demo.mesh import BODY, VOID
from bench.masks.compiled.jit import inlined, kernel
from bench.masks.types import Floats, Size

SUBSAMPLES = 2  # sub-samples along each side of a pixel
EDGE_TOLERANCE = 1e-9  # share of a triangle by which it reaches over its edges: no cracks


@partial(kernel, error_model="numpy")
def nearest_triangles(
    screen: Floats,
    points: Floats,
    triangles: NDArray[np.int32],
    kind: NDArray[np.int8],
    arches: Floats,
    size: Size,
) -> NDArray[np.int32]:
    """The nearest triangle at each sub-sample of a raster of `size`, -1 where there is none.

    BODY triangles are cut away inside the wheel arches. Through the arches the inside of BODY and
    VOID can be seen; all other triangles are left out when seen from behind.

    Args:
        screen: column, row and 1 / depth of each point in the raster, (V, 3).
        arches: X of the front and rear axle, height and radius of the wheel arches, (4,).
    """
    triangle_at = np.full(size, -1, np.int32)
    nearest = np.zeros(size, np.float32)
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, aw = screen[a, 0], screen[a, 1], screen[a, 2]
        bx, by, bw = screen[b, 0], screen[b, 1], screen[b, 2]
        cx, cy, cw = screen[c, 0], screen[c, 1], screen[c, 2]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0.0 or (area > 0.0 and kind[t] != VOID and kind[t] != BODY):
            continue
        first, end = _first(ax, bx, cx), _end(ax, bx, cx, size[1])
        du, dv = (by - cy) / area, (cy - ay) / area
        for row in range(_first(ay, by, cy), _end(ay, by, cy, size[0])):
            x, y = first + 0.5, row + 0.5
            u = ((bx - x) * (cy - y) - (by - y) * (cx - x)) / area - du
            v = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) / area - dv
            for column in range(first, end):
                u, v = u + du, v + dv
                w = 1.0 - u - v
                if min(u, v, w) < -EDGE_TOLERANCE:
                    continue
                near = u * aw + v * bw + w * cw
                if near <= nearest[row, column]:
                    continue
                if kind[t] == BODY:
                    p, q, r = u * aw / near, v * bw / near, w * cw / near
                    along = p * points[a, 0] + q * points[b, 0] + r * points[c, 0]
                    up = p * points[a, 2] + q * points[b, 2] + r * points[c, 2]
                    if _in_arch(along, up, arches):
                        continue
                nearest[row, column] = near
                triangle_at[row, column] = t
    return triangle_at


@inlined
def _first(a: float, b: float, c: float) -> int:
    """The first sample whose middle is at least the smallest of the three."""
    return max(0, math.ceil(min(a, b, c) - 0.5))


@inlined
def _end(a: float, b: float, c: float, size: int) -> int:
    """One more than the last of `size` samples whose middle is at most the largest of the three."""
    return min(size, math.floor(max(a, b, c) - 0.5) + 1)


@inlined
def _in_arch(x: float, z: float, arches: Floats) -> bool:
    away = min(abs(x - arches[0]), abs(x - arches[1]))
    return away * away + (z - arches[2]) ** 2 < arches[3] * arches[3]
