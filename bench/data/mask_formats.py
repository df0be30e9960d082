"""Masks as other tools save them: shades, transparency, colours, 16 bits; or why they are none.

A picture is a mask where no two readers would disagree: black and one other colour, an opacity that
is all there is to see, or black and white with shades at the edges alone.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.masks.types import Mask

COLOURS = {"1", "L", "P", "RGB", "LA", "PA", "RGBA"}
WIDE = {"I;16", "I;16B", "I;16L", "I"}  # more than 8 bits
WIDE_LEVELS = {0, 1, 255, 65535}
WHITE_FROM = 128  # the middle; the least grey that is white where black is the only other value
MIN_SHADES = 2  # near black and near white; of classes and trimaps, 255 stands alone
MAX_MIDDLE = 0.05  # share of pixels of a middle grey; 0.03 in a blurred mask of 80x120
MIN_CLEAR = 0.90  # share of pixels that are nearly black or nearly white
CURE = "write it as a black and white PNG without shades, the car white"


class NoMask(ValueError):
    """The values of a picture do not say which pixels are car."""


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
    return ", ".join(map(str, found[:5])) + (", ..." if len(found) > 5 else "")
