"""How a camera was held: the EXIF orientation of a picture, and its pixels turned upright.

What `cutout` turns by Pillow's `exif_transpose` is turned alike here, for training and prediction.
"""

import struct
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.masks.types import Size

ORIENTATION = 0x0112  # EXIF's tag; its values say what to do with stored pixels
UPRIGHT = 1
TURNS: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels),
}
SIDEWAYS = (5, 6, 7, 8)  # height becomes width
DAMAGED = (  # what Pillow raises for damaged tags, which are no reason to refuse a photograph
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
)

warnings.filterwarnings("ignore", module=r"PIL\.TiffImagePlugin")  # damaged tags, without a name


def exif_orientation(picture: Image.Image) -> int:
    """The EXIF orientation 1..8 of an opened picture, 1 = upright; no pixel is decoded for it.

    A TIFF is upright: Pillow and OpenCV both turn its pixels, and its size, as they decode it.
    """
    if picture.format == "TIFF":
        return UPRIGHT
    with suppress(*DAMAGED):
        file: IO[bytes] | None = getattr(picture, "fp", None)  # None where it has been decoded
        if picture.format == "PNG" and file and not _holds_exif(file):
            exif = Image.Image.getexif(picture)  # a PNG's own would decode it to look behind it
        else:
            exif = picture.getexif()
        orientation = exif.get(ORIENTATION)
        return orientation if orientation in TURNS else UPRIGHT
    return UPRIGHT


def _holds_exif(file: IO[bytes]) -> bool:
    place = file.tell()
    file.seek(0)
    found = b"eXIf" in file.read()
    file.seek(place)
    return found


def turn_upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Stored pixels (H, W) or (H, W, C) as they are looked at; the same array where they are."""
    if orientation == UPRIGHT:
        return pixels
    return np.ascontiguousarray(TURNS[orientation](pixels))


def upright_size(size: Size, orientation: int) -> Size:
    """Height and width of a picture as it is looked at."""
    return size[::-1] if orientation in SIDEWAYS else size
