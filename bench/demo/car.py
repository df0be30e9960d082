"""A parametric car: the numbers that describe one, and the triangle mesh they give.

Car coordinates in metres: X to the front, Y to the left, Z up, origin on the floor under the
middle of the car. `s` is the distance from the nose, s = length / 2 - X.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# What a triangle is made of: a plain material (>= 0), or the sheet that is looked up (< 0).
PAINT, GLASS, TRIM, CHROME, LAMP, RED, AMBER, PLATE, BLUE, RUBBER, ALLOY, VOID = range(12)
BODY, CABIN, ROOF, WHEEL = -1, -2, -3, -4


@dataclass(frozen=True)
class Shape:
    """One car in metres; positions along it count from the nose."""

    style: str
    length: float
    width: float
    height: float
    wheelbase: float
    overhang: float  # nose to front axle
    tyre: float  # radius
    clearance: float
    nose: float  # height of the bonnet's leading edge
    cowl: tuple[float, float]  # (s, z): foot of the windscreen
    roof: tuple[float, float]  # (s, s): front and rear edge of the roof
    tail: tuple[float, float]  # (s, z): foot of the rear window
    deck: float  # height of the boot lid's or load bed's end
    boxy: float  # exponent of the rounding: 2.3 round .. 4.5 square
    pillars: tuple[float, ...]  # s of the pillars between side windows
    doors: tuple[float, ...]  # s of the door seams
    tumble: float = 0.76  # roof width / body width
    bed: tuple[float, float] | None = None  # (s, s): open load bed of a pickup
    rack: bool = False
    antenna: str = "fin"  # fin | rod | none
    rim: float = 0.68  # rim radius / tyre radius
    spokes: int = 5
    clad: bool = False  # black plastic along sills and arches


STYLES = (
    Shape("sedan", 4.86, 1.85, 1.46, 2.80, 0.93, 0.335, 0.17, 0.70, (1.28, 0.97), (2.12, 3.40),
          (4.22, 1.06), 1.04, 2.6, (2.55, 3.62), (1.45, 2.55, 3.55)),
    Shape("hatchback", 4.20, 1.77, 1.50, 2.58, 0.85, 0.315, 0.17, 0.72, (1.02, 0.99), (1.85, 3.55),
          (4.02, 1.08), 1.00, 2.7, (2.30, 3.30), (1.20, 2.30, 3.20)),
    Shape("suv", 4.72, 1.90, 1.72, 2.74, 0.92, 0.365, 0.23, 0.86, (1.20, 1.12), (2.00, 4.10),
          (4.56, 1.17), 1.10, 3.2, (2.48, 3.48), (1.38, 2.48, 3.42), rack=True, clad=True),
    Shape("large suv", 5.25, 2.02, 1.88, 2.98, 1.00, 0.400, 0.25, 0.98, (1.32, 1.22), (2.12, 4.90),
          (5.13, 1.24), 1.18, 3.9, (2.62, 3.72), (1.50, 2.62, 3.66), 0.80, rack=True),
    Shape("pickup", 5.80, 2.00, 1.90, 3.55, 1.00, 0.400, 0.27, 1.02, (1.38, 1.24), (2.12, 3.52),
          (3.84, 1.28), 1.26, 3.8, (2.66,), (1.55, 2.66, 3.66), 0.78, bed=(3.98, 5.66)),
    Shape("van", 5.10, 1.99, 1.75, 3.00, 0.98, 0.345, 0.18, 0.76, (1.02, 1.04), (2.05, 4.70),
          (5.00, 1.10), 1.04, 3.2, (2.45, 3.62), (1.30, 2.45, 3.60), 0.80),
    Shape("coupe", 4.55, 1.83, 1.36, 2.68, 0.90, 0.335, 0.15, 0.68, (1.42, 0.93), (2.28, 3.02),
          (4.02, 1.02), 0.99, 2.5, (2.98,), (1.56, 2.95), 0.74),
    Shape("wagon", 4.80, 1.84, 1.50, 2.75, 0.93, 0.335, 0.17, 0.70, (1.26, 0.98), (2.10, 4.20),
          (4.64, 1.06), 1.02, 2.8, (2.52, 3.56), (1.42, 2.52, 3.50), rack=True),
)  # fmt: skip


def random_shape(random: np.random.Generator) -> Shape:
    """A style with its proportions varied by a few per cent and its accessories chosen anew."""
    base = STYLES[random.choice(len(STYLES), p=(0.24, 0.13, 0.22, 0.09, 0.09, 0.06, 0.1, 0.07))]
    long, high = random.uniform(0.96, 1.04), random.uniform(0.97, 1.03)

    def along(values: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(value * long for value in values)

    return replace(
        base,
        length=base.length * long,
        width=base.width * random.uniform(0.97, 1.03),
        height=base.height * high,
        wheelbase=base.wheelbase * long,
        overhang=base.overhang * long,
        tyre=base.tyre * random.uniform(0.96, 1.05),
        nose=base.nose * random.uniform(0.96, 1.05),
        cowl=(base.cowl[0] * long + random.uniform(-0.06, 0.06), base.cowl[1] * high),
        roof=(base.roof[0] * long + random.uniform(-0.08, 0.08),
              base.roof[1] * long + random.uniform(-0.12, 0.08)),
        tail=(base.tail[0] * long, base.tail[1] * high),
        deck=base.deck * high,
        boxy=base.boxy * random.uniform(0.92, 1.12),
        pillars=along(base.pillars),
        doors=along(base.doors),
        tumble=base.tumble + random.uniform(-0.02, 0.02),
        bed=None if base.bed is None else (base.bed[0] * long, base.bed[1] * long),
        rack=base.rack and bool(random.random() < 0.7),
        antenna=str(random.choice(("fin", "rod", "none"), p=(0.5, 0.3, 0.2))),
        rim=random.uniform(0.64, 0.74),
        spokes=int(random.choice((5, 6, 7, 9, 10, 12))),
        clad=base.clad and bool(random.random() < 0.6),
    )  # fmt: skip


class Mesh(NamedTuple):
    """Triangles of a car: `kind` is a plain material or one of BODY, CABIN, ROOF, WHEEL."""

    points: Floats  # (V, 3) car coordinates, metres
    normals: Floats  # (V, 3) unit length
    sheet: Floats  # (V, 2) place on the sheet of ROOF and WHEEL triangles, metres
    triangles: NDArray[np.int32]  # (T, 3)
    kind: NDArray[np.int8]  # (T,)


def profile(points: list[tuple[float, float]], at: Floats, soft: float) -> Floats:
    """Heights at the positions `at` of the polyline `points`, its corners rounded over `soft` m."""
    fine = np.arange(-1.0, 7.0, 0.01)
    height = np.interp(fine, *np.transpose(points))
    reach = np.arange(-int(300 * soft), int(300 * soft) + 1)
    weight = np.exp(-0.5 * (reach / (100 * soft)) ** 2)
    padded = np.pad(height, len(reach) // 2, mode="edge")
    return np.interp(at, fine, np.convolve(padded, weight / weight.sum(), mode="valid"))


def axles(shape: Shape) -> tuple[float, float]:
    """X of the front and the rear axle."""
    front = shape.length / 2 - shape.overhang
    return front, front - shape.wheelbase


def lower_top(shape: Shape, s: Floats) -> Floats:
    """Height of bonnet, belt and boot lid on the centre line."""
    line = [
        (0.0, shape.nose),
        (0.3, shape.nose + 0.08),
        (shape.cowl[0], shape.cowl[1]),
        (shape.tail[0], shape.tail[1] - 0.02),
        (shape.length, shape.deck),
    ]
    return profile(line, s, 0.09)


def roof_line(shape: Shape, s: Floats) -> Floats:
    """Height of windscreen, roof and rear window on the centre line (below the belt outside them)."""
    front, rear = shape.roof
    high = shape.height
    before, behind = shape.cowl, shape.tail
    slope = (high - 0.09 - before[1]) / (front - before[0])
    fall = (high - 0.12 - behind[1]) / (rear - behind[0])
    line = [
        (before[0] - 0.3, before[1] - 0.3 * slope),
        (front, high - 0.09),
        (front + 0.25, high - 0.035),
        ((front + rear) / 2 - 0.05, high),
        (rear - 0.3, high - 0.05),
        (rear, high - 0.12),
        (behind[0] + 0.3, behind[1] + 0.3 * fall),
    ]
    return profile(line, s, 0.05)


def half_width(shape: Shape, s: Floats) -> Floats:
    """Half the body's width, narrowing a little to both ends."""
    line = [(0.0, 0.93), (1.0, 1.0), (shape.length - 1.2, 1.0), (shape.length, 0.94)]
    return profile(line, s, 0.3) * shape.width / 2


def _closing(distance: Floats, depth: float, power: float) -> Floats:
    """Factor from 0 at an end of the body to 1 at `depth` metres inside it: a superellipse."""
    inside = np.clip(1 - distance / depth, 0, 1)
    return (1 - inside**power) ** (1 / power)


def _smooth_normals(points: Floats, triangles: NDArray[np.int32]) -> Floats:
    corners = points[triangles]
    faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(points)
    for corner in range(3):
        for axis in range(3):
            normals[:, axis] += np.bincount(
                triangles[:, corner], weights=faces[:, axis], minlength=len(points)
            )
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def lattice(points: Floats, closed: bool, kind: int, sheet: Floats | None = None) -> Mesh:
    """The mesh of a (rows, columns, 3) lattice; `closed` joins the last column to the first.

    With rows running backwards and columns running up the left side the normals point outwards.
    """
    rows, columns = points.shape[:2]
    index = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    if closed:
        index = np.concatenate([index, index[:, :1]], axis=1)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    halves = [np.stack(corners, axis=-1).reshape(-1, 3) for corners in ((a, b, c), (a, c, d))]
    triangles = np.concatenate(halves)
    flat = points.reshape(-1, 3)
    place = np.zeros((len(flat), 2)) if sheet is None else sheet.reshape(-1, 2)
    kinds = np.full(len(triangles), kind, dtype=np.int8)
    return Mesh(flat, _smooth_normals(flat, triangles), place, triangles, kinds)


def join(parts: list[Mesh]) -> Mesh:
    """One mesh of all parts."""
    starts = np.cumsum([0] + [len(part.points) for part in parts[:-1]])
    return Mesh(
        np.concatenate([part.points for part in parts]),
        np.concatenate([part.normals for part in parts]),
        np.concatenate([part.sheet for part in parts]),
        np.concatenate([part.triangles + int(start) for part, start in zip(parts, starts, strict=True)]),
        np.concatenate([part.kind for part in parts]),
    )  # fmt: skip


def mirrored(part: Mesh) -> Mesh:
    """The same part on the other side of the car."""
    flip = np.array([1.0, -1.0, 1.0])
    return part._replace(
        points=part.points * flip, normals=part.normals * flip, triangles=part.triangles[:, ::-1]
    )


def _stations(length: float, count: int) -> Floats:
    """Places along the body, dense at both ends where it closes."""
    t = np.linspace(0, 1, count)
    return length * (t - 0.8 * np.sin(2 * np.pi * t) / (2 * np.pi))


def lower_body(shape: Shape) -> Mesh:
    """Everything below the windows, closed at both ends; wheel arches are cut when it is drawn."""
    s = _stations(shape.length, 260)
    from_end = np.minimum(s, shape.length - s)
    wide = half_width(shape, s) * _closing(from_end, 0.62, shape.boxy)
    top = lower_top(shape, s)
    shoulder = top - 0.055
    floor = profile([(0, shape.clearance + 0.02), (0.7, shape.clearance),
                     (shape.length - 0.7, shape.clearance),
                     (shape.length, shape.clearance + 0.12)], s, 0.15)  # fmt: skip
    rise = shoulder - floor
    half = np.array([  # share of the width, share of the rise from floor to shoulder
        (0.0, 0.0), (0.84, 0.0), (0.93, 0.04), (0.965, 0.12), (0.972, 0.30), (0.985, 0.50),
        (1.0, 0.66), (0.995, 0.80), (0.975, 0.93), (0.93, 1.0),
    ])  # fmt: skip
    y = wide[:, None] * half[:, 0]
    z = floor[:, None] + rise[:, None] * half[:, 1]
    crown = np.array([(0.86, 0.35), (0.70, 0.66), (0.45, 0.88), (0.2, 0.98), (0.0, 1.0)])
    y = np.concatenate([y, wide[:, None] * crown[:, 0]], axis=1)
    z = np.concatenate([z, shoulder[:, None] + 0.055 * crown[:, 1]], axis=1)
    y, z = _resample(y, 44), _resample(z, 44)
    middle = 0.55 * top[:, None] + 0.45 * floor[:, None]
    z = middle + (z - middle) * _closing(from_end, 0.30, shape.boxy + 0.4)[:, None]
    x = np.broadcast_to((shape.length / 2 - s)[:, None], y.shape)
    points = _details(shape, np.stack([x, y, z], axis=-1))
    return _both_sides(points, BODY)


def _resample(values: Floats, count: int) -> Floats:
    """Each row as a smooth curve through about its own points, at `count` places."""
    old = np.linspace(0, 1, values.shape[1])
    new = np.linspace(0, 1, count)
    width = 0.45 / (values.shape[1] - 1)
    fine = np.linspace(0, 1, 10 * (values.shape[1] - 1) + 1)
    linear = np.stack([np.interp(fine, old, row) for row in values])
    mirrored_ends = np.concatenate([2 * fine[0] - fine[:0:-1], fine, 2 * fine[-1] - fine[-2::-1]])
    extended = np.concatenate(
        [2 * linear[:, :1] - linear[:, :0:-1], linear, 2 * linear[:, -1:] - linear[:, -2::-1]], axis=1
    )
    weight = np.exp(-0.5 * ((new[:, None] - mirrored_ends) / width) ** 2)
    return extended @ (weight / weight.sum(axis=1, keepdims=True)).T


def _details(shape: Shape, points: Floats) -> Floats:
    """The lattice with flared arches, a crease along the doors, bumpers and a load bed."""
    x, y, z = np.moveaxis(points.copy(), -1, 0)
    side = np.clip(y / (shape.width / 2) - 0.5, 0, 0.4) / 0.4
    for axle in axles(shape):
        away = np.hypot(x - axle, z - shape.tyre) - 1.14 * shape.tyre
        y += 0.022 * side * np.exp(-((away / 0.09) ** 2))
    crease = 0.72 * lower_top(shape, np.array([shape.length / 2]))[0] + 0.06 * x / shape.length
    y += 0.016 * side * np.exp(-np.abs(z - crease) / 0.06)
    for end in (1, -1):
        reach = np.clip((end * x - shape.length / 2 + 0.5) / 0.4, 0, 1)
        low = 1 / (1 + np.exp((z - 0.52 * shape.nose / 0.7) / 0.02))
        x += end * 0.045 * reach * low
    if shape.bed is not None:
        s = shape.length / 2 - x
        inside = (s > shape.bed[0]) & (s < shape.bed[1]) & (np.abs(y) < 0.80 * shape.width / 2)
        z = np.where(inside & (z > 0.8), z - 0.48, z)
    return np.stack([x, y, z], axis=-1)


def _both_sides(half: Floats, kind: int, sheet: Floats | None = None) -> Mesh:
    """Mesh of a (rows, columns, 3) half, from the centre line below to the one above, and its twin."""
    left = lattice(half, False, kind, sheet)
    joined = join([left, mirrored(left)])
    return joined


def cabin(shape: Shape) -> list[Mesh]:
    """Side windows and pillars (CABIN) and windscreen, roof, rear window (ROOF)."""
    s = np.linspace(shape.cowl[0] - 0.12, shape.tail[0] + 0.10, 150)
    roof, belt = roof_line(shape, s), lower_top(shape, s) - 0.09
    roof = np.maximum(roof, belt + 0.004)
    share = np.clip((roof - belt) / (shape.height - 1.0 * belt), 0, 1)
    base = 0.955 * half_width(shape, s)
    upper = base + (shape.tumble * shape.width / 2 - base) * share
    bow = 0.35 * share  # sides bulge outwards a little
    t = np.linspace(0, 1, 14)[None, :]
    y = base[:, None] + (upper - base)[:, None] * t + 0.05 * bow[:, None] * np.sin(np.pi * t)
    z = belt[:, None] + (roof - belt - 0.06 * share)[:, None] * t
    turn = np.linspace(0, 1, 26)[1:]
    crown_y = upper[:, None] * (1 - turn**1.6)[None, :]
    crown_z = (roof - 0.06 * share)[:, None] + (0.06 * share)[:, None] * (1 - (1 - turn) ** 2.6)
    all_y, all_z = np.concatenate([y, crown_y], axis=1), np.concatenate([z, crown_z], axis=1)
    x = shape.length / 2 - s[:, None] - _curve(shape, s)[:, None] * (all_y / shape.width * 2) ** 2
    points = np.stack([x, all_y, all_z], axis=-1)
    arc = np.concatenate([[0], np.cumsum(np.hypot(np.diff(s), np.diff(roof)))])
    sheet = np.stack(np.broadcast_arrays(arc[:, None], all_y), axis=-1)
    whole = lattice(points, False, CABIN, sheet)
    column = whole.triangles.min(axis=1) % points.shape[1]
    split = t.shape[1] + 3
    kind = np.where(column < split, CABIN, ROOF).astype(np.int8)
    left = whole._replace(kind=kind)
    return [left, mirrored(left)]


def _curve(shape: Shape, s: Floats) -> Floats:
    """How far (m) the cabin's section at `s` sweeps back at the side: curved screens in plan."""
    front = np.clip((shape.roof[0] + 0.3 - s) / 1.0, 0, 1)
    rear = np.clip((s - shape.roof[1] + 0.3) / 1.0, 0, 1)
    return 0.16 * front - 0.12 * rear


def roof_arc(shape: Shape) -> tuple[Floats, Floats]:
    """(s, arc length) of the cabin's centre line: where things lie on the ROOF sheet."""
    s = np.linspace(shape.cowl[0] - 0.12, shape.tail[0] + 0.10, 150)
    roof = np.maximum(roof_line(shape, s), lower_top(shape, s) - 0.086)
    return s, np.concatenate([[0], np.cumsum(np.hypot(np.diff(s), np.diff(roof)))])
