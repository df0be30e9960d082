"""Data that would be taken for what they are not: masks of the background, numbers for views."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from bench.data.carvana import VIEWS
from bench.data.dataset import DataSet, changes_at
from bench.data.image_ids import car_of, spread
from bench.data.images import is_turned
from bench.masks.types import Mask
from bench.system.errors import BadFile
from bench.system.progress import warn
from bench.system.text import several
from bench.system.threads import prefetch

SAMPLED_MASKS = 32  # that are looked at before a training
BORDER_SHARE = 0.75  # of a photograph's border that is car in an inverted mask; 0.3 in a real one
MISTAKEN_SHARE = 0.25  # of the masks that show a sign: from so many on, it is a mistake
PADDED_TO = 32  # networks take photographs padded to multiples of this
INVERTED, BY_COLUMN, PADDED, EMPTY = "inverted", "by column", "padded", "empty"
SIGNS = {  # sign of a mask -> what it is said to be
    INVERTED: "cover all but a part inside, as inverted masks do",
    BY_COLUMN: "make sense only as runs column by column",
    PADDED: f"make sense only as runs of photographs padded to a multiple of {PADDED_TO} pixels",
    EMPTY: "are empty",
}
TURNED = "photographs read are turned as their EXIF says, and their masks must be upright too"
CURES = {  # of the signs that are mistakes where many masks show them
    INVERTED: "invert them: the car is white, 1 or 255, and the rows of a table list its pixels",
    BY_COLUMN: "encode row by row: the mask (height, width) itself, not its transpose",
    PADDED: "cut the padding off, then encode",
}
OF_OTHER_THINGS = {INVERTED, PADDED}  # signs that masks of other things show, too: what fills a
# photograph but for a part, what is thin and lies aslant
COMPETITION_CAR = re.compile(r"[0-9a-f]{12}")
NUMBERED = re.compile(  # what cameras, and people who export pictures, put in front of a number
    r"(img|imgp|image|images|dsc|dscn|dscf|dcim|gopr|mvimg|pxl|sam|pic|pics|picture|pictures"
    r"|photo|photos|foto|fotos|frame|scan|screenshot|snapshot|capture|export|untitled|unnamed"
    r"|download|car|cars|auto|vehicle|train|training|test|sample|data)([-_ ]*\d{8})?",
    re.IGNORECASE,
)
OTHER_VIEW = re.compile(r"(.*[^\d\W_].*?)(?:_(?!\d\d$)|[-. (]+|(?<=[^\d_]))(\d{1,3})\)?")
NAMES_CURE = (
    "name each photograph and its mask <car>_<two digits>, or with three digits (IMG_001) where "
    "each shows another car"
)


def signs_of(mask: Mask, *, is_row: bool) -> frozenset[str]:
    """The SIGNS that a mask (H, W) shows: by them, it would not be a car's.

    Args:
        is_row: whether the mask was a row of run lengths, which do not say the photograph's size.
    """
    if not mask.any():
        return frozenset({EMPTY})
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    shown = {INVERTED: border.mean() >= BORDER_SHARE and 0.5 < mask.mean() < 1}
    if is_row:
        height, width = mask.shape
        changes = changes_at(mask, width)
        shown[BY_COLUMN] = 2 * changes_at(mask, height) < changes
        shown[PADDED] = changes_at(mask, width + -width % PADDED_TO) < changes
    return frozenset(sign for sign, shows in shown.items() if shows)


def mistakes(data: DataSet, signs: Sequence[frozenset[str]]) -> dict[str, BadFile]:
    """Sign -> the error of masks many of which show it.

    Args:
        signs: of each mask that was read.
    """
    file = next(iter(data.masks.values())).parent if data.masks else data.mask_table
    counts = Counter(sign for shown in signs for sign in shown)
    return {
        sign: BadFile(str(file), f"{counts[sign]} of {len(signs)} masks read {SIGNS[sign]}", cure)
        for sign, cure in CURES.items()
        if counts[sign] and counts[sign] >= MISTAKEN_SHARE * len(signs)
    }


def check_encoding(data: DataSet, jobs: int) -> None:
    """Read some masks, evenly spread, before anything is learned from them.

    Inverted masks are said, not refused, and so are one's own that look like those of padded
    photographs: see OF_OTHER_THINGS.

    Raises:
        BadData: masks are wrongly encoded, or one cannot be read.
    """
    images = _sample(data)

    def read(image: str) -> frozenset[str]:
        return signs_of(data.mask(image), is_row=image not in data.masks)

    signs = list(prefetch(read, images, jobs))
    for sign, error in mistakes(data, signs).items():
        if sign != INVERTED and not (data.own and sign in OF_OTHER_THINGS):
            raise error
        warn(str(error))


def _sample(data: DataSet) -> list[str]:
    return spread(list(data.train), SAMPLED_MASKS)


def turned_notes(data: DataSet) -> list[str]:
    """What to know about photographs that a camera stored lying down: a sentence, or none."""
    images = _sample(data)
    turned = [image for image in images if is_turned(data.train[image])]
    return [f"{len(turned)} of {len(images)} {TURNED}, first {turned[0]}"] if turned else []


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


def check_naming(photographs: dict[str, Path]) -> None:
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
            f"{several(len(many), 'car')} of more than {VIEWS} views, first {many[0]} with "
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
