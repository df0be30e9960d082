"""Photographs and masks as files: decoded whole, or refused with the reason."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import simplejpeg
from PIL import Image

from bench.masks.types import Mask, RgbImage, Size
from bench.system.errors import BadFile
from bench.system.files import replacing

JPEG = b"\xff\xd8"  # the first bytes of every JPEG file


def read_image(path: Path) -> RgbImage:
    """The photograph in a file as uint8 (H, W, 3) RGB; its EXIF rotation is not applied.

    JPEG goes through libjpeg-turbo in its strict mode, which gives the same pixels as OpenCV.
    OpenCV decodes nine in ten damaged files without an error; this decoder refuses them.

    Raises:
        BadData: the file is missing, damaged, or no picture.
    """
    try:
        image: RgbImage | None = _decode(path.read_bytes())
    except (OSError, ValueError, cv2.error) as error:
        raise BadFile(path, f"cannot be read ({_why(error)})", "copy it again") from error
    if image is None:
        raise BadFile(path, "damaged, or no picture", "copy it again")
    return image


def _decode(encoded: bytes) -> Any:
    if encoded.startswith(JPEG):
        return simplejpeg.decode_jpeg(encoded, "RGB")
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    return cv2.imdecode(np.frombuffer(encoded, np.uint8), flags) if encoded else None


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def image_size(path: Path) -> Size:
    """Height and width of a picture, read from its header.

    Raises:
        BadData: the file is missing or no picture.
    """
    try:
        with Image.open(path) as picture:
            return picture.height, picture.width
    except (OSError, Image.DecompressionBombError) as error:
        raise BadFile(path, f"cannot be read ({_why(error)})", "copy it again") from error


def read_mask(path: Path) -> Mask:
    """The mask (H, W) in a picture of one frame with the values 0 and 1, or 0 and 255.

    Raises:
        BadData: the file is missing, damaged, has several frames, or holds other values.
    """
    try:
        with Image.open(path) as picture:
            frames, mode = getattr(picture, "n_frames", 1), picture.mode
            grey = np.asarray(picture.convert("L"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BadFile(path, f"cannot be read ({_why(error)})", "copy it again") from error
    if frames != 1 or mode not in {"P", "1", "L", "RGB"}:
        raise BadFile(path, f"{frames} frames, mode {mode}", "a mask is one black and white frame")
    top = grey.max(initial=0)
    mask = grey == top if top else np.zeros(grey.shape, dtype=bool)
    if top not in (0, 1, 255) or np.count_nonzero(grey) != np.count_nonzero(mask):
        raise BadFile(path, "values other than 0 and 1 (or 0 and 255)", "a mask has no shades")
    return mask


def write_mask(path: Path, mask: Mask) -> None:
    """Write a mask (H, W) as Kaggle does: a palette GIF with the values 0 and 1."""
    picture = Image.fromarray(mask.astype(np.uint8), mode="P")
    picture.putpalette([0, 0, 0, 255, 255, 255])
    with replacing(path) as temporary:
        picture.save(temporary, format="GIF", optimize=False)
