"""The numbers that describe a car, and the lines of its body that follow from them.

Car coordinates in metres: X to the front, Y to the left, Z up, the origin on the floor under the
middle of the car. `s` is the distance from the nose: s = length / 2 - X.
"""

from dataclasses import dataclass, replace

import numpy as np

from bench.masks.types import Floats


@dataclass(frozen=True)
class Shape:
    """One car in metres; places along it count from the nose."""

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
    rack: bool = False  # rails on the roof
    clad: bool = False  # black plastic along sills and arches
    antenna: str = "fin"  # fin | rod | none
    rim: float = 0.68  # rim radius / tyre radius
    spokes: int = 5
    twin: bool = False  # spokes in pairs
    bright: bool = True  # chrome around windows, on handles and rails


ARCH = 1.10  # wheel arch radius / tyre radius

STYLES = (
    Shape("sedan", 4.86, 1.85, 1.46, 2.80, 0.93, 0.335, 0.17, 0.70, (1.28, 0.97), (2.12, 3.40),
          (4.22, 1.06), 1.04, 2.6, (2.55, 3.62), (1.45, 2.55, 3.55)),
    Shape("hatchback", 4.20, 1.77, 1.50, 2.58, 0.85, 0.315, 0.17, 0.72, (1.02, 0.99), (1.85, 3.55),
          (4.02, 1.08), 1.00, 2.7, (2.30, 3.30), (1.20, 2.30, 3.20)),
    Shape("suv", 4.72, 1.90, 1.72, 2.74, 0.92, 0.365, 0.23, 0.86, (1.20, 1.12), (2.00, 4.10),
          (4.56, 1.17), 1.10, 3.2, (2.48, 3.48), (1.38, 2.48, 3.42), rack=True, clad=True),
    Shape("large suv", 5.15, 2.02, 1.86, 2.95, 0.98, 0.400, 0.25, 0.98, (1.30, 1.22), (2.10, 4.80),
          (5.02, 1.24), 1.18, 3.9, (2.60, 3.70), (1.48, 2.60, 3.64), 0.80, rack=True),
    Shape("pickup", 5.60, 2.00, 1.88, 3.45, 0.98, 0.400, 0.27, 1.02, (1.36, 1.24), (2.10, 3.46),
          (3.72, 1.28), 1.26, 3.8, (2.62,), (1.53, 2.62, 3.58), 0.78, bed=(3.86, 5.50)),
    Shape("van", 5.05, 1.98, 1.74, 3.00, 0.96, 0.345, 0.18, 0.76, (1.02, 1.04), (2.05, 4.66),
          (4.95, 1.10), 1.04, 3.2, (2.45, 3.62), (1.30, 2.45, 3.60), 0.80),
    Shape("coupe", 4.55, 1.83, 1.36, 2.68, 0.90, 0.335, 0.15, 0.68, (1.42, 0.93), (2.28, 3.02),
          (4.02, 1.02), 0.99, 2.5, (2.98,), (1.56, 2.95), 0.74),
    Shape("wagon", 4.80, 1.84, 1.50, 2.75, 0.93, 0.335, 0.17, 0.70, (1.26, 0.98), (2.10, 4.20),
          (4.64, 1.06), 1.02, 2.8, (2.52, 3.56), (1.42, 2.52, 3.50), rack=True),
    Shape("city car", 3.60, 1.64, 1.48, 2.32, 0.68, 0.290, 0.16, 0.74, (0.80, 0.98), (1.50, 2.95),
          (3.42, 1.06), 0.98, 2.6, (2.20,), (0.98, 2.14)),
)  # fmt: skip
SHARES = (0.25, 0.12, 0.21, 0.09, 0.08, 0.06, 0.09, 0.06, 0.04)  # how often each style is drawn


def random_shape(random: np.random.Generator) -> Shape:
    """A style with its proportions varied by a few per cent and its accessories chosen anew."""
    base = STYLES[random.choice(len(STYLES), p=SHARES)]
    long, high = random.uniform(0.96, 1.04), random.uniform(0.97, 1.03)
    roof_front, roof_rear = random.uniform(-0.08, 0.08), random.uniform(-0.12, 0.08)
    return replace(
        base,
        length=base.length * long,
        width=base.width * random.uniform(0.97, 1.03),
        height=base.height * high,
        wheelbase=base.wheelbase * long,
        overhang=base.overhang * long,
        tyre=base.tyre * random.uniform(0.99, 1.07),
        nose=base.nose * random.uniform(0.96, 1.05),
        cowl=(base.cowl[0] * long + random.uniform(-0.06, 0.06), base.cowl[1] * high),
        roof=(base.roof[0] * long + roof_front, base.roof[1] * long + roof_rear),
        tail=(base.tail[0] * long, base.tail[1] * high),
        deck=base.deck * high,
        boxy=base.boxy * random.uniform(0.92, 1.12),
        pillars=tuple(s * long for s in base.pillars),
        doors=tuple(s * long for s in base.doors),
        tumble=base.tumble + random.uniform(-0.02, 0.02),
        bed=None if base.bed is None else (base.bed[0] * long, base.bed[1] * long),
        rack=base.rack and bool(random.random() < 0.7),
        clad=base.clad and bool(random.random() < 0.6),
        antenna=str(random.choice(("fin", "rod", "none"), p=(0.5, 0.3, 0.2))),
        rim=random.uniform(0.64, 0.74),
        spokes=int(random.choice((5, 6, 7, 9, 10, 12))),
        twin=bool(random.random() < 0.4),
        bright=bool(random.random() < 0.5),
    )


def profile(points: list[tuple[float, float]], at: Floats, soft: float) -> Floats:
    """Heights at the places `at` of the polyline `points`, its corners rounded over `soft` m."""
    step = 0.01
    fine = np.arange(-1.0, 7.0, step)
    height = np.interp(fine, *np.transpose(points))
    reach = np.arange(-int(3 * soft / step), int(3 * soft / step) + 1)
    weight = np.exp(-0.5 * (reach * step / soft) ** 2)
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


SHOULDER = 0.055  # metres from the crown of bonnet and boot lid down to their edges


def belt(shape: Shape, s: float) -> float:
    """Height of the edge where the side turns into bonnet, window or boot lid."""
    return float(lower_top(shape, np.array([s]))[0]) - SHOULDER


def roof_line(shape: Shape, s: Floats) -> Floats:
    """Height of windscreen, roof, rear window on the centre line; falls below the belt beyond."""
    (front, rear), high = shape.roof, shape.height
    (cowl_s, cowl_z), (tail_s, tail_z) = shape.cowl, shape.tail
    slope = (high - 0.09 - cowl_z) / (front - cowl_s)
    fall = (high - 0.12 - tail_z) / (rear - tail_s)
    line = [
        (cowl_s - 0.3, cowl_z - 0.3 * slope),
        (front, high - 0.09),
        (front + 0.25, high - 0.035),
        ((front + rear) / 2 - 0.05, high),
        (rear - 0.3, high - 0.05),
        (rear, high - 0.12),
        (tail_s + 0.3, tail_z + 0.3 * fall),
    ]
    return profile(line, s, 0.05)


def closing(distance: Floats, depth: float, power: float) -> Floats:
    """Factor from 0 at an end of the body to 1 at `depth` metres inside it: a superellipse."""
    inside = np.clip(1 - distance / depth, 0, 1)
    return (1 - inside**power) ** (1 / power)


def half_width(shape: Shape, s: Floats) -> Floats:
    """Half the body's width: nearly constant, closing round both ends."""
    line = [(0.0, 0.93), (1.0, 1.0), (shape.length - 1.2, 1.0), (shape.length, 0.94)]
    ends = closing(np.minimum(s, shape.length - s), 0.62, shape.boxy)
    return profile(line, s, 0.3) * shape.width / 2 * ends


@dataclass(frozen=True)
class CabinLines:
    """The cabin's sections from windscreen foot to rear window foot, arrays (N,)."""

    s: Floats
    belt: Floats  # height at which the cabin leaves the body
    roof: Floats  # height on the centre line
    share: Floats  # how far up the section reaches: 0 at the feet, 1 under the roof
    base: Floats  # half width at the belt
    upper: Floats  # half width at the roof's edge
    arc: Floats  # length along the centre line, 0 in the middle


def cabin_lines(shape: Shape) -> CabinLines:
    """The lines between which windows, pillars and roof are spanned."""
    s = np.linspace(shape.cowl[0] - 0.12, shape.tail[0] + 0.10, 150)
    foot = lower_top(shape, s) - 0.09
    roof = np.maximum(roof_line(shape, s), foot + 0.004)
    share = np.clip((roof - foot) / (shape.height - foot), 0, 1)
    base = 0.955 * half_width(shape, s)
    upper = base + (shape.tumble * shape.width / 2 - base) * share
    arc = np.concatenate([[0], np.cumsum(np.hypot(np.diff(s), np.diff(roof)))])
    return CabinLines(s, foot, roof, share, base, upper, arc - arc[-1] / 2)
