"""Triangle meshes: lattices of points with smooth normals, joined, moved and mirrored."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.masks.types import Floats

# What a triangle is made of: a material, or (below zero) the sheet on which its material is drawn.
PAINT, GLASS, TRIM, CHROME, LAMP, RED, AMBER, PLATE, BLUE, RUBBER, ALLOY, VOID = range(12)
BODY, CABIN, ROOF, WHEEL = -1, -2, -3, -4


class Mesh(NamedTuple):
    """Triangles of a car, anticlockwise seen from outside."""

    points: Floats  # (V, 3) car coordinates, metres
    normals: Floats  # (V, 3) unit length
    sheet: Floats  # (V, 2) place on the sheet of ROOF and WHEEL triangles, metres
    triangles: NDArray[np.int32]  # (T, 3)
    kind: NDArray[np.int8]  # (T,) a material, or BODY, CABIN, ROOF, WHEEL


def lattice(points: Floats, kind: int, closed: bool = False, sheet: Floats | None = None) -> Mesh:
    """The surface through a (rows, columns, 3) lattice; `closed` joins last column and first.

    The outside is where the direction along a row crossed with the one to the next row points.
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


def _smooth_normals(points: Floats, triangles: NDArray[np.int32]) -> Floats:
    """The mean normal of the triangles around each point, weighted by their areas."""
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    faces = np.cross(b - a, c - a)
    normals = np.zeros_like(points)
    for corner in range(3):
        for axis in range(3):
            normals[:, axis] += np.bincount(
                triangles[:, corner], weights=faces[:, axis], minlength=len(points)
            )
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def join(parts: list[Mesh]) -> Mesh:
    """One mesh of all parts."""
    starts = np.cumsum([0] + [len(part.points) for part in parts[:-1]])
    triangles = [
        part.triangles + np.int32(start) for part, start in zip(parts, starts, strict=True)
    ]
    return Mesh(
        np.concatenate([part.points for part in parts]),
        np.concatenate([part.normals for part in parts]),
        np.concatenate([part.sheet for part in parts]),
        np.concatenate(triangles),
        np.concatenate([part.kind for part in parts]),
    )


def moved(part: Mesh, shift: tuple[float, float, float]) -> Mesh:
    """The part, moved by `shift` metres."""
    return part._replace(points=part.points + np.array(shift))


def mirrored(part: Mesh) -> Mesh:
    """The same part on the other side of the car."""
    flip = np.array([1.0, -1.0, 1.0])
    return part._replace(
        points=part.points * flip,
        normals=part.normals * flip,
        triangles=np.ascontiguousarray(part.triangles[:, ::-1]),
    )


def lathe(outline: list[tuple[float, float]], kind: int) -> Mesh:
    """Surface of revolution about the Y axis of an outline of (radius, y)."""
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    radius, along = (column[:, None] for column in np.transpose(outline))
    turned = np.broadcast_arrays(radius * np.cos(angle), along, radius * np.sin(angle))
    points = np.stack(turned, axis=-1)
    return lattice(points, kind, closed=True, sheet=points[..., [0, 2]])


def ellipsoid(size: tuple[float, float, float], kind: int, square: float = 2.0) -> Mesh:
    """A rounded block of half sizes `size`; `square` 2 is an ellipsoid, more is boxier."""
    up = np.linspace(-np.pi / 2, np.pi / 2, 15)[:, None]
    about = np.linspace(0, 2 * np.pi, 24, endpoint=False)[None, :]

    def power(value: Floats) -> Floats:
        return np.sign(value) * np.abs(value) ** (2 / square)

    x, y = power(np.cos(up)) * power(np.cos(about)), power(np.cos(up)) * power(np.sin(about))
    points = np.stack(np.broadcast_arrays(x, y, power(np.sin(up))), axis=-1)
    return lattice(points * np.array(size), kind, closed=True)


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
    return lattice(path[:, None] + radius * ring, kind, closed=True)
