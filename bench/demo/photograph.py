"""A car in its studio, and one view of it: photograph and exact mask."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.data.carvana import SIZE
from bench.demo import studio
from bench.demo.light import develop, surroundings
from bench.demo.mesh import Mesh
from bench.demo.parts import build
from bench.demo.raster import SUBSAMPLES, nearest_triangles
from bench.demo.shader import Scene, shade
from bench.demo.shape import ARCH, Shape, axles, belt, random_shape
from bench.demo.sheet import box
from bench.demo.skin import paint_sheets
from bench.demo.studio import HEIGHT, WIDTH
from bench.masks.types import FloatImage, Floats, Mask, RgbImage

PAINTS = (  # display red, green, blue; metal; how often
    ((230, 230, 228), 0.0, 0.20),
    ((188, 190, 193), 0.75, 0.17),
    ((128, 130, 134), 0.7, 0.13),
    ((60, 62, 66), 0.6, 0.09),
    ((16, 16, 18), 0.15, 0.16),
    ((150, 18, 24), 0.3, 0.09),
    ((28, 58, 128), 0.5, 0.08),
    ((168, 157, 136), 0.7, 0.05),
    ((40, 90, 170), 0.2, 0.02),
    ((70, 20, 28), 0.5, 0.01),
)
OTHER_MATERIALS = (  # linear red, green, blue, reflectance, gloss, metal
    (0.05, 0.06, 0.06, 0.07, 1.0, 0.0),  # glass
    (0.018, 0.018, 0.019, 0.035, 0.15, 0.0),  # trim
    (0.20, 0.20, 0.21, 0.55, 0.8, 0.6),  # chrome
    (0.55, 0.57, 0.60, 0.10, 1.0, 0.3),  # lamp
    (0.42, 0.010, 0.014, 0.06, 1.0, 0.1),  # red
    (0.70, 0.20, 0.02, 0.06, 1.0, 0.1),  # amber
    (0.80, 0.82, 0.84, 0.04, 0.1, 0.0),  # plate
    (0.06, 0.30, 0.62, 0.04, 0.1, 0.0),  # blue
    (0.012, 0.012, 0.013, 0.02, 0.0, 0.0),  # rubber
    (0.42, 0.43, 0.44, 0.15, 0.3, 0.6),  # alloy
    (0.006, 0.006, 0.006, 0.0, 0.0, 0.0),  # void
)
FLOOR_SCALE, FLOOR_SIZE = 60, 600  # the shadow's map: pixels a metre, pixels a side


@dataclass(frozen=True)
class Car:
    """All that the sixteen photographs of a car share."""

    shape: Shape
    mesh: Mesh
    sheets: NDArray[np.uint8]
    materials: Floats  # (12, 6), rows in the order of mesh.PAINT ..
    cabin: Floats  # (6,) of Scene
    studio: studio.Studio
    room: FloatImage
    light: tuple[FloatImage, FloatImage]
    shadow: FloatImage
    place: tuple[float, float]  # of the car on the turntable, metres
    noise: float  # of the sensor, in display levels
    grain: int  # seed of that noise


def random_car(seed: int, number: int) -> Car:
    """Car `number` of the data set that `seed` decides, and its studio."""
    random = np.random.default_rng((seed, number))
    shape = random_shape(random)
    set_up = studio.random_studio(random, shape.length)
    return Car(
        shape=shape,
        mesh=build(shape),
        sheets=paint_sheets(shape, random),
        materials=np.array([_paint(random), *OTHER_MATERIALS]),
        cabin=_cabin(shape, dark=bool(shape.boxy > 3 and random.random() < 0.7)),
        studio=set_up,
        room=studio.empty_room(set_up, random),
        light=surroundings(np.array(set_up.floor)),
        shadow=_shadow(shape),
        place=(random.normal(0, 0.08), random.normal(0, 0.05)),
        noise=random.uniform(1.0, 2.6),
        grain=int(random.integers(2**31)),
    )


def _paint(random: np.random.Generator) -> tuple[float, ...]:
    chances = np.array([chance for *_, chance in PAINTS])
    colour, metal, _ = PAINTS[random.choice(len(PAINTS), p=chances / chances.sum())]
    shown = np.clip(np.array(colour) * random.uniform(0.92, 1.05), 4, 236)
    return (*(shown / 255) ** 2, 0.06, 0.95, metal)


def _cabin(shape: Shape, dark: bool) -> Floats:
    """Half width, belt, roof, X of both seat rows, tint of the rear windows."""
    seats = shape.length / 2 - shape.pillars[0] - 0.05
    inner, low = shape.width * shape.tumble / 2, belt(shape, shape.pillars[0])
    return np.array([inner, low, shape.height - 0.08, seats, seats - 0.95, 0.35 if dark else 1.0])


def _shadow(shape: Shape) -> FloatImage:
    """Share (FLOOR_SIZE, FLOOR_SIZE) of the floor's brightness left around a car heading right."""
    long, wide = shape.length / 2, shape.width / 2

    def block(x: float, y: float, long: float, wide: float, blur: float) -> FloatImage:
        layer = np.zeros((FLOOR_SIZE, FLOOR_SIZE), np.float32)
        corners = box(x - long, x + long, y - wide, y + wide) * (FLOOR_SCALE, -FLOOR_SCALE)
        corners += FLOOR_SIZE / 2
        cv2.fillPoly(layer, [np.rint(corners * 16).astype(np.int32)], 1.0, cv2.LINE_8, 4)
        return np.asarray(cv2.GaussianBlur(layer, (0, 0), blur * FLOOR_SCALE), np.float32)

    light = 1 - 0.40 * block(0, 0, long, wide, 0.42)
    light *= 1 - 0.80 * block(0, 0, long - 0.25, wide - 0.16, 0.10)
    for x in axles(shape):
        for y in (wide - 0.15, 0.15 - wide):
            light *= 1 - 0.85 * block(x, y, 0.16, 0.10, 0.035)
    return light**0.75


def take_photograph(car: Car, view: int) -> tuple[RgbImage, Mask]:
    """Photograph (H, W, 3) uint8 RGB and mask (H, W) of view 1..16; view 1 shows the front.

    A pixel belongs to the mask when at least two of its four sub-samples are car.
    """
    turn, move = _pose(car, view)
    screen = on_screen(car, view)
    left, top = np.maximum(np.floor(screen[:, :2].min(axis=0)).astype(int), 0)
    right, bottom = np.minimum(np.ceil(screen[:, :2].max(axis=0)).astype(int), (WIDTH, HEIGHT))
    fine = (screen - (left, top, 0)) * (SUBSAMPLES, SUBSAMPLES, 1)
    front, rear = axles(car.shape)
    arches = np.array([front, rear, car.shape.tyre, ARCH * car.shape.tyre])
    mesh = car.mesh
    size = SUBSAMPLES * (bottom - top), SUBSAMPLES * (right - left)
    triangle_at = nearest_triangles(fine, mesh.points, mesh.triangles, mesh.kind, arches, size)
    scene = Scene(
        turn=turn,
        move=move,
        camera=np.array(car.studio.camera),
        ends=car.shape.length / 2 - 0.7,
        cabin=car.cabin,
        materials=car.materials,
        sharp=car.light[0],
        blurred=car.light[1],
    )
    colour, cover = shade(triangle_at, fine, tuple(mesh), car.sheets, scene)
    mask = np.zeros(SIZE, bool)
    mask[top:bottom, left:right] = cover >= 2
    dim = _dimmed(car, turn, move, view)
    corner = int(top), int(left)
    return develop(car.room, dim, colour, cover, corner, (car.noise, car.grain + view)), mask


def _heading(view: int) -> float:
    """Direction in which the car points: to the camera in view 1, to the left in view 5."""
    return -np.pi / 2 - (view - 1) * np.pi / 8


def _pose(car: Car, view: int) -> tuple[Floats, Floats]:
    """Cosine and sine of the car's heading, and its place in the world."""
    turn = np.array([np.cos(_heading(view)), np.sin(_heading(view))])
    (cosine, sine), (x, y) = turn, car.place
    return turn, np.array([cosine * x - sine * y, sine * x + cosine * y])


def on_screen(car: Car, view: int) -> Floats:
    """Column, row and 1 / depth of all points of the mesh, (V, 3)."""
    (cosine, sine), move = _pose(car, view)
    x, y, z = car.mesh.points.T
    world = np.stack([cosine * x - sine * y + move[0], sine * x + cosine * y + move[1], z], axis=1)
    return studio.project(car.studio, world)


def _dimmed(car: Car, turn: Floats, move: Floats, view: int) -> FloatImage:
    """Share (H, W) of the room's brightness left by the car's shadow and the turntable's marks."""
    cosine, sine = turn
    middle = FLOOR_SIZE / 2
    rotation = np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]])
    centred = np.array([[1, 0, -middle], [0, 1, -middle], [0, 0, 1.0]])
    right, down = middle + move[0] * FLOOR_SCALE, middle - move[1] * FLOOR_SCALE
    placed = np.array([[1, 0, right], [0, 1, down], [0, 0, 1.0]])
    to_image = studio.floor_homography(car.studio, FLOOR_SCALE, FLOOR_SIZE)
    to_image = to_image @ placed @ rotation @ centred
    left = cv2.warpPerspective(car.shadow, to_image, (WIDTH, HEIGHT), borderValue=1)
    left[: int(car.studio.centre[1]) + 20] = 1  # above the horizon the map turns inside out
    marks = studio.marks(car.studio, _heading(view), np.random.default_rng(car.grain))
    return np.asarray(left * (1 - marks.astype(np.float32) / 255), np.float32)
