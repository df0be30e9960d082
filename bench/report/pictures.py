"""Held-out photographs as the report shows them: masks, errors, cut-outs and the worst edges."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bench.data.image_ids import car_of, view_of
from bench.data.images import read_image
from bench.ensembles.entry import Entry
from bench.ensembles.members import Members
from bench.masks.drawing import worst_crop
from bench.masks.types import THRESHOLD, Map, Mask, RgbImage
from bench.report import inline_images
from bench.report.facts import Facts
from bench.report.inline_images import InlineImage

PHOTOGRAPH_KINDS = ("worst", "median", "disputed")
OF_EACH_KIND = 6  # photographs
MAX_BYTES = 11_000_000  # of all pictures as text; the whole page stays below 15 MB
PHOTOGRAPH_WIDTH = 960  # of a photograph on the page, pixels
PHOTOGRAPH_QUALITY = 80  # of a photograph as JPEG
MASK_WIDTH = 320
CROPS = 3  # of a photograph
PAGE_CROP = (240, 360)  # height, width, at full resolution
CROP_QUALITY = 90  # more than a photograph's: edges are judged on crops

LabelledMask = tuple[str, float | None, InlineImage]  # label, Dice, mask


@dataclass(frozen=True)
class Crop:
    """A stretch of the outline at full resolution, and what is wrong there."""

    photograph: InlineImage
    errors: InlineImage
    place: str  # in words, for those who cannot see it


@dataclass(frozen=True)
class ShownPhotograph:
    """A photograph of the page."""

    image: str
    kind: str  # of PHOTOGRAPH_KINDS
    place: int  # from 1, among those of its kind
    car: str  # or its group
    view: int | None  # of a car
    dice: float
    wrong: tuple[int, int]  # pixels too many, and missed
    disputed: int  # pixels on which not all members agree
    photograph: InlineImage
    errors: InlineImage
    cutout: InlineImage  # hides everything but the car
    masks: list[LabelledMask]
    crops: list[Crop]

    @property
    def title(self) -> str:
        """The car and the view, or the group, that it shows."""
        return self.car if self.view is None else f"{self.car}, view {self.view}"

    @property
    def bytes(self) -> int:
        """The bytes that its pictures add to the page."""
        whole = [self.photograph] * 2 + [self.errors, self.cutout]  # the photograph is shown twice
        crops = [image for crop in self.crops for image in (crop.photograph, crop.errors)]
        masks = [mask for *_, mask in self.masks]
        return sum(len(image.uri) for image in [*whole, *crops, *masks])


class Choice(NamedTuple):
    """A photograph chosen for the page."""

    kind: str  # of PHOTOGRAPH_KINDS
    place: int  # from 1, among those of its kind
    image: str


def choose(facts: Facts) -> list[Choice]:
    """The photographs to show: the first of each kind, then the second of each, ...

    The worst and the median are those of the ensemble's Dice; the disputed ones have the most
    pixels on which not all members agree. An image is shown once, as the first kind it is.
    """
    dice = facts.dice.T[facts.ensemble].sort_values(kind="stable")
    middle = (dice - dice.median()).abs().sort_values(kind="stable")
    disputed = sorted(facts.analysis.disputed_px.items(), key=lambda each: -each[1])
    ordered = {
        "worst": list(dice.index),
        "median": list(middle.index),
        "disputed": [image for image, pixels in disputed if pixels],
    }
    taken: set[str] = set()
    chosen: list[Choice] = []
    for place in range(1, OF_EACH_KIND + 1):
        for kind in PHOTOGRAPH_KINDS:
            image = next((each for each in ordered[kind] if each not in taken), None)
            if image is not None:
                taken.add(image)
                chosen.append(Choice(kind, place, image))
    return chosen


def draw(facts: Facts, entries: Sequence[Entry], members: Members) -> list[ShownPhotograph]:
    """The chosen photographs, by kind; fewer where they would make the page too large.

    Raises:
        BadData: a store lacks an image or is damaged, or a photograph or mask is.
    """
    entry = next(each for each in entries if each.name == facts.ensemble)
    chosen = {choice.image: choice for choice in choose(facts)}

    def draw_image(image: str, maps: Mapping[str, Map], truth: Mask) -> ShownPhotograph:
        photo = read_image(members.data.train[image])
        every = {**maps, entry.name: entry.map(maps, image)}
        return _photograph(facts, chosen[image], photo, every, truth)

    used = 0
    photographs: list[ShownPhotograph] = []
    for photograph in members.each(chosen, draw_image, "report: pictures"):
        used += photograph.bytes
        if used > MAX_BYTES and photographs:
            break
        photographs.append(photograph)
    return sorted(photographs, key=lambda each: (PHOTOGRAPH_KINDS.index(each.kind), each.place))


def _photograph(
    facts: Facts, choice: Choice, photo: RgbImage, maps: Mapping[str, Map], truth: Mask
) -> ShownPhotograph:
    """A photograph's pictures and figures, from the maps of the entry shown and its members."""
    image, entry = choice.image, facts.ensemble
    predicted = maps[entry] >= THRESHOLD
    return ShownPhotograph(
        image=image,
        kind=choice.kind,
        place=choice.place,
        car=facts.names.car(car_of(image)),
        view=view_of(image) if facts.unit == "car" else None,
        dice=float(facts.dice[image][entry]),
        wrong=(int((predicted & ~truth).sum()), int((truth & ~predicted).sum())),
        disputed=int(facts.analysis.disputed_px.get(image, 0)),
        photograph=inline_images.photograph(photo, PHOTOGRAPH_WIDTH, PHOTOGRAPH_QUALITY, "420"),
        errors=inline_images.errors(predicted, truth, PHOTOGRAPH_WIDTH),
        cutout=inline_images.checkerboard(maps[entry], PHOTOGRAPH_WIDTH),
        masks=_masks(facts, image, maps, truth),
        crops=crops(photo, predicted, truth),
    )


def _masks(facts: Facts, image: str, maps: Mapping[str, Map], truth: Mask) -> list[LabelledMask]:
    """Name, Dice and picture of the true mask and of the masks of an entry and its members."""
    masks: list[LabelledMask] = [("true mask", None, inline_images.mask(truth, MASK_WIDTH))]
    labels = {facts.ensemble: facts.names.label(facts.ensemble)}
    if facts.ensemble not in facts.members:
        labels |= {member: facts.names.numbered(member) for member in facts.members}
    for name, label in labels.items():
        picture = inline_images.mask(maps[name] >= THRESHOLD, MASK_WIDTH)
        masks.append((label, float(facts.dice[image][name]), picture))
    return masks


def crops(photo: RgbImage, predicted: Mask, truth: Mask) -> list[Crop]:
    """The windows with the most wrong pixels, the worst first; none overlaps another."""
    remaining = predicted.copy()
    worst: list[Crop] = []
    while len(worst) < CROPS and (remaining ^ truth).any():
        window = worst_crop(remaining, truth, PAGE_CROP)
        remaining[window] = truth[window]
        rows, columns = window
        crop = Crop(
            inline_images.photograph(photo[window], PAGE_CROP[1], CROP_QUALITY, "444"),
            inline_images.errors(predicted[window], truth[window], PAGE_CROP[1]),
            f"rows {rows.start} to {rows.stop}, columns {columns.start} to {columns.stop}",
        )
        worst.append(crop)
    return worst
