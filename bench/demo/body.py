"""The body's surfaces: the lower body as one rounded loft, and the cabin on top of it."""

import numpy as np
from numpy.typing import NDArray

from bench.demo.mesh import BODY, CABIN, ROOF, TRIM, Mesh, join, lattice, mirrored
from bench.demo.shape import (
    ARCH,
    SHOULDER,
    Shape,
    axles,
    cabin_lines,
    closing,
    half_width,
    lower_top,
    profile,
)
from bench.masks.types import Floats

# Half a section of the lower body, from the middle of its floor up to the shoulder ...
SECTION_SIDE = np.array(  # share of the half width, share of the rise from floor to shoulder
    [
        (0.0, 0.0),
        (0.84, 0.0),
        (0.93, 0.04),
        (0.965, 0.12),
        (0.972, 0.30),
        (0.985, 0.50),
        (1.0, 0.66),
        (0.995, 0.80),
        (0.975, 0.93),
        (0.93, 1.0),
    ]
)
# ... and over bonnet or boot lid to the middle.
SECTION_CROWN = np.array([(0.86, 0.35), (0.70, 0.66), (0.45, 0.88), (0.2, 0.98), (0.0, 1.0)])
BED_SHARE, BED_DEPTH = 0.80, 0.48  # half width of a load bed / the body's, metres down


def lower_body(shape: Shape) -> Mesh:
    """Everything below the windows, closed at both ends; wheel arches are cut when it is drawn."""
    s = _stations(shape.length, 260)
    wide, top = half_width(shape, s), lower_top(shape, s)
    low = shape.clearance
    sill = [(0.0, low + 0.02), (0.7, low), (shape.length - 0.7, low), (shape.length, low + 0.12)]
    floor = profile(sill, s, 0.15)
    rise = top - SHOULDER - floor
    y = wide[:, None] * np.concatenate([SECTION_SIDE[:, 0], SECTION_CROWN[:, 0]])
    side = floor[:, None] + rise[:, None] * SECTION_SIDE[:, 1]
    crown = (top - SHOULDER)[:, None] + SHOULDER * SECTION_CROWN[:, 1]
    y, z = _resample(y, 44), _resample(np.concatenate([side, crown], axis=1), 44)
    middle = 0.55 * top[:, None] + 0.45 * floor[:, None]
    ends = closing(np.minimum(s, shape.length - s), 0.30, shape.boxy + 0.4)
    z = middle + (z - middle) * ends[:, None]
    x = np.broadcast_to((shape.length / 2 - s)[:, None], y.shape)
    y, x = _flares(shape, x, y, z), _bumpers(shape, x, z)
    if shape.bed is None:
        return _both_sides(np.stack([x, y, z], axis=-1), np.zeros(y.shape, bool))
    upward = z > middle + 0.3 * rise[:, None]
    share = y / np.maximum(wide[:, None], 1e-9)
    inside = (
        upward & (share < BED_SHARE) & (s > shape.bed[0])[:, None] & (s < shape.bed[1])[:, None]
    )
    return _both_sides(np.stack([x, y, z - BED_DEPTH * inside], axis=-1), inside)


def _stations(length: float, count: int) -> Floats:
    """Places along the body, dense at both ends where it closes."""
    t = np.linspace(0, 1, count)
    return length * (t - 0.8 * np.sin(2 * np.pi * t) / (2 * np.pi))


def _resample(values: Floats, count: int) -> Floats:
    """Each row as a smooth curve close to its own points, at `count` places; its ends are kept."""
    parts = values.shape[1] - 1
    fine = np.linspace(0, 1, 10 * parts + 1)
    rows = np.stack([np.interp(fine, np.linspace(0, 1, parts + 1), row) for row in values])
    before, behind = 2 * rows[:, :1] - rows[:, :0:-1], 2 * rows[:, -1:] - rows[:, -2::-1]
    places = np.concatenate([-fine[:0:-1], fine, 2 - fine[-2::-1]])
    weight = np.exp(-0.5 * ((np.linspace(0, 1, count)[:, None] - places) * parts / 0.45) ** 2)
    weight /= weight.sum(axis=1, keepdims=True)
    return np.concatenate([before, rows, behind], axis=1) @ weight.T


def _flares(shape: Shape, x: Floats, y: Floats, z: Floats) -> Floats:
    """The half widths `y` with flared wheel arches and a crease along the doors."""
    side = np.clip(y / (shape.width / 2) - 0.5, 0, 0.4) / 0.4
    flared = y.copy()
    for axle in axles(shape):
        away = np.hypot(x - axle, z - shape.tyre) - ARCH * shape.tyre
        flared += 0.022 * side * np.exp(-((away / 0.09) ** 2))
    crease = 0.72 * lower_top(shape, np.array([shape.length / 2]))[0] + 0.06 * x / shape.length
    return flared + 0.016 * side * np.exp(-np.abs(z - crease) / 0.06)


def _bumpers(shape: Shape, x: Floats, z: Floats) -> Floats:
    """The places `x` with bumpers standing out below the lamps."""
    low = 1 / (1 + np.exp((z - 0.74 * shape.nose) / 0.02))
    reach = np.clip((np.abs(x) - shape.length / 2 + 0.5) / 0.4, 0, 1)
    return x + np.sign(x) * 0.045 * reach * low


def _both_sides(half: Floats, bed: NDArray[np.bool_]) -> Mesh:
    """The mesh of a left half (rows towards the rear, columns upwards) and of its twin."""
    left = lattice(half[::-1], BODY)
    lined = bed[::-1].reshape(-1)[left.triangles].any(axis=1)
    left = left._replace(kind=np.where(lined, TRIM, left.kind).astype(np.int8))
    return join([left, mirrored(left)])


def cabin(shape: Shape) -> Mesh:
    """Side windows and pillars (CABIN) and windscreen, roof, rear window (ROOF)."""
    lines = cabin_lines(shape)
    share, edge = lines.share[:, None], (lines.roof - 0.06 * lines.share)[:, None]
    base, upper = lines.base[:, None], lines.upper[:, None]
    foot = lines.belt[:, None]
    up = np.linspace(0, 1, 14)[None, :]
    side_y = base + (upper - base) * up + 0.0175 * share * np.sin(np.pi * up)
    side_z = foot + (edge - foot) * up
    turn = np.linspace(0, 1, 26)[None, 1:]
    roof_y = upper * (1 - turn**1.6)
    roof_z = edge + 0.06 * share * (1 - (1 - turn) ** 2.6)
    y, z = np.concatenate([side_y, roof_y], axis=1), np.concatenate([side_z, roof_z], axis=1)
    swept = _sweep(shape, lines.s)[:, None] * (2 * y / shape.width) ** 2
    points = np.stack([shape.length / 2 - lines.s[:, None] - swept, y, z], axis=-1)
    sheet = np.stack(np.broadcast_arrays(lines.arc[:, None], y), axis=-1)
    left = lattice(points[::-1], ROOF, sheet=sheet[::-1])
    on_side = left.triangles.min(axis=1) % points.shape[1] < up.shape[1] + 3
    left = left._replace(kind=np.where(on_side, CABIN, ROOF).astype(np.int8))
    return join([left, mirrored(left)])


def _sweep(shape: Shape, s: Floats) -> Floats:
    """Metres by which the cabin's section at `s` lies further back at the side: bent screens."""
    front = np.clip((shape.roof[0] + 0.3 - s) / 1.0, 0, 1)
    rear = np.clip((s - shape.roof[1] + 0.3) / 1.0, 0, 1)
    return 0.16 * front - 0.12 * rear
