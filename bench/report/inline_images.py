"""Small pictures for the page, as data URIs: photographs, errors, cut-outs and masks.

Photographs are JPEGs; everything drawn over them is a PNG of a few colours with transparent parts,
so that errors stay sharp and cost little.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from bench.masks.drawing import FALSE_NEGATIVE, FALSE_POSITIVE, TINT, TRUE_POSITIVE
from bench.masks.types import Map, Mask, RgbImage

SQUARE = 16  # side of a square of the checkerboard behind a cut-out, pixels
LIGHT, DARK = 238, 206  # its two greys
OPACITIES = 15  # steps from transparent to opaque

Number = TypeVar("Number", np.uint8, np.float32)


@dataclass(frozen=True)
class InlineImage:
    """A picture as a data URI, with its size in pixels."""

    uri: str
    width: int
    height: int


def photograph(photo: RgbImage, width: int, quality: int, subsampling: str) -> InlineImage:
    """A photograph as a JPEG, shrunk where it is wider than `width`.

    Args:
        quality: of JPEG, 1..100.
        subsampling: of its colours: "420", or "444" for none.
    """
    small = np.ascontiguousarray(_shrink(photo, width))
    return _inline("image/jpeg", simplejpeg.encode_jpeg(small, quality, "RGB", subsampling), small)


def errors(predicted: Mask, truth: Mask, width: int) -> InlineImage:
    """True positives tinted green, false ones red, false negatives blue (Malhotra 2017, Figure 5).

    Where the picture is shrunk, a single wrong pixel still colours the whole small pixel it is in.
    """
    right, too_many, missed = (
        _shrink(each.astype(np.float32), width)
        for each in (predicted & truth, predicted & ~truth, truth & ~predicted)
    )
    places = np.zeros(right.shape, np.uint8)
    places[right >= 0.5] = 1
    places[(too_many > 0) & (too_many >= missed)] = 2
    places[(missed > 0) & (missed > too_many)] = 3
    colours = [(0, 0, 0), TRUE_POSITIVE, FALSE_POSITIVE, FALSE_NEGATIVE]
    return _palette_png(places, colours, [0, round(255 * TINT), 255, 255])


def checkerboard(map: Map, width: int) -> InlineImage:
    """A checkerboard that hides a photograph but for the car, half transparent along its edge."""
    opacity = 1 - _shrink((map / 255).astype(np.float32), width)
    level = np.round(opacity * OPACITIES).astype(np.uint8)
    rows, columns = np.indices(level.shape) // SQUARE
    dark = ((rows + columns) % 2).astype(np.uint8)
    steps = OPACITIES + 1
    alpha = [round(255 * step / OPACITIES) for step in range(steps)]
    colours = [(LIGHT, LIGHT, LIGHT)] * steps + [(DARK, DARK, DARK)] * steps
    return _palette_png(level + steps * dark, colours, alpha * 2)


def mask(mask: Mask, width: int) -> InlineImage:
    """A mask in 16 greys, the car white."""
    shades = np.round(15 * _shrink(mask.astype(np.float32), width)).astype(np.uint8)
    return _palette_png(shades, [(17 * step,) * 3 for step in range(16)], None)


def _shrink(picture: NDArray[Number], width: int) -> NDArray[Number]:
    """The picture, resized by area where it is wider than `width`."""
    scale = width / picture.shape[1]
    if scale >= 1:
        return picture
    size = (width, max(1, round(picture.shape[0] * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), picture.dtype)


def _palette_png(
    places: NDArray[np.uint8], colours: Sequence[tuple[int, ...]], alpha: Sequence[int] | None
) -> InlineImage:
    """A PNG with a palette.

    Args:
        places: (H, W), the place of each pixel's colour in `colours`.
        alpha: of each colour, 0..255; None where all are opaque.
    """
    picture = Image.fromarray(places, mode="P")
    picture.putpalette([value for colour in colours for value in colour])
    file = io.BytesIO()
    if alpha is None:
        picture.save(file, "PNG", optimize=True)
    else:
        picture.save(file, "PNG", optimize=True, transparency=bytes(alpha))
    return _inline("image/png", file.getvalue(), places)


def _inline(kind: str, encoded: bytes, picture: NDArray[np.uint8]) -> InlineImage:
    text = base64.b64encode(encoded).decode("ascii")
    return InlineImage(f"data:{kind};base64,{text}", picture.shape[1], picture.shape[0])
