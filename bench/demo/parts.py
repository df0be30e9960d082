"""What is bolted to the body: wheels, mirrors, roof rack, antenna, handles, exhaust."""

import numpy as np

from bench.demo.body import cabin, lower_body
from bench.demo.mesh import (
    ALLOY,
    CHROME,
    PAINT,
    RUBBER,
    TRIM,
    VOID,
    WHEEL,
    Mesh,
    ellipsoid,
    join,
    lathe,
    lattice,
    mirrored,
    moved,
    tube,
)
from bench.demo.shape import ARCH, Shape, axles, belt, half_width, roof_line
from bench.masks.types import Floats


def build(shape: Shape) -> Mesh:
    """All triangles of the car, in car coordinates, the tyres standing on Z = 0."""
    left = [_mirror(shape), _exhaust(shape), *_handles(shape)]
    for axle in axles(shape):
        left.append(moved(_wheel(shape), (axle, shape.width / 2 - 0.055, shape.tyre)))
        left.append(moved(_arch(shape), (axle, shape.width / 2 - 0.02, shape.tyre)))
    if shape.rack:
        left.append(_rail(shape))
    middle = [lower_body(shape), cabin(shape), *_antenna(shape)]
    return join([*middle, *left, *map(mirrored, left)])


def _wheel(shape: Shape) -> Mesh:
    """The left wheel around the origin, outer face towards +Y."""
    r, rim = shape.tyre, shape.rim * shape.tyre
    width = 0.62 * r
    tyre = [
        (rim - 0.005, -0.02),
        (rim, 0.0),
        (rim + 0.3 * (r - rim), 0.012),
        (r - 0.045, 0.008),
        (r - 0.018, -0.006),
        (r - 0.003, -0.03),
        (r, -0.06),
        (r, 0.06 - width),
        (r - 0.02, -width),
        (0.7 * r, -width - 0.01),
        (0.01, -width),
    ]
    lip = [(rim - 0.030, -0.05), (rim - 0.022, -0.015), (rim - 0.012, 0.0), (rim, 0.002)]
    face = [
        (0.001, 0.004),
        (0.05, 0.004),
        (0.065, -0.008),
        (0.3 * rim, -0.014),
        (0.8 * rim, -0.012),
        (rim - 0.028, -0.020),
    ]
    return join([lathe(tyre, RUBBER), lathe(lip, ALLOY), lathe(face, WHEEL)])


def _arch(shape: Shape) -> Mesh:
    """A black half drum with a back wall behind each wheel, around the wheel's middle."""
    radius = (ARCH + 0.01) * shape.tyre
    low = np.arcsin((shape.clearance + 0.04 - shape.tyre) / radius)
    angle = np.linspace(low, np.pi - low, 40)[None, :]
    reach = np.array([0.01, 1.0, 1.0])[:, None] * radius
    y = np.array([-0.42, -0.42, -0.03])[:, None]
    points = np.broadcast_arrays(reach * np.cos(angle), y, reach * np.sin(angle))
    return lattice(np.stack(points, axis=-1), VOID)


def _side_place(shape: Shape, s: float, above: float) -> tuple[float, float, float]:
    """A place on the left side at `s`, `above` metres over the belt."""
    y = float(half_width(shape, np.array([s]))[0])
    return shape.length / 2 - s, y, belt(shape, s) + above


def _mirror(shape: Shape) -> Mesh:
    x, y, z = _side_place(shape, shape.cowl[0] + 0.42, 0.115)
    big = shape.height / 1.46
    y = 0.955 * y + 0.15 * big
    head = ellipsoid((0.075 * big, 0.115 * big, 0.072 * big), PAINT, 2.3)
    glass = ellipsoid((0.022, 0.085 * big, 0.050 * big), CHROME, 2.6)
    arm = ellipsoid((0.04, 0.10, 0.022), TRIM, 2.5)
    return join(
        [
            moved(head, (x, y, z)),
            moved(glass, (x - 0.060 * big, y, z)),
            moved(arm, (x + 0.01, y - 0.12 * big, z - 0.05)),
        ]
    )


def _handles(shape: Shape) -> list[Mesh]:
    """A handle before the rear seam of each side door."""
    handle = ellipsoid((0.10, 0.028, 0.017), CHROME if shape.bright else PAINT, 2.6)
    handles = []
    for seam in shape.doors[1:]:
        x, y, z = _side_place(shape, seam - 0.16, -0.145)
        handles.append(moved(handle, (x, 0.993 * y, z)))
    return handles


def _rail(shape: Shape) -> Mesh:
    """A roof rail on four feet, with daylight under it."""
    s = np.linspace(shape.roof[0] + 0.12, shape.roof[1] - 0.10, 40)
    y = np.full_like(s, 0.79 * shape.width / 2 * shape.tumble)
    top = roof_line(shape, s)
    lift = 0.075 * np.clip(np.minimum(s - s[0], s[-1] - s) / 0.10, 0, 1) ** 0.5
    kind = CHROME if shape.bright else TRIM
    x = shape.length / 2 - s
    parts = [tube(np.stack([x, y, top + lift - 0.04], axis=1), 0.017, kind)]
    for foot in (13, 26):
        block = ellipsoid((0.07, 0.014, 0.04), kind, 4)
        parts.append(moved(block, (x[foot], y[foot], top[foot] - 0.01)))
    return join(parts)


def _antenna(shape: Shape) -> list[Mesh]:
    s = shape.roof[1] - 0.15
    x, z = shape.length / 2 - s, float(roof_line(shape, np.array([s]))[0])
    if shape.antenna == "fin":
        up = np.linspace(0, 1, 8)[:, None]
        about = np.linspace(0, 2 * np.pi, 20, endpoint=False)[None, :]
        fin_x = x - 0.06 * up + 0.09 * (1 - up) ** 0.8 * np.cos(about)
        fin_y = 0.02 * (1 - up) * np.sin(about)
        fin = np.broadcast_arrays(fin_x, fin_y, z - 0.02 + 0.085 * up)
        return [lattice(np.stack(fin, axis=-1), PAINT, closed=True)]
    if shape.antenna == "rod":
        along = np.linspace(0, 1, 6)[:, None]
        path = np.array([x, 0.0, z - 0.01]) + along * np.array([-0.22, 0.0, 0.24])
        return [tube(path, 0.0055, TRIM)]
    return []


def _exhaust(shape: Shape) -> Mesh:
    x = -shape.length / 2 + 0.17
    path = np.array([[x + 0.25, 0, 0], [x + 0.1, 0, 0], [x - 0.03, 0, 0]])
    hole = np.array([[x + 0.2, 0, 0], [x + 0.1, 0, 0], [x - 0.032, 0, 0]])
    pipe = join([tube(path, 0.035, CHROME), _end(hole, 0.031)])
    return moved(pipe, (0.0, 0.52 * shape.width / 2, shape.clearance + 0.06))


def _end(path: Floats, radius: float) -> Mesh:
    """A black disc that closes the rear end of a pipe."""
    angle = np.linspace(0, -2 * np.pi, 12, endpoint=False)[None, :]
    reach = np.array([radius, 0.0])[:, None]
    x = np.full((1, 1), path[-1, 0])
    points = np.broadcast_arrays(x, reach * np.cos(angle), reach * np.sin(angle))
    return lattice(np.stack(points, axis=-1), VOID, closed=True)
