"""Photographs and masks as files: decoded whole, or refused with the reason."""

from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import simplejpeg
from PIL import Image, UnidentifiedImageError

from bench.data.mask_formats import (
    CURE,
    SAY_WHICH,
    Marks,
    NoMask,
    car_pixels,
    marked_pixels,
    stored_values,
)
from bench.data.orientation import UPRIGHT, exif_orientation, turn_upright, upright_size
from bench.masks.types import Mask, RgbImage, Size
from bench.system.errors import BadFile
from bench.system.files import replacing

JPEG = b"\xff\xd8"  # the first bytes of every JPEG file


def read_image(path: Path) -> RgbImage:
    """The photograph in a file as uint8 (H, W, 3) RGB, upright: turned as its EXIF says.

    JPEG goes through libjpeg-turbo in its strict mode, which gives the same pixels as OpenCV.
    OpenCV decodes nine in ten damaged files without an error; this decoder refuses them.

    Raises:
        BadData: the file is missing, damaged, or no picture.
    """
    try:
        encoded = path.read_bytes()
        image: RgbImage | None = _decode(encoded)
    except (OSError, ValueError, cv2.error) as error:
        raise BadFile(path, f"cannot be read ({_why(error)})", "copy it again") from error
    if image is None:
        raise BadFile(path, "damaged, or no picture", "copy it again")
    return turn_upright(image, _orientation(encoded))


def _decode(encoded: bytes) -> Any:
    if encoded.startswith(JPEG):
        return simplejpeg.decode_jpeg(encoded, "RGB")
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    return cv2.imdecode(np.frombuffer(encoded, np.uint8), flags) if encoded else None


def _orientation(encoded: bytes) -> int:
    """EXIF orientation in a picture's header; 0.02 ms of the 3 ms that a photograph takes."""
    with suppress(OSError, Image.DecompressionBombError), Image.open(BytesIO(encoded)) as picture:
        return exif_orientation(picture)
    return UPRIGHT


def _why(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "no picture"
    return getattr(error, "strerror", None) or str(error)


def image_size(path: Path) -> Size:
    """Height and width of a picture as `read_image` gives it, read from its header.

    Raises:
        BadData: the file is missing or no picture.
    """
    return upright_size(*_header(path))


def stored_size(path: Path) -> Size:
    """Height and width of a picture before it is turned as its EXIF says; as `image_size`."""
    return _header(path)[0]


def is_turned(path: Path) -> bool:
    """Whether a picture is stored in another way than it is looked at; as `image_size`."""
    return _header(path)[1] != UPRIGHT


def _header(path: Path) -> tuple[Size, int]:
    try:
        with Image.open(path) as picture:
            return (picture.height, picture.width), exif_orientation(picture)
    except (OSError, Image.DecompressionBombError) as error:
        raise BadFile(path, f"cannot be read ({_why(error)})", "copy it again") from error


def read_mask(path: Path, marks: Marks | None = None) -> Mask:
    """The mask (H, W) in a picture of one frame, upright; True where a pixel is of the car.

    Kaggle's values are 0 and 1, or 0 and 255; `mask_formats` says what else is clear enough.

    Args:
        marks: what the owner of the mask says of its values; None: Kaggle's layout.

    Raises:
        BadData: the file is missing, damaged, has several frames, or is no mask.
    """
    try:
        # as bytes: Pillow maps an uncompressed TIFF from its file, and scrambles what it turns
        with Image.open(BytesIO(path.read_bytes())) as picture:
            frames = getattr(picture, "n_frames", 1)
            said = marks and (marks.values or marks.threshold is not None)
            mask = None if said else _plain_mask(picture)
            if frames != 1:
                raise NoMask(f"{frames} frames, mode {picture.mode}")
            if mask is None:
                mask = marked_pixels(picture, marks) if marks else car_pixels(picture)
            return turn_upright(mask, exif_orientation(picture))
    except NoMask as error:
        raise BadFile(path, str(error), SAY_WHICH if marks else CURE) from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BadFile(path, f"cannot be read ({_why(error)})", "copy it again") from error


def values_of(path: Path) -> str:
    """The values that a readable picture holds, as a message lists them."""
    with Image.open(path) as picture:
        return stored_values(picture)


def _plain_mask(picture: Image.Image) -> Mask | None:
    """The mask of an opaque picture of 0 and 1, or 0 and 255; None where it is another."""
    if picture.mode not in {"P", "1", "L", "RGB"} or "transparency" in picture.info:
        return None
    grey = np.asarray(picture.convert("L"))
    top = grey.max(initial=0)
    mask = grey == top if top else np.zeros(grey.shape, dtype=bool)
    if top not in (0, 1, 255) or np.count_nonzero(grey) != np.count_nonzero(mask):
        return None
    if top < 255 and np.asarray(picture.convert("RGB")).max(initial=0) != top:
        return None  # of a dark colour
    return mask


def write_mask(path: Path, mask: Mask) -> None:
    """Write a mask (H, W) as Kaggle does: a palette GIF with the values 0 and 1."""
    picture = Image.fromarray(mask.astype(np.uint8), mode="P")
    picture.putpalette([0, 0, 0, 255, 255, 255])
    with replacing(path) as temporary:
        picture.save(temporary, format="GIF", optimize=False)
