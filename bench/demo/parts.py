"""What is bolted to the body: wheels, mirrors, roof rack, antenna, handles, exhaust."""

import numpy as np
from numpy.typing import NDArray

from bench.demo.car import (
    ALLOY,
    CHROME,
    PAINT,
    RED,
    RUBBER,
    TRIM,
    VOID,
    WHEEL,
    Floats,
    Mesh,
    Shape,
    axles,
    cabin,
    half_width,
    join,
    lattice,
    lower_body,
    lower_top,
    mirrored,
    roof_line,
)


def _lathe(outline: list[tuple[float, float]], kind: int, count: int = 64) -> Mesh:
    """Surface of revolution about the Y axis of an outline of (radius, y)."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    radius, along = np.transpose(outline)
    points = np.stack(
        [
            radius[:, None] * np.cos(angle),
            np.broadcast_to(along[:, None], (len(radius), count)),
            radius[:, None] * np.sin(angle),
        ],
        axis=-1,
    )
    sheet = points[..., [0, 2]]
    return lattice(points, True, kind, sheet)


def _moved(part: Mesh, to: tuple[float, float, float]) -> Mesh:
    return part._replace(points=part.points + np.array(to))


def ellipsoid(size: tuple[float, float, float], kind: int, square: float = 2.0) -> Mesh:
    """A rounded block of half sizes `size`; `square` 2 is an ellipsoid, more is boxier."""
    up = np.linspace(-np.pi / 2, np.pi / 2, 15)[:, None]
    round_ = np.linspace(0, 2 * np.pi, 24, endpoint=False)[None, :]

    def power(value: Floats) -> Floats:
        return np.sign(value) * np.abs(value) ** (2 / square)

    points = np.stack(
        np.broadcast_arrays(
            power(np.cos(up)) * power(np.cos(round_)) * size[0],
            power(np.cos(up)) * power(np.sin(round_)) * size[1],
            power(np.sin(up)) * size[2],
        ),
        axis=-1,
    )
    return lattice(points, True, kind)


def tube(path: Floats, radius: float, kind: int) -> Mesh:
    """A round bar along a path of points (N, 3)."""
    ahead = np.gradient(path, axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    helper = np.where(np.abs(ahead[:, 1:2]) < 0.9, np.array([0.0, 1, 0]), np.array([1.0, 0, 0]))
    across = np.cross(ahead, helper)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    other = np.cross(ahead, across)
    angle = np.linspace(0, 2 * np.pi, 10, endpoint=False)[None, :, None]
    ring = across[:, None] * np.cos(angle) + other[:, None] * np.sin(angle)
    return lattice(path[:, None] + radius * ring, True, kind)


def wheel(shape: Shape) -> Mesh:
    """The left wheel around the origin, outer face towards +Y."""
    r, rim = shape.tyre, shape.rim * shape.tyre
    width = 0.62 * r
    tyre = _lathe(
        [(rim - 0.005, -0.02), (rim, 0.0), (rim + 0.3 * (r - rim), 0.012), (r - 0.045, 0.008),
         (r - 0.018, -0.006), (r - 0.003, -0.03), (r, -0.06), (r, 0.06 - width),
         (r - 0.02, -width), (0.7 * r, -width - 0.01), (0.01, -width)],
        RUBBER,
    )  # fmt: skip
    lip = _lathe(
        [(rim - 0.030, -0.05), (rim - 0.022, -0.015), (rim - 0.012, 0.0), (rim, 0.002)], ALLOY
    )
    face = _lathe(
        [(0.001, 0.004), (0.05, 0.004), (0.065, -0.008), (0.3 * rim, -0.014), (0.8 * rim, -0.012),
         (rim - 0.028, -0.020)],
        WHEEL,
    )  # fmt: skip
    return join([tyre, lip, face])


def _arch_liner(shape: Shape) -> Mesh:
    """A black half drum and back wall behind each wheel."""
    r = 1.16 * shape.tyre
    drum = _lathe([(0.01, -0.42), (r, -0.42), (r + 0.004, -0.02)], VOID, 48)
    return drum._replace(points=np.maximum(drum.points, [-9, -9, shape.clearance - shape.tyre + 0.03]))


def _mirror(shape: Shape) -> Mesh:
    s = shape.cowl[0] + 0.42
    x = shape.length / 2 - s
    y = 0.955 * float(half_width(shape, np.array([s]))[0])
    z = float(lower_top(shape, np.array([s]))[0]) + 0.06
    big = shape.height / 1.46
    head = ellipsoid((0.075 * big, 0.115 * big, 0.072 * big), PAINT, 2.7)
    arm = ellipsoid((0.04, 0.10, 0.022), TRIM, 2.5)
    return join([_moved(head, (x, y + 0.15 * big, z)), _moved(arm, (x + 0.01, y + 0.03, z - 0.05))])


def _rail(shape: Shape) -> Mesh:
    front, rear = shape.roof
    s = np.linspace(front + 0.12, rear - 0.10, 40)
    y = np.full_like(s, 0.60 * shape.width / 2 * shape.tumble / 0.76)
    top = roof_line(shape, s)
    lift = 0.075 * np.clip(np.minimum(s - s[0], s[-1] - s) / 0.10, 0, 1) ** 0.5 - 0.02
    kind = CHROME if shape.spokes % 2 else TRIM
    parts = [tube(np.stack([shape.length / 2 - s, y, top + lift - 0.02], axis=1), 0.017, kind)]
    for place in (0.33, 0.67):
        at = round(place * 39)
        block = ellipsoid((0.07, 0.014, 0.04), kind, 4)
        parts.append(_moved(block, (shape.length / 2 - s[at], y[at], top[at] - 0.01)))
    return join(parts)


def _antenna(shape: Shape) -> list[Mesh]:
    s = shape.roof[1] - 0.15
    x, z = shape.length / 2 - s, float(roof_line(shape, np.array([s]))[0])
    if shape.antenna == "fin":
        up = np.linspace(0, 1, 8)[:, None]
        around = np.linspace(0, 2 * np.pi, 20, endpoint=False)[None, :]
        fin_x = x - 0.06 * up + 0.09 * (1 - up) ** 0.8 * np.cos(around)
        fin = (fin_x, 0.02 * (1 - up) * np.sin(around), z - 0.02 + 0.085 * up + 0 * around)
        return [lattice(np.stack(np.broadcast_arrays(*fin), axis=-1), True, PAINT)]
    if shape.antenna == "rod":
        t = np.linspace(0, 1, 6)[:, None]
        path = np.array([x, 0.0, z - 0.01]) + t * np.array([-0.22, 0.0, 0.24])
        return [tube(path, 0.0055, TRIM)]
    return []


def _handles(shape: Shape) -> list[Mesh]:
    """A handle before the rear seam of each side door."""
    handles = []
    kind = CHROME if shape.spokes in (6, 10) else PAINT
    for seam in shape.doors[1:]:
        s = seam - 0.16
        z = float(lower_top(shape, np.array([s]))[0]) - 0.20
        y = float(half_width(shape, np.array([s]))[0]) * 0.993
        x = shape.length / 2 - s
        handles.append(_moved(ellipsoid((0.10, 0.028, 0.017), kind, 2.6), (x, y, z)))
    return handles


def _exhaust(shape: Shape) -> Mesh:
    x = -shape.length / 2 + 0.12
    path = np.array([[x + 0.25, 0, 0], [x + 0.1, 0, 0], [x - 0.03, 0, 0]])
    pipe = join([tube(path, 0.035, CHROME), tube(path * [1.002, 1, 1], 0.030, VOID)])
    return _moved(pipe, (0.0, 0.52 * shape.width / 2, shape.clearance + 0.06))


def build(shape: Shape) -> Mesh:
    """All triangles of the car, in car coordinates, the tyres standing on Z = 0."""
    pair: list[Mesh] = [_mirror(shape), *_handles(shape)]
    half = shape.width / 2
    for x in axles(shape):
        pair.append(_moved(wheel(shape), (x, half - 0.025, shape.tyre)))
        pair.append(_moved(_arch_liner(shape), (x, half - 0.02, shape.tyre)))
    if shape.rack:
        pair.append(_rail(shape))
    pair.append(_exhaust(shape))
    single = [lower_body(shape), *cabin(shape), *_antenna(shape)]
    return join([*single, *pair, *map(mirrored, pair)])
