"""What is painted on a car: seams, windows, lamps, grille, plate, drawn on flat sheets.

A sheet is looked up by the shader at a point's place: SIDE by (X, Z), FRONT and REAR by (Y, Z),
TOP by (X, Y), SCREEN by (arc length over the cabin, Y), RIM by the wheel's own (X, Z).
Channel 0 is the material, channel 1 how bright it is (seams, slats, spokes).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.demo.car import (
    ALLOY,
    AMBER,
    BLUE,
    CHROME,
    GLASS,
    LAMP,
    PAINT,
    PLATE,
    RED,
    TRIM,
    VOID,
    Floats,
    Shape,
    axles,
    half_width,
    lower_top,
    roof_arc,
    roof_line,
)

TEXEL = 0.0025  # metres
SHEET = (900, 2440)  # height x width of every sheet: 2.25 m x 6.1 m
SIDE, FRONT, REAR, TOP, SCREEN, RIM = range(6)
SHIFT = 4
Points = list[tuple[float, float]]


class _Sheet:
    """One sheet to draw on in metres: first coordinate to the right, second one up."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.material = np.ascontiguousarray(pixels[..., 0])
        self.bright = np.ascontiguousarray(pixels[..., 1])

    def _pixels(self, points: Points | Floats) -> NDArray[np.int32]:
        place = np.asarray(points, dtype=np.float64) / TEXEL
        place = np.stack([place[:, 0] + SHEET[1] / 2, SHEET[0] / 2 - place[:, 1]], axis=1)
        return np.rint((place - 0.5) * 2**SHIFT).astype(np.int32)

    def fill(self, points: Points | Floats, material: int, bright: float = 1.0) -> None:
        """A filled polygon."""
        corners = [self._pixels(points)]
        cv2.fillPoly(self.material, corners, material, cv2.LINE_8, SHIFT)
        cv2.fillPoly(self.bright, corners, round(255 * bright), cv2.LINE_8, SHIFT)

    def line(self, points: Points | Floats, width: float, bright: float, closed: bool = False) -> None:
        """A seam of `width` metres that only darkens."""
        thick = max(1, round(width / TEXEL))
        layer = np.full_like(self.bright, 255)
        cv2.polylines(layer, [self._pixels(points)], closed, round(255 * bright), thick, cv2.LINE_AA, SHIFT)
        np.minimum(self.bright, layer, out=self.bright)

    def stroke(self, points: Points | Floats, width: float, material: int, bright: float = 1.0, closed: bool = False) -> None:
        """A line of `width` metres of its own material."""
        thick = max(1, round(width / TEXEL))
        for plane, value in ((self.material, material), (self.bright, round(255 * bright))):
            cv2.polylines(plane, [self._pixels(points)], closed, value, thick, cv2.LINE_8, SHIFT)

    def disc(self, centre: tuple[float, float], radius: float, material: int, bright: float = 1.0) -> None:
        angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        ring = np.array(centre) + radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        self.fill(ring, material, bright)

    def finish(self) -> NDArray[np.uint8]:
        return np.stack([self.material, self.bright], axis=-1)


def rounded(points: Points, rounds: int = 3) -> Floats:
    """The polygon with its corners cut again and again (Chaikin)."""
    corners = np.array(points)
    for _ in range(rounds):
        following = np.roll(corners, -1, axis=0)
        corners = np.stack([0.75 * corners + 0.25 * following, 0.25 * corners + 0.75 * following], 1)
        corners = corners.reshape(-1, 2)
    return corners


def both(points: Points | Floats) -> list[Floats]:
    """The polygon and its mirror image in the first coordinate."""
    one = np.asarray(points)
    return [one, one * np.array([-1.0, 1.0])]


Z0 = 1.1  # the Z in the middle of SIDE, FRONT and REAR


def paint_sheets(shape: Shape, random: np.random.Generator) -> NDArray[np.uint8]:
    """All six sheets (6, H, W, 2) uint8 of a car."""
    blank = np.zeros((*SHEET, 2), np.uint8)
    blank[..., 1] = 255
    painters = (_side, _front, _rear, _top, _screen, _rim)
    sheets = []
    for painter in painters:
        sheet = _Sheet(blank)
        painter(sheet, shape, random)
        sheets.append(sheet.finish())
    return np.stack(sheets)


def _side(sheet: _Sheet, shape: Shape, random: np.random.Generator) -> None:
    half = shape.length / 2
    low = shape.clearance

    def at(s: float, z: float) -> tuple[float, float]:
        return half - s, z - Z0

    def belt(s: float) -> float:
        return float(lower_top(shape, np.array([s]))[0]) - 0.055

    sill = low + (0.16 if shape.clad else 0.075)
    sheet.fill([at(0, 0), at(shape.length, 0), at(shape.length, sill), at(0, sill)], TRIM)
    for axle in axles(shape):
        if shape.clad:
            sheet.disc((axle, shape.tyre - Z0), 1.14 * shape.tyre + 0.055, TRIM)
        angle = np.linspace(0, np.pi, 40)
        ring = np.array([axle, shape.tyre - Z0]) + (1.14 * shape.tyre + 0.008) * np.stack(
            [np.cos(angle), np.sin(angle)], axis=1
        )
        sheet.line(ring, 0.012, 0.55)
    _side_windows(sheet, shape)
    for seam in shape.doors:
        lean = 0.06 if seam != shape.doors[0] else 0.0
        foot = seam - lean if seam != shape.doors[-1] else seam - 0.18
        line = [at(seam, belt(seam) + 0.02), at(seam, belt(seam) - 0.3), at(foot, sill + 0.05)]
        sheet.line(line, 0.007, 0.25)
    sheet.line([at(shape.doors[0], sill + 0.04), at(shape.doors[-1] - 0.18, sill + 0.04)], 0.007, 0.3)
    s = shape.doors[-1] + 0.42
    if shape.bed is None:
        z = belt(s) - 0.17
        flap = rounded([at(s, z), at(s + 0.15, z), at(s + 0.15, z - 0.15), at(s, z - 0.15)], 2)
        sheet.line(flap, 0.005, 0.45, True)
    else:
        sheet.line([at(shape.bed[0] - 0.07, belt(3.9)), at(shape.bed[0] - 0.07, sill)], 0.012, 0.2)
    _side_lamps(sheet, shape, at, belt)


def _side_windows(sheet: _Sheet, shape: Shape) -> None:
    half = shape.length / 2
    end = shape.tail[0] - 0.16
    s = np.arange(shape.cowl[0] + 0.1, end, 0.01)
    low = lower_top(shape, s) - 0.055 + 0.025
    high = roof_line(shape, s + 0.05) - 0.115
    keep = high > low + 0.02
    s, low, high = s[keep], low[keep], high[keep]
    top = np.stack([half - s, high - Z0], axis=1)
    bottom = np.stack([half - s, low - Z0], axis=1)[::-1]
    outline = np.concatenate([top, bottom])
    sheet.fill(outline, GLASS)
    sheet.stroke(outline, 0.022, TRIM if shape.spokes % 3 else CHROME, closed=True)
    for pillar in shape.pillars:
        line = [(half - pillar, -Z0 + 2.2), (half - pillar - 0.02, -Z0 + 0.9)]
        clear = sheet.material == GLASS
        strip = np.zeros_like(sheet.material)
        wide = 0.085 if pillar == shape.pillars[0] else 0.05
        cv2.polylines(strip, [sheet._pixels(line)], False, 1, round(wide / TEXEL), cv2.LINE_8, SHIFT)
        sheet.material[clear & (strip > 0)] = TRIM


def _side_lamps(sheet: _Sheet, shape: Shape, at, belt) -> None:  # type: ignore[no-untyped-def]
    nose = shape.nose
    lamp = [at(-0.1, nose - 0.16), at(-0.1, nose + 0.05), at(0.42, nose + 0.06), at(0.62, nose + 0.075),
            at(0.40, nose - 0.06)]  # fmt: skip
    sheet.fill(lamp, LAMP)
    sheet.fill([at(0.33, nose - 0.035), at(0.32, nose + 0.04), at(0.47, nose + 0.045), at(0.42, nose - 0.02)], AMBER)
    sheet.line(lamp, 0.006, 0.2, True)
    length, z = shape.length, shape.deck - 0.09
    tall = 0.17 if shape.boxy < 3 else 0.30
    lamp = [at(length + 0.1, z), at(length + 0.1, z - tall), at(length - 0.25, z - tall * 0.9),
            at(length - 0.34, z - 0.02)]  # fmt: skip
    sheet.fill(lamp, RED)
    sheet.line(lamp, 0.006, 0.2, True)
    for end, face in ((0.0, 1), (length, -1)):
        s = end + face * 0.62
        edge = [at(end, 0.55 * nose / 0.7), at(s, 0.56 * nose / 0.7)]
        sheet.line(edge, 0.006, 0.35)


def _front(sheet: _Sheet, shape: Shape, random: np.random.Generator) -> None:
    w, n = shape.width / 2, shape.nose
    high = n / 0.7

    def at(y: float, z: float) -> tuple[float, float]:
        return y * w, z * high - Z0

    sill = shape.clearance + 0.07
    sheet.fill([(-w, -Z0), (w, -Z0), (w, sill - Z0), (-w, sill - Z0)], TRIM)
    wide, tall = random.uniform(0.36, 0.5), random.uniform(0.10, 0.20)
    grille = rounded([at(-wide, 0.69), at(wide, 0.69), at(wide * 0.85, 0.69 - tall), at(-wide * 0.85, 0.69 - tall)], 2)
    sheet.fill(grille, VOID, 0.9)
    mesh = random.random() < 0.4
    for z in np.arange(0.69 - tall + 0.015, 0.685, 0.022 if mesh else 0.038):
        sheet.stroke([at(-wide * 0.9, z), at(wide * 0.9, z)], 0.006 if mesh else 0.014, TRIM if mesh else CHROME)
    sheet.stroke(grille, 0.02, CHROME if random.random() < 0.7 else TRIM, closed=True)
    sheet.disc(at(0, 0.69 - tall / 2), 0.055, CHROME)
    sheet.disc(at(0, 0.69 - tall / 2), 0.040, VOID, 0.9)
    sheet.stroke([at(-0.03, 0.69 - tall / 2), at(0.03, 0.69 - tall / 2)], 0.02, CHROME)
    intake = rounded([at(-0.62, 0.42), at(0.62, 0.42), at(0.52, 0.28), at(-0.52, 0.28)], 2)
    sheet.fill(intake, VOID, 0.9)
    for z in (0.31, 0.345, 0.38):
        sheet.stroke([at(-0.5, z), at(0.5, z)], 0.008, TRIM)
    for fog in both(rounded([at(0.66, 0.44), at(0.94, 0.46), at(0.9, 0.33), at(0.64, 0.31)], 2)):
        sheet.fill(fog, VOID, 0.9)
        sheet.disc(tuple(fog.mean(axis=0)), 0.045, LAMP)
    for lamp in both([at(wide + 0.06, 0.575), at(wide + 0.03, 0.68), at(0.72, 0.745), at(1.1, 0.76), at(1.1, 0.60)]):
        sheet.fill(lamp, LAMP)
        sheet.line(lamp, 0.008, 0.15, True)
        centre = lamp[:4].mean(axis=0)
        for offset in (-0.09, 0.07):
            sheet.disc((centre[0] + offset, centre[1] - 0.012), 0.047, VOID, 0.9)
            sheet.disc((centre[0] + offset, centre[1] - 0.012), 0.036, CHROME)
    _plate(sheet, (0.0, 0.475 * high - Z0))
    sheet.line([at(-1, 0.555), at(-wide, 0.53), at(wide, 0.53), at(1, 0.555)], 0.006, 0.4)
    sheet.line([at(-0.8, 0.75), at(-wide, 0.715), at(wide, 0.715), at(0.8, 0.75)], 0.007, 0.25)


def _plate(sheet: _Sheet, centre: tuple[float, float]) -> None:
    y, z = centre

    def box(wide: float, low: float, high: float) -> Points:
        return [(y - wide, z + low), (y + wide, z + low), (y + wide, z + high), (y - wide, z + high)]

    sheet.fill(box(0.175, -0.082, 0.082), TRIM)
    sheet.fill(box(0.165, -0.075, 0.075), PLATE)
    sheet.fill(box(0.12, -0.060, -0.032), BLUE)
    sheet.disc((y - 0.11, z + 0.02), 0.024, BLUE)
    for place in np.linspace(-0.07, 0.12, 7):
        sheet.stroke([(y + place, z + 0.006), (y + place, z + 0.036)], 0.014, BLUE, 0.7)


def _rear(sheet: _Sheet, shape: Shape, random: np.random.Generator) -> None:
    w, deck = shape.width / 2, shape.deck
    tall = 0.17 if shape.boxy < 3 else 0.30

    def at(y: float, z: float) -> tuple[float, float]:
        return y * w, deck + z - Z0

    sill = shape.clearance + 0.20
    sheet.fill([(-w, -Z0), (w, -Z0), (w, sill - Z0), (-w, sill - Z0)], TRIM)
    inner = random.uniform(0.42, 0.68)
    for lamp in both([at(inner, -0.10), at(1.1, -0.09), at(1.1, -0.09 - tall), at(inner + 0.06, -0.07 - tall)]):
        sheet.fill(lamp, RED)
        sheet.line(lamp, 0.008, 0.2, True)
        low, high = lamp[:, 1].min() + 0.05, lamp[:, 1].min() + 0.085
        sign = np.sign(lamp[0, 0])
        sheet.fill([(sign * (inner + 0.05) * w, low), (sign * 0.9 * w, low), (sign * 0.9 * w, high), (sign * (inner + 0.05) * w, high)], LAMP)
    sheet.stroke([at(-0.4, -0.09), at(0.4, -0.09)], 0.022, CHROME)
    recess = rounded([at(-0.34, -0.13), at(0.34, -0.13), at(0.30, -0.36), at(-0.30, -0.36)], 2)
    sheet.line(recess, 0.008, 0.5, True)
    _plate(sheet, (0.0, deck - 0.235 - Z0))
    sheet.disc((0.0, deck - 0.045 - Z0), 0.035, CHROME)
    sheet.line([at(-0.7, 0.02), at(-0.64, -0.45), at(0.64, -0.45), at(0.7, 0.02)], 0.008, 0.3)
    sheet.line([at(-1, -0.46), at(1, -0.46)], 0.006, 0.4)
    for side in (-1, 1):
        sheet.fill([(side * 0.72 * w, sill + 0.05 - Z0), (side * 0.9 * w, sill + 0.05 - Z0), (side * 0.9 * w, sill + 0.09 - Z0), (side * 0.72 * w, sill + 0.09 - Z0)], RED, 0.8)


def _top(sheet: _Sheet, shape: Shape, random: np.random.Generator) -> None:
    half, w = shape.length / 2, shape.width / 2
    cowl = half - shape.cowl[0]
    for side in (-1, 1):
        seam = [(half - 0.16, side * 0.74 * w), (half - 0.5, side * 0.80 * w), (cowl - 0.1, side * 0.83 * w)]
        sheet.line(seam, 0.007, 0.3)
        sheet.line([(half - 0.3, side * 0.35 * w), (cowl, side * 0.5 * w)], 0.02, 0.86)
    sheet.fill([(cowl - 0.3, -0.86 * w), (cowl - 0.3, 0.86 * w), (cowl - 0.02, 0.86 * w),
                (cowl + 0.07, 0), (cowl - 0.02, -0.86 * w)], TRIM)  # fmt: skip
    if shape.bed is not None:
        front, rear = half - shape.bed[0], half - shape.bed[1]
        edge = 0.815 * w
        sheet.fill([(front, -edge), (front, edge), (rear, edge), (rear, -edge)], TRIM)
    else:
        tail = half - shape.tail[0]
        sheet.line([(tail + 0.1, -0.72 * w), (tail - 0.15, -0.72 * w), (tail - 0.15, 0.72 * w), (tail + 0.1, 0.72 * w)], 0.007, 0.4)


def _screen(sheet: _Sheet, shape: Shape, random: np.random.Generator) -> None:
    s, arc = roof_arc(shape)
    middle = arc[-1] / 2
    w = shape.width / 2

    def pane(first: float, last: float, inset: float) -> Floats:
        at = np.linspace(first, last, 30)
        roof, belt = roof_line(shape, at), lower_top(shape, at) - 0.09
        share = np.clip((roof - belt) / (shape.height - belt), 0, 1)
        base = 0.955 * half_width(shape, at)
        y = base + (shape.tumble * w - base) * share - inset
        along = np.interp(at, s, arc) - middle
        return np.concatenate([np.stack([along, y], axis=1), np.stack([along, -y], axis=1)[::-1]])

    front, rear = shape.roof
    for first, last in ((shape.cowl[0] - 0.02, front - 0.03), (rear + 0.06, shape.tail[0] - 0.05)):
        sheet.fill(pane(first - 0.02, last + 0.02, 0.05), TRIM)
        sheet.fill(pane(first, last, 0.085), GLASS)
    if random.random() < 0.4:
        sheet.fill(pane(front + 0.22, front + 0.75, 0.24), GLASS)
        sheet.line(pane(front + 0.22, front + 0.75, 0.24), 0.01, 0.3, True)


def _rim(sheet: _Sheet, shape: Shape, random: np.random.Generator) -> None:
    rim = shape.rim * shape.tyre
    sheet.disc((0, 0), rim, VOID, 1.0)
    sheet.disc((0, 0), 0.62 * rim, TRIM, 0.9)
    sheet.disc((0, 0), 0.60 * rim, CHROME, 0.45)
    sheet.disc((0, 0), 0.36 * rim, VOID, 1.0)
    wide = 0.62 / shape.spokes * random.uniform(0.8, 1.15)
    twin = random.random() < 0.4
    metal = ALLOY
    for spoke in range(shape.spokes):
        angle = 2 * np.pi * spoke / shape.spokes + np.pi / 2
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        arms = [(-0.5, 0.34), (0.5, 0.34)] if twin else [(0.0, 0.8)]
        for shift, share in arms:
            foot, tip = wide * share, wide * share * 1.25
            arm = np.array([(0.1, shift * wide - foot), (1.02, 1.6 * shift * wide - tip),
                            (1.02, 1.6 * shift * wide + tip), (0.1, shift * wide + foot)])  # fmt: skip
            sheet.fill(rim * arm @ turn, metal, 0.92)
            sheet.fill(rim * (arm * [1, 0.6] + [0, 0.0]) @ turn, metal, 1.0)
    angle = np.linspace(0, 2 * np.pi, 60)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    sheet.stroke(0.97 * rim * ring, 0.012, metal, 1.0, True)
    sheet.disc((0, 0), 0.24 * rim, metal, 0.9)
    for bolt in range(5):
        angle_ = 2 * np.pi * bolt / 5 + 0.3
        sheet.disc((0.17 * rim * np.cos(angle_), 0.17 * rim * np.sin(angle_)), 0.011, VOID, 1.0)
    sheet.disc((0, 0), 0.10 * rim, VOID, 0.9)
    sheet.disc((0, 0), 0.075 * rim, CHROME, 0.8)
