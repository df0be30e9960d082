"""The textures of a car: sheets painted with seams, windows, lamps, grille and plate.

The shader looks up a sheet at a point's place: SIDE by (X, Z), FRONT and REAR by (Y, Z), TOP by
(X, Y), SCREEN by (length along the cabin's centre line, Y), RIM by the wheel's own (X, Z).
"""

import numpy as np
from numpy.typing import NDArray

from bench.demo.mesh import (
    ALLOY,
    AMBER,
    BLUE,
    CHROME,
    GLASS,
    LAMP,
    PLATE,
    RED,
    TRIM,
    VOID,
)
from bench.demo.shape import ARCH, SHOULDER, Shape, axles, belt, cabin_lines, lower_top, roof_line
from bench.demo.sheet import MIDDLE_Z, Sheet, box, circle, mirrored_pair, rounded
from bench.masks.types import Floats

SIDE, FRONT, REAR, TOP, SCREEN, RIM = range(6)


def paint_sheets(shape: Shape, random: np.random.Generator) -> NDArray[np.uint8]:
    """The six sheets (6, H, W, 2) uint8 of a car: material and brightness."""
    painted = []
    for paint in (_side, _front, _rear, _top, _screen, _rim):
        sheet = Sheet()
        paint(sheet, shape, random)
        painted.append(np.stack([sheet.material, sheet.bright], axis=-1))
    return np.stack(painted)


def _side(sheet: Sheet, shape: Shape, _: np.random.Generator) -> None:
    half = shape.length / 2
    sill = shape.clearance + (0.16 if shape.clad else 0.075)
    sheet.fill(box(-half, half, -MIDDLE_Z, sill - MIDDLE_Z), TRIM)
    for axle in axles(shape):
        middle = np.array([axle, shape.tyre - MIDDLE_Z])
        if shape.clad:
            sheet.fill(middle + (ARCH * shape.tyre + 0.055) * circle(60), TRIM)
        sheet.seam(middle + (ARCH * shape.tyre + 0.008) * circle(60), 0.012, 0.55, True)
    _side_windows(sheet, shape)
    _side_seams(sheet, shape, sill)
    _side_lamps(sheet, shape)


def _on_side(shape: Shape, *places: tuple[float, float]) -> Floats:
    """Places (s, z) on the SIDE sheet."""
    s, z = np.transpose(places)
    return np.stack([shape.length / 2 - s, z - MIDDLE_Z], axis=1)


def _side_seams(sheet: Sheet, shape: Shape, sill: float) -> None:
    first, last = shape.doors[0], shape.doors[-1]
    for seam in shape.doors:
        foot = seam - (0.0 if seam == first else 0.18 if seam == last else 0.06)
        high = belt(shape, seam)
        line = _on_side(shape, (seam, high + 0.02), (seam, high - 0.3), (foot, sill + 0.05))
        sheet.seam(line, 0.007, 0.25)
    sheet.seam(_on_side(shape, (first, sill + 0.04), (last - 0.18, sill + 0.04)), 0.007, 0.3)
    if shape.bed is None:  # the filler flap
        s, z = last + 0.42, belt(shape, last + 0.42) - 0.17
        flap = _on_side(shape, (s, z), (s + 0.15, z), (s + 0.15, z - 0.15), (s, z - 0.15))
        sheet.seam(rounded(flap), 0.005, 0.45, True)
    else:  # the gap between cab and bed
        s = shape.bed[0] - 0.07
        sheet.seam(_on_side(shape, (s, belt(shape, s)), (s, sill)), 0.012, 0.2)


def _side_windows(sheet: Sheet, shape: Shape) -> None:
    s = np.arange(shape.cowl[0] + 0.1, shape.tail[0] - 0.16, 0.01)
    low = lower_top(shape, s) - SHOULDER + 0.025
    high = roof_line(shape, s + 0.05) - 0.115
    s, low, high = (line[high > low + 0.02] for line in (s, low, high))
    pane = _on_side(shape, *zip(s, high, strict=True), *zip(s[::-1], low[::-1], strict=True))
    sheet.fill(pane, GLASS)
    pillars = Sheet()
    for pillar in shape.pillars:
        wide = 0.085 if pillar == shape.pillars[0] else 0.05
        pillars.stroke(_on_side(shape, (pillar, 2.2), (pillar + 0.02, 0.8)), wide, TRIM)
    sheet.material[(sheet.material == GLASS) & (pillars.material == TRIM)] = TRIM
    sheet.stroke(pane, 0.016, CHROME if shape.bright else TRIM, closed=True)


def _side_lamps(sheet: Sheet, shape: Shape) -> None:
    low, high = 0.84 * shape.nose, 1.075 * shape.nose
    lamp = _on_side(
        shape,
        (-0.1, low),
        (-0.1, high),
        (0.40, high + 0.02),
        (0.62, high + 0.025),
        (0.30, low + 0.015),
    )
    sheet.fill(lamp, LAMP, 0.62)
    amber = _on_side(
        shape, (0.28, low + 0.03), (0.27, high - 0.01), (0.39, high), (0.40, low + 0.07)
    )
    sheet.fill(amber, AMBER)
    sheet.seam(lamp, 0.006, 0.2, True)
    length, high = shape.length, shape.deck - 0.09
    low = high - _rear_lamp_height(shape)
    lamp = _on_side(
        shape,
        (length + 0.1, high),
        (length + 0.1, low),
        (length - 0.25, low + 0.02),
        (length - 0.34, high - 0.02),
    )
    sheet.fill(lamp, RED)
    sheet.seam(lamp, 0.006, 0.2, True)
    bumper = 0.79 * shape.nose
    sheet.seam(_on_side(shape, (0.0, bumper), (0.62, bumper + 0.01)), 0.006, 0.35)
    sheet.seam(_on_side(shape, (length - 0.62, bumper + 0.01), (length, bumper)), 0.006, 0.35)


def _rear_lamp_height(shape: Shape) -> float:
    return 0.17 if shape.boxy < 3 else 0.30


def _front(sheet: Sheet, shape: Shape, random: np.random.Generator) -> None:
    wide, high = shape.width / 2, shape.nose / 0.7

    def at(*places: tuple[float, float]) -> Floats:
        """Places (share of the half width, height on a car with its nose at 0.7 m)."""
        return np.array(places) * (wide, high) - (0, MIDDLE_Z)

    sheet.fill(box(-wide, wide, -MIDDLE_Z, shape.clearance + 0.07 - MIDDLE_Z), TRIM)
    side = random.uniform(0.36, 0.52)
    tall = random.uniform(0.09, 0.15) + (0.04 if shape.boxy > 3 else 0.0)
    outline = at(
        (-side, 0.69), (side, 0.69), (0.85 * side, 0.69 - tall), (-0.85 * side, 0.69 - tall)
    )
    _grille(sheet, rounded(outline), bool(random.random() < 0.4), bool(random.random() < 0.7))
    sheet.fill(rounded(at((-0.55, 0.42), (0.55, 0.42), (0.48, 0.28), (-0.48, 0.28))), VOID)
    for z in (0.31, 0.345, 0.38):
        sheet.stroke(at((-0.48, z), (0.48, z)), 0.008, TRIM)
    for fog in mirrored_pair(rounded(at((0.60, 0.43), (0.84, 0.45), (0.80, 0.33), (0.58, 0.31)))):
        sheet.fill(fog, VOID)
        sheet.disc(fog.mean(axis=0), 0.042, LAMP, 0.8)
    lamp = at((side + 0.04, 0.575), (side + 0.03, 0.68), (0.72, 0.735), (1.1, 0.7525), (1.1, 0.588))
    for outline in mirrored_pair(lamp):
        _headlamp(sheet, outline)
    _plate(sheet, 0.475 * high - MIDDLE_Z)
    sheet.seam(at((-1, 0.555), (-side, 0.53), (side, 0.53), (1, 0.555)), 0.006, 0.4)
    sheet.seam(at((-0.8, 0.75), (-side, 0.715), (side, 0.715), (0.8, 0.75)), 0.007, 0.25)


def _grille(sheet: Sheet, outline: Floats, mesh: bool, chrome: bool) -> None:
    """Slats or mesh in a frame, with a badge in the middle."""
    sheet.fill(outline, VOID)
    low, high = outline[:, 1].min(), outline[:, 1].max()
    reach = 0.9 * outline[:, 0].max()
    slat, gap = (0.006, 0.022) if mesh else (0.012, 0.036)
    for z in np.arange(low + 0.6 * gap, high - 0.3 * gap, gap):
        sheet.stroke([(-reach, z), (reach, z)], slat, TRIM if mesh or not chrome else CHROME)
    sheet.stroke(outline, 0.018, CHROME if chrome else TRIM, closed=True)
    middle = (0.0, (low + high) / 2)
    for radius, material in ((0.050, CHROME), (0.038, VOID), (0.018, CHROME)):
        sheet.disc(middle, radius, material, 1.0)


def _headlamp(sheet: Sheet, outline: Floats) -> None:
    """A clear lens with reflectors behind it."""
    sheet.fill(outline, LAMP, 0.62)
    middle = outline[:4].mean(axis=0) - (0, 0.012)
    sheet.fill(middle + 0.72 * (outline - middle), LAMP, 0.40)
    for offset in (-0.085, 0.065):
        place = (middle[0] + offset, middle[1])
        for radius, bright in ((0.050, 0.85), (0.040, 0.30), (0.024, 1.0)):
            sheet.disc(place, radius, LAMP, bright)
    sheet.seam(outline, 0.007, 0.2, True)


def _plate(sheet: Sheet, z: float) -> None:
    """A dealer's plate in the middle: white, with a badge, a word and a band."""
    sheet.fill(box(-0.175, 0.175, z - 0.082, z + 0.082), TRIM)
    sheet.fill(box(-0.165, 0.165, z - 0.075, z + 0.075), PLATE)
    sheet.fill(box(-0.10, 0.10, z - 0.058, z - 0.030), BLUE)
    sheet.disc((-0.10, z + 0.018), 0.024, BLUE, 1.0)
    for y in np.linspace(-0.05, 0.12, 9):
        sheet.fill(box(y, y + 0.012, z + 0.006, z + 0.030), BLUE, 0.6)


def _rear(sheet: Sheet, shape: Shape, random: np.random.Generator) -> None:
    wide, tall = shape.width / 2, _rear_lamp_height(shape)

    def at(*places: tuple[float, float]) -> Floats:
        """Places (share of the half width, metres above the deck)."""
        return np.array(places) * (wide, 1) + (0, shape.deck - MIDDLE_Z)

    sill = shape.clearance + 0.20 - MIDDLE_Z
    sheet.fill(box(-wide, wide, -MIDDLE_Z, sill), TRIM)
    inner = random.uniform(0.46, 0.66)
    lamp = at((inner, -0.10), (1.1, -0.09), (1.1, -0.09 - tall), (inner + 0.06, -0.07 - tall))
    clear = at(
        (inner + 0.08, -0.03 - tall), (0.9, -0.03 - tall), (0.9, -tall), (inner + 0.07, -tall)
    )
    for red, white in zip(mirrored_pair(lamp), mirrored_pair(clear), strict=True):
        sheet.fill(red, RED)
        sheet.seam(0.86 * red + 0.14 * red.mean(axis=0), 0.02, 0.75, True)
        sheet.fill(white, LAMP, 0.8)
        sheet.seam(red, 0.008, 0.2, True)
    sheet.stroke(at((-0.4, -0.09), (0.4, -0.09)), 0.020, CHROME)
    recess = at((-0.34, -0.13), (0.34, -0.13), (0.30, -0.36), (-0.30, -0.36))
    sheet.seam(rounded(recess), 0.008, 0.5, True)
    _plate(sheet, shape.deck - 0.235 - MIDDLE_Z)
    sheet.disc((0.0, shape.deck - 0.045 - MIDDLE_Z), 0.035, CHROME, 1.0)
    sheet.seam(at((-0.7, 0.02), (-0.64, -0.45), (0.64, -0.45), (0.7, 0.02)), 0.008, 0.3)
    sheet.seam(at((-1, -0.46), (1, -0.46)), 0.006, 0.4)
    for reflector in mirrored_pair(box(0.72 * wide, 0.9 * wide, sill + 0.05, sill + 0.09)):
        sheet.fill(reflector, RED, 0.8)


def _top(sheet: Sheet, shape: Shape, _: np.random.Generator) -> None:
    half, wide = shape.length / 2, shape.width / 2
    cowl, tail = half - shape.cowl[0], half - shape.tail[0]
    for side in (-wide, wide):
        edge = [(half - 0.16, 0.74 * side), (half - 0.5, 0.80 * side), (cowl - 0.1, 0.83 * side)]
        sheet.seam(edge, 0.007, 0.3)
        sheet.seam([(half - 0.3, 0.35 * side), (cowl, 0.5 * side)], 0.02, 0.86)
    louvre = [
        (cowl - 0.3, 0.86),
        (cowl - 0.02, 0.86),
        (cowl + 0.07, 0),
        (cowl - 0.02, -0.86),
        (cowl - 0.3, -0.86),
    ]
    sheet.fill(np.array(louvre) * (1, wide), TRIM)
    if shape.bed is None:
        sheet.seam(box(tail - 0.15, tail + 0.1, -0.72 * wide, 0.72 * wide), 0.007, 0.4, True)


def _screen(sheet: Sheet, shape: Shape, random: np.random.Generator) -> None:
    lines = cabin_lines(shape)

    def pane(first: float, last: float, inset: float) -> Floats:
        """The stretch from `first` to `last` of the cabin's top, `inset` metres from its edges."""
        s = np.linspace(first, last, 30)
        along = np.interp(s, lines.s, lines.arc)
        edge = np.stack([along, np.interp(s, lines.s, lines.upper) - inset], axis=1)
        return np.concatenate([edge, edge[::-1] * (1, -1)])

    front, rear = shape.roof
    for first, last in ((shape.cowl[0] - 0.02, front - 0.03), (rear + 0.06, shape.tail[0] - 0.05)):
        sheet.fill(pane(first - 0.02, last + 0.02, 0.05), TRIM)
        sheet.fill(pane(first, last, 0.085), GLASS)
    foot = float(np.interp(shape.cowl[0] + 0.02, lines.s, lines.arc))
    for y in (-0.06, 0.52):  # wipers
        sheet.stroke([(foot, y), (foot + 0.10, y - 0.50)], 0.012, TRIM, 0.6)
    if random.random() < 0.4:
        sun_roof = pane(front + 0.22, front + 0.75, 0.24)
        sheet.fill(sun_roof, GLASS)
        sheet.seam(sun_roof, 0.01, 0.3, True)


def _rim(sheet: Sheet, shape: Shape, random: np.random.Generator) -> None:
    rim = shape.rim * shape.tyre
    for share, material, bright in (
        (1.0, VOID, 1.0),
        (0.62, TRIM, 0.9),
        (0.60, CHROME, 0.45),
        (0.36, VOID, 1.0),
    ):
        sheet.disc((0, 0), share * rim, material, bright)
    wide = 0.62 / shape.spokes * random.uniform(0.8, 1.15)
    arms = (
        [(-0.5 * wide, 0.34 * wide), (0.5 * wide, 0.34 * wide)] if shape.twin else [(0, 0.8 * wide)]
    )
    for turn in circle(shape.spokes):
        to_wheel = np.array([turn, (-turn[1], turn[0])])
        for shift, half in arms:
            arm = np.array(
                [
                    (0.1, shift - half),
                    (1.02, 1.6 * shift - 1.25 * half),
                    (1.02, 1.6 * shift + 1.25 * half),
                    (0.1, shift + half),
                ]
            )
            sheet.fill(rim * arm @ to_wheel, ALLOY, 0.80)
            sheet.fill(rim * (arm * (1, 0.6) + (0, 0.4 * shift)) @ to_wheel, ALLOY)
    sheet.stroke(0.97 * rim * circle(60), 0.012, ALLOY, closed=True)
    sheet.disc((0, 0), 0.24 * rim, ALLOY, 0.9)
    for bolt in 0.17 * rim * circle(5):
        sheet.disc(bolt, 0.011, VOID, 1.0)
    sheet.disc((0, 0), 0.10 * rim, VOID, 1.0)
    sheet.disc((0, 0), 0.075 * rim, CHROME, 0.8)
