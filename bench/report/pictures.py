"""Held-out photographs as the report shows them: masks, errors, cut-outs and the worst edges.

Photographs are JPEGs, shrunk to the page's width; everything drawn over them is a PNG of a few
colours with see-through parts, so that errors stay sharp and cost little.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from bench.data.carvana import car_of, view_of
from bench.data.images import read_image
from bench.ensembles.entry import Entry
from bench.ensembles.members import Members
from bench.masks.drawing import FALSE_NEGATIVE, FALSE_POSITIVE, TINT, TRUE_POSITIVE, worst_crop
from bench.masks.types import THRESHOLD, Map, Mask
from bench.report.facts import Facts

KINDS = ("worst", "median", "disputed")
EACH = 6  # photographs of each kind
MOST_BYTES = 11_000_000  # of all pictures as text; the whole page stays below 15 MB
WIDTH = 960  # of a photograph on the page, pixels
MASK_WIDTH = 320
CROP = (240, 360)  # height, width, at full resolution
CROPS = 3
QUALITY = 80  # of photographs as JPEG; crops, where edges are judged, have more
CROP_QUALITY = 90
CHECKER = 16  # pixels of a square of the ground behind a cut-out
LIGHT, DARK = 238, 206  # its two greys
OPACITIES = 15  # steps of an edge that is half see-through

Bytes = NDArray[np.uint8]
Number = TypeVar("Number", np.uint8, np.float32)


@dataclass(frozen=True)
class Small:
    """A picture as a data URI, with its size in pixels."""

    uri: str
    width: int
    height: int


@dataclass(frozen=True)
class Crop:
    """A stretch of the outline at full resolution, and what is wrong there."""

    photograph: Small
    errors: Small
    place: str  # in words, for those who cannot see it


@dataclass(frozen=True)
class Shown:
    """A photograph of the page."""

    image: str
    kind: str
    place: int  # from 1, among those of its kind
    car: str
    view: int
    dice: float
    wrong: tuple[int, int]  # pixels too many, and missed
    disputed: int
    photograph: Small
    errors: Small
    cutout: Small  # a ground that hides everything but the car
    masks: list[tuple[str, float | None, Small]]  # name, Dice, mask
    crops: list[Crop]

    @property
    def bytes(self) -> int:
        """What it adds to the page."""
        whole = [self.photograph, self.photograph, self.errors, self.cutout]
        parts = [each for crop in self.crops for each in (crop.photograph, crop.errors)]
        return sum(len(one.uri) for one in [*whole, *parts, *(mask for *_, mask in self.masks)])


class Choice(NamedTuple):
    """A photograph chosen for the page."""

    kind: str  # of KINDS
    place: int  # from 1, among those of its kind
    image: str


def choose(facts: Facts) -> list[Choice]:
    """What is shown: the first photograph of each kind, then the second of each, ...

    The worst and the median are those of the ensemble's Dice; the disputed ones have the most
    pixels on which not all members agree. An image is shown once, as the first kind it is.
    """
    dice = facts.dice.T[facts.ensemble].sort_values(kind="stable")
    middle = (dice - dice.median()).abs().sort_values(kind="stable")
    disputed = sorted(facts.analysis["disputed_px"].items(), key=lambda each: -each[1])
    ordered = {
        "worst": list(dice.index), "median": list(middle.index),
        "disputed": [image for image, pixels in disputed if pixels],
    }  # fmt: skip
    taken: set[str] = set()
    chosen: list[Choice] = []
    for place in range(1, EACH + 1):
        for kind in KINDS:
            image = next((each for each in ordered[kind] if each not in taken), None)
            if image is not None:
                taken.add(image)
                chosen.append(Choice(kind, place, image))
    return chosen


def draw(facts: Facts, entries: Sequence[Entry], members: Members) -> list[Shown]:
    """The chosen photographs, by kind; fewer where they would make the page too large.

    Raises:
        BadData: a store lacks an image or is damaged, or a photograph or mask is.
    """
    entry = next(each for each in entries if each.name == facts.ensemble)
    chosen = {choice.image: choice for choice in choose(facts)}

    def show(image: str, maps: Mapping[str, Map], truth: Mask) -> Shown:
        photo = read_image(members.data.train[image])
        return _shown(facts, entry, chosen[image], photo, maps, truth)

    used = 0
    found: list[Shown] = []
    for shown in members.each(chosen, show, "report: pictures"):
        used += shown.bytes
        if used > MOST_BYTES and found:
            break
        found.append(shown)
    return sorted(found, key=lambda each: (KINDS.index(each.kind), each.place))


def _shown(
    facts: Facts,
    entry: Entry,
    choice: Choice,
    photo: Bytes,
    maps: Mapping[str, Map],
    truth: Mask,
) -> Shown:
    image = choice.image
    found = entry.map(maps, image)
    predicted = found >= THRESHOLD
    dice = facts.dice[image]
    members = [
        (f"{facts.number(name)}  {facts.label(name)}", float(dice[name]), maps[name] >= THRESHOLD)
        for name in facts.members
    ]
    masks = [
        ("true mask", None, truth),
        (facts.label(entry.name), float(dice[entry.name]), predicted),
        *[each for each in members if entry.rule],
    ]
    return Shown(
        image=image,
        kind=choice.kind,
        place=choice.place,
        car=facts.about_car(car_of(image)),
        view=view_of(image),
        dice=float(dice[entry.name]),
        wrong=(int((predicted & ~truth).sum()), int((truth & ~predicted).sum())),
        disputed=int(facts.analysis["disputed_px"].get(image, 0)),
        photograph=photograph(photo, WIDTH, QUALITY),
        errors=errors(predicted, truth, WIDTH),
        cutout=ground(found, WIDTH),
        masks=[(name, score, mask_picture(mask)) for name, score, mask in masks],
        crops=crops(photo, predicted, truth),
    )


def crops(photo: Bytes, predicted: Mask, truth: Mask) -> list[Crop]:
    """The windows with the most that is wrong, the worst first, none over another."""
    left = predicted.copy()
    found: list[Crop] = []
    while len(found) < CROPS and (left ^ truth).any():
        window = worst_crop(left, truth, CROP)
        left[window] = truth[window]
        rows, columns = window
        found.append(Crop(
            photograph(photo[window], CROP[1], CROP_QUALITY),
            errors(predicted[window], truth[window], CROP[1]),
            f"rows {rows.start} to {rows.stop}, columns {columns.start} to {columns.stop}",
        ))  # fmt: skip
    return found


def photograph(photo: Bytes, width: int, quality: int) -> Small:
    """A photograph, shrunk where it is wider."""
    small = np.ascontiguousarray(_shrunk(photo, width))
    encoded = simplejpeg.encode_jpeg(small, quality, "RGB", "444" if width == CROP[1] else "420")
    return _small("image/jpeg", encoded, small)


def errors(predicted: Mask, truth: Mask, width: int) -> Small:
    """True positives tinted green, false ones red, false negatives blue (Malhotra 2017, Figure 5).

    Where it is shrunk, a single wrong pixel still colours its whole small one.
    """
    right, more, less = (
        _shrunk(each.astype(np.float32), width)
        for each in (predicted & truth, predicted & ~truth, truth & ~predicted)
    )
    place = np.zeros(right.shape, np.uint8)
    place[right >= 0.5] = 1
    place[(more > 0) & (more >= less)] = 2
    place[(less > 0) & (less > more)] = 3
    colours = [(0, 0, 0), TRUE_POSITIVE, FALSE_POSITIVE, FALSE_NEGATIVE]
    return _palette(place, colours, [0, round(255 * TINT), 255, 255])


def ground(found: Map, width: int) -> Small:
    """A chequered ground, see-through where the map sees the car, half so along its edge."""
    alpha = 1 - _shrunk((found / 255).astype(np.float32), width)
    level = np.round(alpha * OPACITIES).astype(np.uint8)
    rows, columns = np.indices(level.shape) // CHECKER
    dark = ((rows + columns) % 2).astype(np.uint8)
    steps = OPACITIES + 1
    opacity = [round(255 * step / OPACITIES) for step in range(steps)]
    colours = [(LIGHT, LIGHT, LIGHT)] * steps + [(DARK, DARK, DARK)] * steps
    return _palette(level + steps * dark, colours, opacity * 2)


def mask_picture(mask: Mask) -> Small:
    """A mask in 16 greys, small."""
    shades = np.round(15 * _shrunk(mask.astype(np.float32), MASK_WIDTH)).astype(np.uint8)
    return _palette(shades, [(17 * step,) * 3 for step in range(16)], None)


def _shrunk(picture: NDArray[Number], width: int) -> NDArray[Number]:
    """The picture by area, no wider than `width`."""
    scale = width / picture.shape[1]
    if scale >= 1:
        return picture
    size = (width, max(1, round(picture.shape[0] * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), picture.dtype)


def _palette(
    places: Bytes, colours: Sequence[tuple[int, ...]], alpha: Sequence[int] | None
) -> Small:
    """A PNG of numbered colours, each with its opacity."""
    picture = Image.fromarray(places, mode="P")
    picture.putpalette([value for colour in colours for value in colour])
    file = io.BytesIO()
    if alpha is None:
        picture.save(file, "PNG", optimize=True)
    else:
        picture.save(file, "PNG", optimize=True, transparency=bytes(alpha))
    return _small("image/png", file.getvalue(), places)


def _small(kind: str, encoded: bytes, picture: Bytes) -> Small:
    text = base64.b64encode(encoded).decode("ascii")
    return Small(f"data:{kind};base64,{text}", picture.shape[1], picture.shape[0])
