"""Triangles to pixels: a z-buffer at twice the resolution, and light on what is visible."""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bench.demo.car import (
    BLUE,
    BODY,
    CABIN,
    CHROME,
    GLASS,
    LAMP,
    PAINT,
    RED,
    ROOF,
    VOID,
    WHEEL,
)
from bench.demo.skin import FRONT, REAR, RIM, SCREEN, SIDE, TEXEL, TOP, Z0

FINE = 2  # sub-samples along each side of a pixel
Floats = NDArray[np.float64]


class Scene(NamedTuple):
    """All the shader needs to know beside the mesh; lengths in metres, colours linear RGB."""

    turn: Floats  # (2,) cosine and sine of the car's heading
    move: Floats  # (2,) place of the car in the world
    camera: Floats  # (3,) world place of the lens
    arches: Floats  # (4,) X front, X rear, Z, radius of the wheel arches
    cabin: Floats  # (6,) half width inside, belt Z, roof Z, X of front seats, of rear seats, tint
    materials: Floats  # (12, 6) red, green, blue, reflectance, gloss, metal
    mirror: NDArray[np.float32]  # (N, N, 3) the studio seen in each direction, octahedral
    blurred: NDArray[np.float32]  # (N, N, 3) the same, out of focus


@njit(cache=True, nogil=True)
def visible(
    screen: Floats,
    points: Floats,
    triangles: NDArray[np.int32],
    kind: NDArray[np.int8],
    arches: Floats,
    height: int,
    width: int,
) -> NDArray[np.int32]:
    """Which triangle each sub-sample of a (height, width) raster sees, -1 where none.

    `screen` is (V, 3): column, row, 1 / depth. BODY triangles are cut at the wheel arches.
    """
    seen = np.full((height, width), -1, np.int32)
    nearest = np.zeros((height, width), np.float32)
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, aw = screen[a, 0], screen[a, 1], screen[a, 2]
        bx, by, bw = screen[b, 0], screen[b, 1], screen[b, 2]
        cx, cy, cw = screen[c, 0], screen[c, 1], screen[c, 2]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0.0:
            continue
        left = max(0, int(math.ceil(min(ax, bx, cx) - 0.5)))
        right = min(width - 1, int(math.floor(max(ax, bx, cx) - 0.5)))
        top = max(0, int(math.ceil(min(ay, by, cy) - 0.5)))
        bottom = min(height - 1, int(math.floor(max(ay, by, cy) - 0.5)))
        cut = kind[t] == BODY
        scale = 1.0 / area
        for row in range(top, bottom + 1):
            y = row + 0.5
            for column in range(left, right + 1):
                x = column + 0.5
                u = ((bx - x) * (cy - y) - (by - y) * (cx - x)) * scale
                v = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) * scale
                w = 1.0 - u - v
                if u < 0.0 or v < 0.0 or w < 0.0:
                    continue
                near = u * aw + v * bw + w * cw
                if near <= nearest[row, column]:
                    continue
                if cut:
                    u, v, w = u * aw / near, v * bw / near, w * cw / near
                    z = u * points[a, 2] + v * points[b, 2] + w * points[c, 2] - arches[2]
                    along = u * points[a, 0] + v * points[b, 0] + w * points[c, 0]
                    away = min(abs(along - arches[0]), abs(along - arches[1]))
                    if away * away + z * z < arches[3] * arches[3]:
                        continue
                nearest[row, column] = near
                seen[row, column] = t
    return seen


@njit(cache=True, nogil=True)
def _look_up(table, x, y, z):  # type: ignore[no-untyped-def]
    """The light a direction meets: an octahedral table, folded out below the horizon."""
    total = abs(x) + abs(y) + abs(z)
    u, v = x / total, y / total
    if z < 0.0:
        u, v = (1.0 - abs(v)) * math.copysign(1.0, u), (1.0 - abs(u)) * math.copysign(1.0, v)
    size = table.shape[0]
    column = min(size - 1, max(0, int((u * 0.5 + 0.5) * size)))
    row = min(size - 1, max(0, int((v * 0.5 + 0.5) * size)))
    return table[row, column]


@njit(cache=True, nogil=True)
def _texel(sheets, sheet, right, up):  # type: ignore[no-untyped-def]
    """Material and brightness at a place of a sheet, in metres from its middle."""
    height, width = sheets.shape[1], sheets.shape[2]
    column = min(width - 1, max(0, int(right / TEXEL + width / 2)))
    row = min(height - 1, max(0, int(height / 2 - up / TEXEL)))
    return int(sheets[sheet, row, column, 0]), sheets[sheet, row, column, 1] / 255.0


@njit(cache=True, nogil=True)
def _surface(kind, place, normal, u, v, sheets):  # type: ignore[no-untyped-def]
    """Material and brightness of a point of the car."""
    if kind >= 0:
        return int(kind), 1.0
    if kind == WHEEL:
        return _texel(sheets, RIM, u, v)
    if kind == ROOF:
        return _texel(sheets, SCREEN, u, v)
    if kind == CABIN or abs(normal[1]) > 0.75:
        return _texel(sheets, SIDE, place[0], place[2] - Z0)
    if normal[2] > 0.86:
        return _texel(sheets, TOP, place[0], place[1])
    if abs(normal[0]) > abs(normal[1]) * 0.9 and place[0] > 1.0:
        return _texel(sheets, FRONT, place[1], place[2] - Z0)
    if abs(normal[0]) > abs(normal[1]) * 0.9 and place[0] < -1.0:
        return _texel(sheets, REAR, place[1], place[2] - Z0)
    if normal[2] > 0.6:
        return _texel(sheets, TOP, place[0], place[1])
    return _texel(sheets, SIDE, place[0], place[2] - Z0)


@njit(cache=True, nogil=True)
def _seat(y, z, belt):  # type: ignore[no-untyped-def]
    """Whether a cut through a seat at height z, y from its middle, meets backrest or head rest."""
    above = z - belt
    back = abs(y) < 0.24 and above < 0.10
    head = abs(y) < 0.13 - 1.5 * max(0.0, abs(above - 0.21) - 0.06) and 0.12 < above < 0.31
    return back or head


@njit(cache=True, nogil=True)
def _inside(place, ray, scene, sheets):  # type: ignore[no-untyped-def]
    """How bright the cabin is behind a window: seats, dashboard, the light of windows beyond."""
    half, belt, roof = scene.cabin[0], scene.cabin[1], scene.cabin[2]
    for row in range(2):
        along = ray[0]
        if abs(along) > 1e-6:
            t = (scene.cabin[3 + row] - place[0]) / along
            if t > 0.0:
                y, z = place[1] + t * ray[1], place[2] + t * ray[2]
                if abs(y) < half and _seat(abs(y) - 0.37, z, belt):
                    return 0.10 - 0.03 * row
    across = half if ray[1] > 0 else -half
    if abs(ray[1]) > 1e-6:
        for plane in range(2):
            t = ((0.37 if (plane == 0) == (place[1] > 0) else -0.37) - place[1]) / ray[1]
            if t > 0.0:
                x, z = place[0] + t * ray[0], place[2] + t * ray[2]
                for row in range(2):
                    if _seat(1.4 * (x - scene.cabin[3 + row]), z, belt):
                        return 0.085 - 0.02 * plane
        t = (across - place[1]) / ray[1]
        x, z = place[0] + t * ray[0], place[2] + t * ray[2]
        if t > 0.0 and belt < z < roof:
            material, _ = _texel(sheets, SIDE, x, z - Z0)
            if material == GLASS:
                return 0.42
    return 0.045


@njit(cache=True, nogil=True)
def _light(material, bright, place, normal, toward, scene, paint_facing):  # type: ignore[no-untyped-def]
    """Linear RGB of a surface point; `toward` points at the lens, all in the world's directions."""
    facing = max(0.02, normal[0] * toward[0] + normal[1] * toward[1] + normal[2] * toward[2])
    rx = 2 * facing * normal[0] - toward[0]
    ry = 2 * facing * normal[1] - toward[1]
    rz = 2 * facing * normal[2] - toward[2]
    row = scene.materials[material]
    fresnel = row[3] + (1.0 - row[3]) * (1.0 - facing) ** 5
    shade = 1.0
    if rz < 0.0:  # the floor beside the car lies in its shadow
        shade = min(1.0, 0.35 + 0.9 * place[2] / (0.2 + 1.2 * -rz))
    sharp = _look_up(scene.mirror, rx, ry, rz)
    soft = _look_up(scene.blurred, rx, ry, rz)
    round_light = _look_up(scene.blurred, normal[0], normal[1], normal[2])
    low = min(1.0, max(0.25, 0.35 + 1.3 * place[2] + 0.6 * normal[2]))
    return fresnel, sharp, soft, round_light, shade, low


@njit(cache=True, nogil=True)
def shade(
    seen: NDArray[np.int32],
    screen: Floats,
    points: Floats,
    normals: Floats,
    places: Floats,
    triangles: NDArray[np.int32],
    kind: NDArray[np.int8],
    sheets: NDArray[np.uint8],
    scene: Scene,
    colour: NDArray[np.float32],
    cover: NDArray[np.uint8],
) -> None:
    """Fill `colour` (h, w, 3; sums of FINE**2 sub-samples) and `cover` (h, w; how many are car)."""
    place, normal = np.empty(3), np.empty(3)
    world, toward, ray, inner = np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    cosine, sine = scene.turn[0], scene.turn[1]
    height, width = cover.shape
    for y in range(height):
        for x in range(width):
            covered = 0
            for sub in range(4):
                if seen[2 * y + sub // 2, 2 * x + sub % 2] >= 0:
                    covered += 1
            cover[y, x] = covered
            if covered == 0:
                continue
            solid = covered == 4
            weight = 2.0 if solid else 1.0
            for sub in range(4):
                if solid and (sub == 1 or sub == 2):
                    continue
                row, column = 2 * y + sub // 2, 2 * x + sub % 2
                t = seen[row, column]
                if t < 0:
                    continue
                a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
                px, py = column + 0.5, row + 0.5
                u = (screen[b, 0] - px) * (screen[c, 1] - py) - (screen[b, 1] - py) * (screen[c, 0] - px)
                v = (screen[c, 0] - px) * (screen[a, 1] - py) - (screen[c, 1] - py) * (screen[a, 0] - px)
                w = (screen[a, 0] - px) * (screen[b, 1] - py) - (screen[a, 1] - py) * (screen[b, 0] - px)
                u, v, w = u * screen[a, 2], v * screen[b, 2], w * screen[c, 2]
                total = u + v + w
                u, v, w = u / total, v / total, w / total
                for axis in range(3):
                    place[axis] = u * points[a, axis] + v * points[b, axis] + w * points[c, axis]
                    normal[axis] = u * normals[a, axis] + v * normals[b, axis] + w * normals[c, axis]
                length = math.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2) + 1e-12
                for axis in range(3):
                    normal[axis] /= length
                world[0] = cosine * place[0] - sine * place[1] + scene.move[0]
                world[1] = sine * place[0] + cosine * place[1] + scene.move[1]
                world[2] = place[2]
                length = 0.0
                for axis in range(3):
                    toward[axis] = scene.camera[axis] - world[axis]
                    length += toward[axis] ** 2
                length = math.sqrt(length)
                for axis in range(3):
                    toward[axis] /= length
                su = u * places[a, 0] + v * places[b, 0] + w * places[c, 0]
                sv = u * places[a, 1] + v * places[b, 1] + w * places[c, 1]
                material, bright = _surface(kind[t], place, normal, su, sv, sheets)
                inner[0] = cosine * normal[0] - sine * normal[1]
                inner[1] = sine * normal[0] + cosine * normal[1]
                inner[2] = normal[2]
                back = inner[0] * toward[0] + inner[1] * toward[1] + inner[2] * toward[2] < -0.25
                if back and kind[t] == BODY:
                    material, bright = VOID, 1.0
                fresnel, sharp, soft, round_light, dim, low = _light(
                    material, bright, place, inner, toward, scene, 0.0
                )
                values = scene.materials[material]
                gloss, metal = values[4], values[5]
                through = 0.0
                if material == GLASS:
                    ray[0] = -(cosine * toward[0] + sine * toward[1])
                    ray[1] = -(-sine * toward[0] + cosine * toward[1])
                    ray[2] = -toward[2]
                    through = _inside(place, ray, scene, sheets)
                    if place[0] < scene.cabin[3] - 0.35:
                        through *= scene.cabin[5]
                for channel in range(3):
                    reflected = (gloss * sharp[channel] + (1 - gloss) * soft[channel]) * dim
                    base = values[channel] * bright
                    if material == GLASS:
                        value = through * (0.95 if channel == 0 else 1.0) * bright
                    else:
                        value = base * ((1 - metal) * round_light[channel] + metal * soft[channel] * dim) * low
                    colour[y, x, channel] += weight * (value * (1 - fresnel) + reflected * fresnel * (0.4 + 0.6 * bright))


@njit(cache=True, nogil=True)
def develop(
    background: NDArray[np.float32],
    colour: NDArray[np.float32],
    cover: NDArray[np.uint8],
    top: int,
    left: int,
    noise: float,
    seed: int,
) -> NDArray[np.uint8]:
    """The photograph (H, W, 3) uint8: car over background, display curve, grain of the sensor."""
    height, width = background.shape[:2]
    photograph = np.empty((height, width, 3), np.uint8)
    state = np.uint64(seed * 2654435761 + 88172645463325252)
    for y in range(height):
        for x in range(width):
            cy, cx = y - top, x - left
            inside = 0 <= cy < cover.shape[0] and 0 <= cx < cover.shape[1]
            alpha = cover[cy, cx] * 0.25 if inside else 0.0
            state ^= state << np.uint64(13)
            state ^= state >> np.uint64(7)
            state ^= state << np.uint64(17)
            grain = (state & np.uint64(255)) + ((state >> np.uint64(8)) & np.uint64(255))
            grain = (grain + ((state >> np.uint64(16)) & np.uint64(255)) - 382.5) / 128.0
            for channel in range(3):
                value = background[y, x, channel]
                if alpha > 0.0:
                    value = value * (1 - alpha) + colour[cy, cx, channel] * 0.25
                tint = ((state >> np.uint64(24 + 8 * channel)) & np.uint64(255)) / 128.0 - 1.0
                shown = 255.0 * math.sqrt(max(0.0, value)) + noise * (grain + 0.6 * tint)
                if shown > 235.0:  # the shoulder of the display curve
                    shown = 255.0 - 20.0 * math.exp((235.0 - shown) / 20.0)
                photograph[y, x, channel] = min(255, max(0, int(shown + 0.5)))
    return photograph
