"""The studio: camera, wall with lettering, floor with a turntable, shadow, and its light."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.carvana import SIZE

Floats = NDArray[np.float64]
HEIGHT, WIDTH = SIZE
LETTERS: dict[str, list[list[tuple[float, float]]]] = {
    "C": [[(0.93, 0.2), (0.8, 0.06), (0.62, 0), (0.4, 0), (0.18, 0.1), (0.04, 0.3), (0, 0.5),
           (0.04, 0.7), (0.18, 0.9), (0.4, 1), (0.62, 1), (0.8, 0.94), (0.93, 0.8)]],
    "A": [[(0, 0), (0.5, 1), (1, 0), (0.78, 0.24)]],
    "R": [[(0, 0), (0, 1), (0.55, 1), (0.75, 0.9), (0.8, 0.72), (0.75, 0.54), (0.55, 0.45), (0, 0.45)],
          [(0.45, 0.45), (0.85, 0)]],
    "B": [[(0, 0), (0, 1), (0.5, 1), (0.7, 0.88), (0.7, 0.64), (0.5, 0.53), (0, 0.53)],
          [(0.5, 0.53), (0.8, 0.4), (0.8, 0.12), (0.5, 0), (0, 0)]],
    "E": [[(0.75, 1), (0, 1), (0, 0), (0.75, 0)], [(0, 0.52), (0.65, 0.52)]],
    "N": [[(0, 0), (0, 1), (0.8, 0), (0.8, 1)]],
    "H": [[(0, 0), (0, 1)], [(0.8, 0), (0.8, 1)], [(0, 0.52), (0.8, 0.52)]],
}  # fmt: skip


@dataclass(frozen=True)
class Studio:
    """Where the camera stands and how the room looks during one car's sixteen photographs."""

    camera: tuple[float, float, float]  # world metres; the turntable's middle is the origin
    focal: float  # pixels
    centre: tuple[float, float]  # column, row of the level line of sight
    foot: float  # row where the wall meets the floor
    letters: tuple[float, float, float]  # left column, cell width, height
    floor: tuple[float, float, float]  # display RGB of the floor, 0..255
    wall: float
    disc: float  # turntable radius
    warm: float  # how much warmer the disc is than the floor
    edge: str  # what is seen at the bottom of the frame: none | white | black


def random_studio(random: np.random.Generator) -> Studio:
    """One of the rooms' set-ups, a little different each time."""
    grey = random.choice([172.0, 184.0, 194.0])
    cast = random.choice([-1.0, 0.0, 0.6])
    shift = random.normal(0, 35)
    drop = random.uniform(-40, 70)
    return Studio(
        camera=(random.normal(0, 0.06), -6.45 + random.normal(0, 0.12), random.uniform(1.65, 1.95)),
        focal=1770 + random.normal(0, 25),
        centre=(WIDTH / 2 + random.normal(0, 30), 330 + drop),
        foot=405 + drop + random.uniform(-15, 25),
        letters=(130 + shift, 216 + random.normal(0, 6), 212 + random.normal(0, 8)),
        floor=(grey + 5 * cast - 2, grey + 2 * cast, grey - 6 * cast + 2),
        wall=random.uniform(232, 243),
        disc=random.uniform(3.5, 4.1),
        warm=float(random.choice([0.0, 0.0, 7.0])),
        edge=str(random.choice(["none", "white", "black"], p=[0.62, 0.2, 0.18])),
    )


def project(studio: Studio, world: Floats) -> Floats:
    """(N, 3) world points -> column, row, 1 / depth; the camera looks along +Y, level."""
    away = world - np.array(studio.camera)
    near = 1.0 / away[:, 1]
    column = studio.centre[0] + studio.focal * away[:, 0] * near
    row = studio.centre[1] - studio.focal * away[:, 2] * near
    return np.stack([column, row, near], axis=1)


def background(studio: Studio, random: np.random.Generator) -> NDArray[np.float32]:
    """Display RGB 0..255 (H, W, 3) of the empty room without the turntable's marks."""
    rows = np.arange(HEIGHT, dtype=np.float32)[:, None]
    columns = np.arange(WIDTH, dtype=np.float32)[None, :]
    across = (columns - WIDTH / 2) / (WIDTH / 2)
    foot = studio.foot + 28 * across**2
    glow = np.exp(-np.maximum(foot - rows, 0) / 90)
    wall = studio.wall + (253 - studio.wall) * glow - 5 * across**2 * (1 - glow)
    room = np.stack([wall, wall, wall - 1.5 + 1.5 * glow], axis=-1).astype(np.float32)
    room = _letter_wall(room, studio, foot[0])
    below = np.clip((rows - foot) / (HEIGHT - foot), 0, 1)
    light = 0.90 + 0.12 * np.sqrt(below) - 0.04 * across**2
    floor = light[..., None] * np.array(studio.floor, np.float32)
    sharp = np.clip(rows - foot, 0, 1)[..., None]
    room = room * (1 - sharp) + floor * sharp
    return _mottle(_bottom_edge(room, studio), random)


def _letter_wall(room: NDArray[np.float32], studio: Studio, foot: NDArray[np.float32]) -> NDArray[np.float32]:
    """The wall with its lettering, standing on the foot line; thin letters, then bold ones."""
    ink = np.zeros((HEIGHT, WIDTH), np.uint8)
    left, cell, tall = studio.letters
    for place, letter in enumerate("CARBENCH"):
        bold = place >= 3
        for stroke in LETTERS[letter]:
            points = np.array(stroke)
            column = left + cell * (place + 0.1 + 0.74 * points[:, 0])
            at_foot = np.interp(column, np.arange(WIDTH), foot)
            row = at_foot - 12 - tall * points[:, 1] * (0.92 + 0.012 * place)
            pixels = np.rint(np.stack([column, row], axis=1) * 16).astype(np.int32)
            cv2.polylines(ink, [pixels], False, 255, 46 if bold else 22, cv2.LINE_AA, 4)
    cv2.rectangle(ink, (int(WIDTH * 0.38), 165), (int(WIDTH * 0.62), int(studio.foot)), 26, 2)
    ink = cv2.GaussianBlur(ink, (0, 0), 0.8)
    share = ink[..., None].astype(np.float32) / 255
    return room * (1 - share) + share * np.array([96, 96, 99], np.float32)


def _bottom_edge(room: NDArray[np.float32], studio: Studio) -> NDArray[np.float32]:
    """The near edge of the platform, where the camera sees over it."""
    if studio.edge == "none":
        return room
    across = np.linspace(-1, 1, WIDTH)
    start = HEIGHT - (70 if studio.edge == "black" else 40) - 22 * across
    corners = np.stack([np.arange(WIDTH), start], axis=1)
    below = np.concatenate([corners, [[WIDTH, HEIGHT + 9], [0, HEIGHT + 9]]])
    room = room.copy()
    shade = (228, 226, 222)
    cv2.fillPoly(room, [np.rint(below * 16).astype(np.int32)], shade, cv2.LINE_AA, 4)
    if studio.edge == "black":
        below[:WIDTH, 1] += 16
        cv2.fillPoly(room, [np.rint(below * 16).astype(np.int32)], (58, 55, 52), cv2.LINE_AA, 4)
    return room


def _mottle(room: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """Large soft unevenness of paint and light."""
    coarse = random.normal(0, 1.6, (16, 24)).astype(np.float32)
    return room + cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)[..., None]


def floor_homography(studio: Studio, scale: float, size: int) -> Floats:
    """3x3 matrix from a map of the floor (`scale` pixels a metre, origin in its middle) to the image."""
    x, y, z = studio.camera
    f, (u, v) = studio.focal, studio.centre
    to_image = np.array([[f, u, -f * x - u * y], [0, v, f * z - v * y], [0, 1, -y]])
    to_world = np.array([[1 / scale, 0, -size / 2 / scale], [0, -1 / scale, size / 2 / scale], [0, 0, 1]])
    return to_image @ to_world


def turntable(studio: Studio, room: NDArray[np.float32], turn: float, random: np.random.Generator) -> NDArray[np.float32]:
    """The room with the disc's tint, rim, seams and scuffs, turned by `turn` radians."""
    angle = np.linspace(0, 2 * np.pi, 240)
    ring = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)

    def pixels(world: Floats) -> NDArray[np.int32]:
        return np.rint(project(studio, world)[:, :2] * 16).astype(np.int32)

    tint = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.fillPoly(tint, [pixels(ring * studio.disc)], 255, cv2.LINE_AA, 4)
    marks = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.polylines(marks, [pixels(ring * studio.disc)], True, 120, 2, cv2.LINE_AA, 4)
    cv2.polylines(marks, [pixels(ring * studio.disc * 0.28)], True, 40, 1, cv2.LINE_AA, 4)
    for seam in range(12):
        a = turn + seam * np.pi / 6
        ends = np.array([[np.cos(a), np.sin(a), 0]]) * np.array([[0.28], [1.0]]) * studio.disc
        cv2.polylines(marks, [pixels(ends)], False, 30, 1, cv2.LINE_AA, 4)
    for _ in range(14):
        a, r = random.uniform(0, 2 * np.pi) + turn, studio.disc * np.sqrt(random.uniform(0.1, 0.9))
        bend = np.linspace(0, random.uniform(0.05, 0.3), 8) + a
        arc = r * np.stack([np.cos(bend), np.sin(bend), 0 * bend], axis=1)
        cv2.polylines(marks, [pixels(arc)], False, int(random.uniform(8, 26)), 1, cv2.LINE_AA, 4)
    warm = np.array([1.0, 0.3, -1.4], np.float32) * studio.warm
    room = room + (tint / np.float32(255))[..., None] * warm
    return room * (1 - marks / np.float32(255))[..., None]


def octahedral(size: int) -> Floats:
    """(size, size, 3) unit directions of the table that render.py looks light up in."""
    u, v = np.meshgrid(*[(np.arange(size) + 0.5) / size * 2 - 1] * 2)
    z = 1 - np.abs(u) - np.abs(v)
    fold = np.maximum(-z, 0)
    x, y = u - np.sign(u) * fold, v - np.sign(v) * fold
    direction = np.stack([x, y, z], axis=-1)
    return direction / np.linalg.norm(direction, axis=-1, keepdims=True)


def surroundings(studio: Studio, random: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The studio's light in every direction (linear RGB): in focus, and blurred for rough surfaces."""
    d = octahedral(256)
    azimuth, up = np.arctan2(d[..., 1], d[..., 0]), d[..., 2]

    def step(value: Floats, soft: float) -> Floats:
        return 1 / (1 + np.exp(-np.clip(value / soft, -40, 40)))

    floor = (np.array(studio.floor) / 255) ** 2 * 0.80
    wall = np.where(up < 0.25, 0.92, 0.78) - 0.12 * np.cos(azimuth - 0.7)
    wall = wall * (1 - 0.75 * step(0.16 - np.abs(up - 0.30), 0.02) * step(np.sin(azimuth) - 0.5, 0.1)
                   * step(np.sin(azimuth * 18), 0.15))  # fmt: skip
    ceiling = 0.55 + 0.1 * up
    for centre in (-0.55, 0.0, 0.55):
        lamp = step(0.13 - np.abs(d[..., 0] / np.maximum(up, 0.05) - centre * 1.6), 0.03)
        ceiling = ceiling + 1.5 * lamp * step(up - 0.55, 0.03)
    high = step(up - 0.62, 0.04)
    above = wall * (1 - high) + ceiling * high
    dark = 1 - 0.35 * step(-up - 0.55, 0.15)
    sky = step(up + 0.015, 0.012)[..., None]
    table = sky * above[..., None] + (1 - sky) * floor * dark[..., None]
    sharp = np.ascontiguousarray(table, dtype=np.float32)
    order = octahedral(24).reshape(-1, 3)
    small = cv2.resize(sharp, (24, 24), interpolation=cv2.INTER_AREA).reshape(-1, 3)
    lobes = np.maximum(octahedral(64).reshape(-1, 3) @ order.T, 0) ** 5
    blurred = (lobes @ small / lobes.sum(axis=1, keepdims=True)).reshape(64, 64, 3)
    return sharp, cv2.resize(blurred.astype(np.float32), (256, 256))
