"""Shade what is visible: materials, reflections of the studio, the cabin behind the glass."""

import math
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.demo.mesh import BODY, GLASS, ROOF, VOID, WHEEL
from bench.demo.sheet import MIDDLE_Z, TEXEL
from bench.demo.skin import FRONT, REAR, RIM, SCREEN, SIDE, TOP
from bench.masks.compiled.jit import inlined, kernel
from bench.masks.types import FloatImage, Floats


class Scene(NamedTuple):
    """What the shader needs beside the mesh; lengths are in metres, light is linear RGB."""

    turn: Floats  # (2,) cosine and sine of the car's heading
    move: Floats  # (2,) place of the car in the world
    camera: Floats  # (3,) place of the lens in the world
    ends: float  # |X| beyond which the FRONT and REAR sheets apply
    cabin: Floats  # (6,) half width, Z of belt and roof, X of both seat rows, tint of rear windows
    materials: Floats  # (12, 6) red, green, blue, reflectance, gloss, metal
    sharp: FloatImage  # (N, N, 3) the studio's light from each direction, octahedral
    blurred: FloatImage  # (N, N, 3) the same, out of focus


@inlined  # a call would cost as much as its work
def _light_from(table: Any, x: float, y: float, z: float) -> Any:
    """Light from a direction: an octahedral table, folded out below the horizon."""
    total = abs(x) + abs(y) + abs(z)
    u, v = x / total, y / total
    if z < 0.0:
        u, v = (1.0 - abs(v)) * math.copysign(1.0, u), (1.0 - abs(u)) * math.copysign(1.0, v)
    end = table.shape[0] - 1.001
    right = min(end, max(0.0, (u * 0.5 + 0.5) * table.shape[0] - 0.5))
    down = min(end, max(0.0, (v * 0.5 + 0.5) * table.shape[0] - 0.5))
    column, row = int(right), int(down)
    right, down = right - column, down - row
    a, b = (1 - right) * (1 - down), right * (1 - down)
    c, d = (1 - right) * down, right * down
    p, q = table[row], table[row + 1]
    return (
        a * p[column, 0] + b * p[column + 1, 0] + c * q[column, 0] + d * q[column + 1, 0],
        a * p[column, 1] + b * p[column + 1, 1] + c * q[column, 1] + d * q[column + 1, 1],
        a * p[column, 2] + b * p[column + 1, 2] + c * q[column, 2] + d * q[column + 1, 2],
    )


@inlined
def _texel(sheets: Any, sheet: int, right: float, up: float) -> Any:
    """Material and brightness (0..1) at a place of a sheet."""
    height, width = sheets.shape[1], sheets.shape[2]
    column = min(width - 1, max(0, int(right / TEXEL + width / 2)))
    row = min(height - 1, max(0, int(height / 2 - up / TEXEL)))
    return int(sheets[sheet, row, column, 0]), sheets[sheet, row, column, 1] / 255.0


@inlined
def _surface(kind: int, place: Any, normal: Any, own: Any, ends: float, sheets: Any) -> Any:
    """Material and brightness of a point of the car; the body's sheet follows from its normal."""
    if kind >= 0:
        return int(kind), 1.0
    if kind == WHEEL:
        return _texel(sheets, RIM, own[0], own[1])
    if kind == ROOF:
        return _texel(sheets, SCREEN, own[0], own[1])
    if kind == BODY and abs(normal[1]) < 0.75:
        if normal[2] > 0.86:
            return _texel(sheets, TOP, place[0], place[1])
        if abs(normal[0]) > 0.9 * abs(normal[1]) and abs(place[0]) > ends:
            return _texel(sheets, FRONT if place[0] > 0 else REAR, place[1], place[2] - MIDDLE_Z)
        if normal[2] > 0.6:
            return _texel(sheets, TOP, place[0], place[1])
    return _texel(sheets, SIDE, place[0], place[2] - MIDDLE_Z)


@inlined
def _is_seat(across: float, above: float) -> bool:
    """Whether a seat's outline covers a point `above` metres over the belt."""
    if above < 0.11:
        return abs(across) < 0.23 - 0.3 * max(0.0, above)
    corner = max(0.0, abs(above - 0.215) - 0.03)
    return 0.13 < above < 0.30 and (across / 0.13) ** 2 + (corner / 0.055) ** 2 < 1.0


@inlined
def _cabin_light(place: Any, ray: Any, scene: Any, sheets: Any) -> float:
    """How bright the cabin is behind a window: seats, then windows beyond, else darkness."""
    half, belt, roof = scene.cabin[0], scene.cabin[1], scene.cabin[2]
    for row in range(2):
        t = (scene.cabin[3 + row] - place[0]) / (ray[0] + 1e-9)
        y, z = place[1] + t * ray[1], place[2] + t * ray[2]
        if t > 0.0 and abs(y) < half and _is_seat(abs(y) - 0.37, z - belt):
            return 0.075 - 0.025 * row
    side = math.copysign(1.0, ray[1])
    for plane in range(2):
        t = (side * (0.37 if plane else -0.37) - place[1]) / (ray[1] + 1e-9)
        x, z = place[0] + t * ray[0], place[2] + t * ray[2]
        for row in range(2):
            if t > 0.0 and _is_seat(1.4 * (x - scene.cabin[3 + row]), z - belt):
                return 0.06 - 0.015 * plane
    t = (side * half - place[1]) / (ray[1] + 1e-9)
    x, z = place[0] + t * ray[0], place[2] + t * ray[2]
    if t > 0.0 and belt < z < roof and _texel(sheets, SIDE, x, z - MIDDLE_Z)[0] == GLASS:
        return 0.33
    return 0.022


@inlined
def _turned(vector: Any, cosine: float, sine: float) -> Any:
    x, y = cosine * vector[0] - sine * vector[1], sine * vector[0] + cosine * vector[1]
    return x, y, vector[2]


@inlined
def _unit(x: float, y: float, z: float) -> Any:
    length = math.sqrt(x * x + y * y + z * z) + 1e-12
    return x / length, y / length, z / length


@inlined
def _blend(values: Any, a: int, b: int, c: int, u: float, v: float) -> Any:
    w = 1.0 - u - v
    return (
        u * values[a, 0] + v * values[b, 0] + w * values[c, 0],
        u * values[a, 1] + v * values[b, 1] + w * values[c, 1],
        u * values[a, 2] + v * values[b, 2] + w * values[c, 2],
    )


@inlined
def _lit(
    surface: tuple[int, float], place: Any, normal: Any, toward: Any, scene: Any, through: float
) -> Any:
    """Linear RGB of a point: what it scatters, or lets through, and what it mirrors.

    `normal` and `toward` (to the lens) are directions of the world; `through` is the cabin's light.
    """
    material, bright = surface
    nx, ny, nz = normal
    facing = max(0.02, nx * toward[0] + ny * toward[1] + nz * toward[2])
    rx, ry = 2 * facing * nx - toward[0], 2 * facing * ny - toward[1]
    rz = 2 * facing * nz - toward[2]
    row = scene.materials[material]
    reflectance, gloss, metal = row[3], row[4], row[5]
    rise = (1.0 - reflectance) * (0.08 + 0.92 * gloss) * (1.0 - facing) ** 5
    fresnel = reflectance + rise
    dim = 1.0
    if rz < 0.0:  # the floor beside the car lies in its shadow
        dim = min(1.0, 0.35 + 0.9 * place[2] / (0.2 - 1.2 * rz))
    near_floor = min(1.0, max(0.25, 0.35 + 1.3 * place[2] + 0.6 * nz))
    sharp = _light_from(scene.sharp, rx, ry, rz)
    soft = _light_from(scene.blurred, rx, ry, rz)
    around = _light_from(scene.blurred, nx, ny, nz)
    mirror = fresnel * dim * (0.4 + 0.6 * bright)
    scatter, metallic = (1 - metal) * near_floor, metal * dim * near_floor
    red = row[0] * bright * (scatter * around[0] + metallic * soft[0])
    green = row[1] * bright * (scatter * around[1] + metallic * soft[1])
    blue = row[2] * bright * (scatter * around[2] + metallic * soft[2])
    if material == GLASS:
        red, green, blue = 0.94 * through * bright, through * bright, 0.98 * through * bright
    rest = 1.0 - fresnel
    return (
        red * rest + mirror * (gloss * sharp[0] + (1 - gloss) * soft[0]),
        green * rest + mirror * (gloss * sharp[1] + (1 - gloss) * soft[1]),
        blue * rest + mirror * (gloss * sharp[2] + (1 - gloss) * soft[2]),
    )


@inlined
def _sample(
    t: int, spot: tuple[float, float], screen: Any, mesh: Any, sheets: Any, scene: Any
) -> Any:
    """Linear RGB and material of triangle `t` at the column and row `spot` of the raster."""
    x, y = spot
    points, normals, own, triangles, kind = mesh
    a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
    ax, ay, bx, by = screen[a, 0] - x, screen[a, 1] - y, screen[b, 0] - x, screen[b, 1] - y
    cx, cy = screen[c, 0] - x, screen[c, 1] - y
    u, v = (bx * cy - by * cx) * screen[a, 2], (cx * ay - cy * ax) * screen[b, 2]
    total = u + v + (ax * by - ay * bx) * screen[c, 2]
    u, v = u / total, v / total
    place = _blend(points, a, b, c, u, v)
    normal = _blend(normals, a, b, c, u, v)
    normal = _unit(normal[0], normal[1], normal[2])
    w = 1.0 - u - v
    at = (
        u * own[a, 0] + v * own[b, 0] + w * own[c, 0],
        u * own[a, 1] + v * own[b, 1] + w * own[c, 1],
    )
    material, bright = _surface(kind[t], place, normal, at, scene.ends, sheets)
    if total > 0.0:  # the inside of the body, seen through a wheel arch
        material = VOID
    cosine, sine = scene.turn
    world = _turned(place, cosine, sine)
    toward = _unit(
        scene.camera[0] - world[0] - scene.move[0],
        scene.camera[1] - world[1] - scene.move[1],
        scene.camera[2] - world[2],
    )
    through = 0.0
    if material == GLASS:
        ray = _turned((-toward[0], -toward[1], -toward[2]), cosine, -sine)
        through = _cabin_light(place, ray, scene, sheets)
        if place[0] < scene.cabin[3] - 0.35:
            through *= scene.cabin[5]
    light = _lit((material, bright), place, _turned(normal, cosine, sine), toward, scene, through)
    return light, material


@partial(kernel, error_model="numpy")
def shade(
    triangle_at: NDArray[np.int32],
    screen: Floats,
    mesh: Any,
    sheets: NDArray[np.uint8],
    scene: Scene,
) -> tuple[FloatImage, NDArray[np.uint8]]:
    """Linear RGB (h, w, 3) of the car, and how many of the four sub-samples (h, w) are car.

    Where two samples on a diagonal have the same material, the other two are not computed.

    Args:
        triangle_at: triangle of each sub-sample, (2 h, 2 w).
        mesh: points, normals, sheet places, triangles, kinds.
    """
    height, width = triangle_at.shape[0] // 2, triangle_at.shape[1] // 2
    colour = np.zeros((height, width, 3), np.float32)
    cover = np.zeros((height, width), np.uint8)
    for y in range(height):
        for x in range(width):
            for sub in range(4):
                cover[y, x] += triangle_at[2 * y + sub // 2, 2 * x + sub % 2] >= 0
            taken, first, same = 0, 0, True
            for turn in range(4):
                if cover[y, x] == 0 or (turn == 2 and taken == 2 and same):
                    break
                sub = (0, 3, 1, 2)[turn]
                row, column = 2 * y + sub // 2, 2 * x + sub % 2
                if triangle_at[row, column] < 0:
                    continue
                light, material = _sample(
                    triangle_at[row, column],
                    (column + 0.5, row + 0.5),
                    screen,
                    mesh,
                    sheets,
                    scene,
                )
                same = taken == 0 or material == first
                first = material
                taken += 1
                for channel in range(3):
                    colour[y, x, channel] += light[channel]
            for channel in range(3):
                colour[y, x, channel] /= max(1, taken)
    return colour, cover
