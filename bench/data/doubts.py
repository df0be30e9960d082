"""Data that would be taken for what they are not: inverted masks, numbers that are no views."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from bench.data.carvana import VIEWS, Carvana, car_of
from bench.masks.types import Mask
from bench.system.errors import BadFile
from bench.system.threads import prefetch

SAMPLED_MASKS = 32  # that are looked at before a training
BORDER_SHARE = 0.75  # of a photograph's border that is car in an inverted mask; 0.3 in a real one
INVERTED_SHARE = 0.25  # of the masks that look inverted: from so many on, it is a mistake
INVERTED_CURE = "invert them: the car is white, 1 or 255, and the rows of a table list its pixels"
COMPETITION_CAR = re.compile(r"[0-9a-f]{12}")
NUMBERED = re.compile(  # what cameras, and people who export pictures, put in front of a number
    r"(img|imgp|image|images|dsc|dscn|dscf|dcim|gopr|mvimg|pxl|sam|p|pic|pics|picture|pictures"
    r"|photo|photos|foto|fotos|frame|scan|screenshot|snapshot|capture|export|untitled|unnamed"
    r"|download|car|cars|auto|vehicle|train|training|test|sample|data)([-_ ]*\d{8})?",
    re.IGNORECASE,
)
OTHER_VIEW = re.compile(r"(.*[^\d\W_].*?)(?:_(?!\d\d$)|[-. (]+|(?<=[^\d_]))(\d{1,3})\)?")
NAMES_CURE = (
    "name each photograph and its mask <car>_<two digits>, or with three digits (IMG_001) where "
    "each shows another car"
)


def looks_inverted(mask: Mask) -> bool:
    """Whether a mask (H, W) covers most of the border and of the whole, as the background does."""
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    return bool(border.mean() >= BORDER_SHARE and 0.5 < mask.mean() < 1)


def inverted_masks(data: Carvana, inverted: int, read: int) -> BadFile | None:
    """The error of masks of which so many look inverted; None where they are few."""
    if not inverted or inverted < INVERTED_SHARE * read:
        return None
    file = next(iter(data.masks.values())).parent if data.masks else data.mask_table
    what = f"{inverted} of {read} masks that were read show all but the car: they are inverted"
    return BadFile(str(file), what, INVERTED_CURE)


def check_masks(data: Carvana, jobs: int) -> None:
    """Read some masks, evenly spread, before anything is learned from them.

    Raises:
        BadData: masks are inverted, or one cannot be read.
    """
    images = list(data.train)[:: max(1, len(data.train) // SAMPLED_MASKS)]
    inverted = sum(prefetch(lambda image: looks_inverted(data.mask(image)), images, jobs))
    if error := inverted_masks(data, inverted, len(images)):
        raise error


def misnamed_cars(images: Collection[str]) -> dict[str, str]:
    """Car -> why the images that are taken for its views hardly are; empty where all is well.

    >>> misnamed_cars(["IMG_01", "IMG_02", "00087a6bd4dc_01", "00087a6bd4dc_02"])
    {'IMG': '2 photographs numbered IMG_01 ... are taken for views of one car'}
    """
    views: dict[str, list[str]] = defaultdict(list)
    for image in images:
        views[car_of(image)].append(image)
    doubtful = {}
    for car, group in views.items():
        all_of_it = len(group) == len(images) and not COMPETITION_CAR.fullmatch(car)
        if len(group) > 1 and (NUMBERED.fullmatch(car) or all_of_it):
            which = f"{len(group)} photographs numbered {min(group)} ..."
            doubtful[car] = f"{which} are taken for views of one car"
    return doubtful


def check_names(photographs: dict[str, Path]) -> None:
    """Look whether images that share a car by their names do so in truth.

    Raises:
        BadData: they hardly do.
    """
    for car, why in misnamed_cars(photographs).items():
        first = min(image for image in photographs if car_of(image) == car)
        raise BadFile(photographs[first], why, NAMES_CURE)


def naming_notes(images: Sequence[str]) -> list[str]:
    """What is odd about the names of images but may be meant so, in sentences."""
    counts = Counter(map(car_of, images))
    many = [car for car, count in counts.items() if count > VIEWS]
    notes = []
    if many:
        notes.append(
            f"{len(many)} cars of more than {VIEWS} views, first {many[0]} with "
            f"{counts[many[0]]}: all photographs of a car lie in one fold"
        )
    if split := _split_cars(images):
        notes.append(
            f"{len(split)} photographs named like {split[0]} are taken for a car of their own "
            "each; if they are views of one car, name them <car>_<two digits>"
        )
    return notes


def _split_cars(images: Sequence[str]) -> list[str]:
    """Images that may be views of a car but are named in another way, like a-1, a-2, b-1, b-2."""
    numbers: dict[str, dict[str, str]] = defaultdict(dict)
    for image in images:
        match = OTHER_VIEW.fullmatch(image) if car_of(image) == image else None
        if match:
            numbers[match[1]][match[2]] = image
    stems = [named for named in numbers.values() if len(named) > 1]
    used = Counter(number for named in stems for number in named)
    return sorted(image for named in stems for n, image in named.items() if used[n] > 1)
