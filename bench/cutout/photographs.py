"""Any photograph a person has -> upright 8-bit RGB pixels: formats by content, within limits.

What a file is called decides nothing. The header is looked at before a pixel is decoded, so that a
picture of a few bytes that claims to be enormous costs nothing.
"""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from bench.cutout.formats import CURE, HEADER_BYTES, JPEG, NAMES, other_format
from bench.masks.types import RgbImage
from bench.system.errors import BadData

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")  # of an animation, the first frame
MAX_PIXELS = 40_000_000
MAX_SIDE = 30_000
MAX_SCANS = 100  # of a progressive JPEG: cameras write about ten, and each costs a whole pass
START_OF_SCAN = b"\xff\xda"
COLOUR_SPACE = slice(16, 20)  # where an ICC profile names the colours it is for
LEVEL_16_BIT = 257  # a 16-bit value is 257 times the 8-bit one
DECODING = (  # what Pillow's decoders raise for damaged files
    EOFError,
    IndexError,
    KeyError,
    MemoryError,
    OSError,
    OverflowError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


class NoPhotograph(BadData):
    """By its content, a file is no photograph in one of the formats we read."""


class TooLarge(BadData):
    """A photograph has more pixels, or more passes over them, than we are ready to decode."""


@dataclass(frozen=True)
class Photograph:
    """Upright pixels, and what is put back into the result."""

    pixels: RgbImage
    opacity: NDArray[np.uint8] | None = None  # (H, W); None where all of it is opaque
    profile: bytes | None = None  # ICC profile of the colours

    @property
    def size(self) -> tuple[int, int]:
        """Height, width."""
        return self.pixels.shape[0], self.pixels.shape[1]


def pixel_count(content: bytes) -> int:
    """Number of pixels that a file's header promises.

    Raises:
        NoPhotograph, TooLarge, BadData: the header is not that of a photograph that `read` takes.
    """
    with _opened(content) as picture:
        return picture.width * picture.height


def read(content: bytes) -> Photograph:
    """The photograph in a file's bytes.

    Transparent pixels are seen over white; 16 bit of grey are rounded to 8, of colour cut to 8 by
    the decoder; a CMYK picture is converted without its profile; an animation gives its first
    frame.

    Raises:
        NoPhotograph: the bytes are another kind of file.
        TooLarge: over 40 megapixels, 30,000 pixels on a side, or 100 scans.
        BadData: the picture is damaged or cut short.
    """
    if content.startswith(JPEG) and content.count(START_OF_SCAN) > MAX_SCANS:
        raise TooLarge(f"a JPEG of over {MAX_SCANS} scans; save it again without them")
    with _opened(content) as picture, _decoding():
        picture.load()
        return _upright(picture)


def of_picture(picture: Image.Image) -> Photograph:
    """The photograph that a picture of Pillow's holds, which stays as it is.

    Raises:
        TooLarge, BadData: as `read`; or there are no pixels.
    """
    _check_size(picture)
    with _decoding():
        return _upright(picture.copy())


@contextmanager
def _decoding() -> Iterator[None]:
    try:
        yield
    except DECODING as error:
        raise BadData(f"damaged or cut short ({error}); copy it again") from error


def _opened(content: bytes) -> Image.Image:
    """A picture whose header has been read and found acceptable; no pixel is decoded yet."""
    try:
        picture = Image.open(BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise TooLarge(f"{error}; at most {MAX_PIXELS / 1e6:.0f} megapixels") from error
    except UnidentifiedImageError as error:
        other = other_format(content[:HEADER_BYTES])
        found = f"{other}, not {NAMES}" if other else f"no {NAMES}, or cut short in its header"
        raise NoPhotograph(f"{found}; {CURE}") from error
    except DECODING as error:
        raise BadData(f"damaged ({error}); copy it again") from error
    _check_size(picture)
    return picture


def _check_size(picture: Image.Image) -> None:
    if not min(picture.size):
        raise BadData(f"{picture.width}x{picture.height} pixels: there is nothing in it")
    if picture.width * picture.height > MAX_PIXELS or max(picture.size) > MAX_SIDE:
        raise TooLarge(
            f"{picture.width}x{picture.height} pixels; at most {MAX_PIXELS / 1e6:.0f} megapixels "
            f"and {MAX_SIDE} on a side"
        )


def _upright(picture: Image.Image) -> Photograph:
    """Turn a picture in place as its EXIF says, and return what it holds.

    Pillow turns the picture and then writes its EXIF anew, which fails on damaged tags, with an
    AttributeError on some: they are no reason to refuse a photograph.
    """
    with suppress(AttributeError, *DECODING):
        ImageOps.exif_transpose(picture, in_place=True)
    profile = picture.info.get("icc_profile")
    if not isinstance(profile, bytes) or profile[COLOUR_SPACE] != b"RGB ":
        profile = None  # a result is RGB: the profile of greys or of inks would spoil it
    if picture.mode.startswith("I"):  # 16 bit of grey
        values = np.asarray(picture).astype(np.uint32) + LEVEL_16_BIT // 2
        grey = (values // LEVEL_16_BIT).astype(np.uint8)
        return Photograph(np.repeat(grey[..., None], 3, axis=2))
    if not picture.has_transparency_data:
        return Photograph(np.array(picture.convert("RGB")), profile=profile)
    picture = picture.convert("RGBA")
    opacity = np.array(picture.getchannel("A"))
    white = Image.new("RGBA", picture.size, "white")
    pixels = np.array(Image.alpha_composite(white, picture).convert("RGB"))
    return Photograph(pixels, None if opacity.min(initial=255) == 255 else opacity, profile)


def write(pixels: NDArray[np.uint8], format: str, profile: bytes | None = None) -> bytes:
    """A picture's bytes, with the photograph's own colour profile.

    Args:
        pixels: uint8 (H, W), (H, W, 3) RGB or (H, W, 4) RGBA; "jpeg" has no transparency.
        format: "png", "jpeg" or "webp".
    """
    options = {
        "png": {"compress_level": 1},  # a fifth of the time of 6, for a tenth more bytes
        "jpeg": {"quality": 95, "subsampling": 0},
        "webp": {"quality": 95, "method": 2},
    }[format]
    packed = BytesIO()
    Image.fromarray(pixels).save(packed, format, icc_profile=profile, **options)
    return packed.getvalue()


def scaled_to_fill(photograph: Photograph, size: tuple[int, int]) -> RgbImage:
    """Pixels that fill `size` (height, width): scaled in proportion, cut at the longer side."""
    filled = ImageOps.fit(Image.fromarray(photograph.pixels), size[::-1])
    return np.array(filled)
