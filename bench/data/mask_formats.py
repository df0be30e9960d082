"""Masks as other tools save them: shades, transparency, colours, 16 bits; or why they are none.

A picture is a mask where no two readers would disagree: black and one other colour, an opacity that
is all there is to see, or black and white with shades at the edges alone. Of any other, `Marks` say
which values are meant.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor

from bench.masks.types import Mask

COLOURS = {"1", "L", "P", "RGB", "LA", "PA", "RGBA"}
WIDE = {"I;16", "I;16B", "I;16L", "I"}  # more than 8 bits
WIDE_LEVELS = {0, 1, 255, 65535}
WHITE_FROM = 128  # the middle; the least grey that is white where black is the only other value
MIN_SHADES = 2  # near black and near white; of classes and trimaps, 255 stands alone
MAX_MIDDLE = 0.05  # share of pixels of a middle grey; 0.03 in a blurred mask of 80x120
MOST_VALUES = 5  # that a message lists
MIN_CLEAR = 0.90  # share of pixels that are nearly black or nearly white
CURE = "write it as a black and white PNG without shades, the car white"


SAY_WHICH = (
    "say which: `--value N` (of a palette or of greys), `--value '#rrggbb'` or `--threshold N` of "
    "`prepare`; or `value: [N]` or `threshold: N` in data.yaml"
)


@dataclass(frozen=True)
class Marks:
    """Which pixels of one's own masks belong to what is masked.

    Without values and threshold, what `car_pixels` finds, which refuses what is not clear.
    """

    values: tuple[int | str, ...] = ()  # numbers as they are stored, or colours such as #ff0000
    threshold: float | None = None  # the least grey, of what is stored, that belongs to it
    fill_holes: bool = False  # whether what it encloses belongs to it, too


class NoMask(ValueError):
    """The values of a picture do not say which pixels are car."""


def marked_pixels(picture: Image.Image, marks: Marks) -> Mask:
    """The mask (H, W) of a picture of one frame, by what its owner says; holes are not filled.

    Raises:
        NoMask: what the picture holds instead.
    """
    if marks.threshold is not None:
        grey = picture if picture.mode in {*WIDE, "F"} else picture.convert("L")
        return np.asarray(np.asarray(grey) >= marks.threshold)
    if not marks.values:
        return _clear_pixels(picture)
    numbers = [value for value in marks.values if isinstance(value, int)]
    colours = [value for value in marks.values if isinstance(value, str)]
    mask = np.zeros((picture.height, picture.width), bool)
    if numbers:
        mask |= np.isin(_stored_numbers(picture), numbers)
    rgb = np.asarray(picture.convert("RGB")) if colours else None
    for colour in colours:
        mask |= np.all(rgb == np.array(ImageColor.getrgb(colour)[:3], np.uint8), axis=2)
    return mask


def _clear_pixels(picture: Image.Image) -> Mask:
    try:
        return car_pixels(picture)
    except NoMask as error:
        what = f"its values do not say which pixels are meant: {stored_values(picture)}"
        raise NoMask(what) from error


def _stored_numbers(picture: Image.Image) -> NDArray[np.integer]:
    """Palette indices, greys, or the one channel that all colours share."""
    if picture.mode in {"1", "L", "P", *WIDE}:
        return np.asarray(picture).astype(np.int64)
    colours = np.asarray(picture.convert("RGB"))
    if (colours != colours[..., :1]).any():
        raise NoMask(f"colours (mode {picture.mode}), where --value has numbers")
    return colours[..., 0].astype(np.int64)


def stored_values(picture: Image.Image) -> str:
    """The values by which `Marks` can choose in a picture, as a message lists them."""
    try:
        return _first_values(_stored_numbers(picture))
    except NoMask:
        colours = np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)
        names = ["#" + bytes(colour).hex() for colour in colours[:MOST_VALUES]]
        return ", ".join(names) + (", ..." if len(colours) > MOST_VALUES else "")


def fill_holes(mask: Mask) -> Mask:
    """The mask (H, W) with all that it encloses."""
    from scipy import ndimage  # which few data sets need: it takes 0.15 s to load

    return np.asarray(ndimage.binary_fill_holes(mask), dtype=bool)


def car_pixels(picture: Image.Image) -> Mask:
    """The mask (H, W) that a picture of one frame shows, as it is stored.

    Raises:
        NoMask: what the picture holds instead.
    """
    if picture.mode in WIDE:
        return _of_wide(np.asarray(picture))
    if picture.mode not in COLOURS:
        raise NoMask(f"mode {picture.mode}")
    pixels = np.asarray(picture.convert("RGBA"))
    colours, opacity = pixels[..., :3], pixels[..., 3]
    by_colour = _of_colours(colours)
    if opacity.min(initial=255) == opacity.max(initial=0) > 0:
        if by_colour is None:
            raise NoMask(f"values other than 0 and 1 (or 0 and 255): {_first_values(colours)}")
        return by_colour
    by_opacity = _of_greys(opacity)
    if by_opacity is None or not opacity.any() or _contradicts(by_colour, by_opacity):
        raise NoMask("transparency that does not show the same car as its colours")
    return by_opacity


def _contradicts(by_colour: Mask | None, by_opacity: Mask) -> bool:
    """Whether colours show a car, and another one than the opacity."""
    if by_colour is None or by_colour.all() or not by_colour.any():
        return False
    return not np.array_equal(by_colour, by_opacity)


def _of_wide(values: NDArray[np.integer]) -> Mask:
    if not set(np.unique(values)[:3].tolist()) <= WIDE_LEVELS or len(np.unique(values)) > 2:
        raise NoMask(f"16 bits, values other than 0 and one more: {_first_values(values)}")
    return np.asarray(values > 0)


def _of_colours(colours: NDArray[np.uint8]) -> Mask | None:
    """The pixels that are not black, where they have one colour; None where that is not so."""
    if (colours == colours[..., :1]).all():
        return _of_greys(colours[..., 0])
    car = np.asarray(colours.any(axis=2))
    one_colour = (colours[car] == colours[car][0]).all()
    return car if one_colour and not car.all() else None


def _of_greys(grey: NDArray[np.uint8]) -> Mask | None:
    """The light pixels, where black and white are clear; None where they are not."""
    counts = np.bincount(grey.ravel(), minlength=256)
    levels = np.flatnonzero(counts)
    if set(levels) <= {0, 1} or set(levels) <= {0, 255}:
        return np.asarray(grey > 0)
    if len(levels) == 2 and levels[0] == 0 and levels[1] >= WHITE_FROM:
        return np.asarray(grey > 0)
    dark, light = counts[:32], counts[224:]
    shades = min(np.count_nonzero(dark), np.count_nonzero(light))
    clear = (dark.sum() + light.sum()) / grey.size
    middle = counts[64:192].sum() / grey.size
    is_soft = shades >= MIN_SHADES and clear >= MIN_CLEAR and middle <= MAX_MIDDLE
    return np.asarray(grey >= WHITE_FROM) if is_soft else None


def _first_values(values: NDArray[np.integer]) -> str:
    found = np.unique(values)
    return ", ".join(map(str, found[:MOST_VALUES])) + (", ..." if len(found) > MOST_VALUES else "")
