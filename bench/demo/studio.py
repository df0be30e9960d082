"""The studio as the camera sees it: wall with lettering, floor with a turntable."""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.data.carvana import SIZE
from bench.masks.types import FloatImage, Floats

HEIGHT, WIDTH = SIZE
ROUND = [(0.5 + 0.5 * np.cos(a), 0.5 + 0.5 * np.sin(a)) for a in np.linspace(0.7, 5.58, 30)]
LETTERS: dict[str, list[list[tuple[float, float]]]] = {  # strokes in a unit square, upwards
    "C": [ROUND],
    "A": [[(0, 0), (0.5, 1), (1, 0)], [(0.91, 0.18), (0.70, 0.30)]],
    "R": [[(0, 0), (0, 1), (0.5, 1), (0.66, 0.97), (0.76, 0.88), (0.8, 0.73), (0.76, 0.58),
           (0.66, 0.49), (0.5, 0.46), (0, 0.46)], [(0.42, 0.46), (0.85, 0)]],
    "B": [[(0, -0.09), (0, 1), (0.5, 1), (0.62, 0.97), (0.7, 0.89), (0.72, 0.76), (0.69, 0.64),
           (0.6, 0.56), (0.48, 0.53), (0, 0.53)],
          [(0.48, 0.53), (0.66, 0.5), (0.77, 0.41), (0.8, 0.27), (0.77, 0.12), (0.66, 0.03),
           (0.48, 0), (0, 0)]],
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
    wall: float  # display value of the wall
    disc: float  # turntable radius, metres
    warm: float  # how much warmer the disc is than the floor
    edge: str  # what is seen at the bottom of the frame: none | white | black


def random_studio(random: np.random.Generator, length: float) -> Studio:
    """A set-up for a car of `length` metres; long cars are photographed from a little further."""
    grey, cast = random.choice([174.0, 188.0, 200.0]), random.choice([-1.0, 0.0, 1.0])
    away = 6.4 + 0.6 * max(0.0, length - 4.9) + random.uniform(-0.2, 0.25)
    drop = random.uniform(-40, 70)
    return Studio(
        camera=(random.normal(0, 0.06), -away, random.uniform(1.65, 1.95)),
        focal=1870 + random.normal(0, 30),
        centre=(WIDTH / 2 + random.normal(0, 30), 330 + drop),
        foot=405 + drop + random.uniform(-15, 25),
        letters=(130 + random.normal(0, 35), 216 + random.normal(0, 6), 212 + random.normal(0, 8)),
        floor=(grey - 2 + 2 * cast, grey + 1, grey + 3 - 5 * cast),
        wall=random.uniform(232, 243),
        disc=random.uniform(2.7, 3.0),
        warm=float(random.choice([0.0, 0.0, 6.0])),
        edge=str(random.choice(["none", "white", "black"], p=[0.62, 0.2, 0.18])),
    )


def project(studio: Studio, world: Floats) -> Floats:
    """(N, 3) world points -> (N, 3) column, row, 1 / depth; the camera looks level along +Y."""
    away = world - np.array(studio.camera)
    near = 1.0 / away[:, 1]
    column = studio.centre[0] + studio.focal * away[:, 0] * near
    row = studio.centre[1] - studio.focal * away[:, 2] * near
    return np.stack([column, row, near], axis=1)


def floor_homography(studio: Studio, scale: float, size: int) -> Floats:
    """(3, 3) from a floor map, `size` square with `scale` pixels a metre, to the image."""
    x, y, z = studio.camera
    f, (u, v) = studio.focal, studio.centre
    to_image = np.array([[f, u, -f * x - u * y], [0, v, f * z - v * y], [0, 1, -y]])
    half = size / 2 / scale
    to_world = np.array([[1 / scale, 0, -half], [0, -1 / scale, half], [0, 0, 1]])
    return to_image @ to_world


def empty_room(studio: Studio, random: np.random.Generator) -> FloatImage:
    """Display RGB 0..255 (H, W, 3) of the room without seams and shadows."""
    rows = np.arange(HEIGHT, dtype=np.float32)[:, None]
    across = np.linspace(-1, 1, WIDTH, dtype=np.float32)[None, :]
    foot = np.float32(studio.foot) + 28 * across**2
    glow = np.exp(np.minimum(rows - foot, 0) / 90)
    wall = studio.wall + (253 - studio.wall) * glow - 5 * across**2 * (1 - glow)
    ink = _lettering(studio, foot[0])
    wall = wall * (1 - ink) + 96 * ink
    depth = np.clip((rows - foot) / (HEIGHT - foot), 0, 1)
    light = 0.92 + 0.12 * np.sqrt(depth) - 0.04 * across**2
    on_floor = np.clip(rows - foot, 0, 1)
    coarse = random.normal(0, 0.7, (8, 12)).astype(np.float32)
    stain = np.asarray(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC))
    walled, floored = wall * (1 - on_floor) + stain, light * on_floor
    room = np.stack([walled + floored * value for value in studio.floor], axis=-1)
    return _with_edge(_with_disc(room.astype(np.float32), studio), studio)


def _lettering(studio: Studio, foot: FloatImage) -> FloatImage:
    """Ink 0..1 (H, W) of the word on the wall, on its foot line; thin letters, then bold ones."""
    ink = np.zeros((HEIGHT, WIDTH), np.uint8)
    door = (int(0.38 * WIDTH), 165), (int(0.62 * WIDTH), int(studio.foot))
    cv2.rectangle(ink, *door, 26, 2)
    left, cell, tall = studio.letters
    for place, letter in enumerate("CARBENCH"):
        thick = 23.0 if place >= 3 else 10.0
        for stroke in LETTERS[letter]:
            points = np.array(stroke)
            column = left + cell * (place + 0.1 + 0.74 * points[:, 0])
            at_foot = np.interp(column, np.arange(WIDTH), foot)
            row = at_foot - 6 - thick - tall * points[:, 1] * (0.92 + 0.012 * place)
            _brush(ink, np.stack([column, row], axis=1), thick)
    return cv2.GaussianBlur(ink, (0, 0), 0.8) / np.float32(255)


def _brush(ink: NDArray[np.uint8], path: Floats, thick: float) -> None:
    """Draw a stroke with flat ends and round corners, `thick` pixels to each side."""
    for start, end in pairwise(path):
        across = (end - start)[::-1] * (-thick, thick) / np.linalg.norm(end - start)
        corners = np.stack([start + across, end + across, end - across, start - across])
        cv2.fillPoly(ink, [np.rint(corners * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    for corner in path[1:-1]:
        place = np.rint(corner * 16).astype(int).tolist()
        cv2.circle(ink, place, round(thick * 16), 255, -1, cv2.LINE_AA, 4)


def _with_disc(room: FloatImage, studio: Studio) -> FloatImage:
    """The room with the turntable's tint and rim."""
    angle = np.linspace(0, 2 * np.pi, 240)
    circle = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    tint, rim = np.zeros((HEIGHT, WIDTH), np.uint8), np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.fillPoly(tint, [_pixels(studio, studio.disc * circle)], 255, cv2.LINE_AA, 4)
    for share, dark, thick in ((1.0, 95, 2), (0.28, 30, 1)):
        ring = _pixels(studio, share * studio.disc * circle)
        cv2.polylines(rim, [ring], True, dark, thick, cv2.LINE_AA, 4)
    warm = np.array([1.0, 0.3, -1.4], np.float32) * np.float32(studio.warm / 255)
    left = 1 - rim.astype(np.float32) / 255
    return np.asarray((room + tint[..., None] * warm) * left[..., None], np.float32)


def _with_edge(room: FloatImage, studio: Studio) -> FloatImage:
    """The room with the near edge of the platform, where the camera sees over it."""
    if studio.edge == "none":
        return room
    start = HEIGHT - (70 if studio.edge == "black" else 40) - 22 * np.linspace(-1, 1, WIDTH)
    line = np.stack([np.arange(WIDTH), start], axis=1)
    shades = [(0, (226, 225, 222))] + [(16, (60, 58, 56))] * (studio.edge == "black")
    for down, shade in shades:
        below = np.concatenate([line + np.array((0, down)), [[WIDTH, HEIGHT + 9], [0, HEIGHT + 9]]])
        cv2.fillPoly(room, [np.rint(below * 16).astype(np.int32)], shade, cv2.LINE_AA, 4)
    return room


def _pixels(studio: Studio, world: Floats) -> NDArray[np.int32]:
    """Columns and rows of world points in 1/16 pixel, as OpenCV draws them with shift 4."""
    return np.rint(project(studio, world)[:, :2] * 16).astype(np.int32)


def marks(studio: Studio, turn: float, random: np.random.Generator) -> NDArray[np.uint8]:
    """Darkness (H, W) 0..255 of the disc's seams and scuffs, turned by `turn` radians."""
    layer = np.zeros((HEIGHT, WIDTH), np.uint8)
    for angle in turn + np.arange(12) * np.pi / 6:
        line = np.array([[np.cos(angle), np.sin(angle), 0]]) * [[0.28], [1.0]] * studio.disc
        cv2.polylines(layer, [_pixels(studio, line)], False, 30, 1, cv2.LINE_AA, 4)
    for _ in range(14):
        angle = turn + random.uniform(0, 2 * np.pi) + np.linspace(0, random.uniform(0.05, 0.3), 8)
        radius = studio.disc * np.sqrt(random.uniform(0.1, 0.9))
        arc = radius * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
        dark = int(random.uniform(8, 26))
        cv2.polylines(layer, [_pixels(studio, arc)], False, dark, 1, cv2.LINE_AA, 4)
    return layer
