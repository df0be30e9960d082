"""Any photograph a person has -> upright 8-bit RGB pixels: formats by content, within limits.

What a file is called decides nothing. The header is looked at before a pixel is decoded, so that a
picture of a few bytes that claims to be enormous costs nothing; nor does a header of many parts.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from bench.cutout.formats import CURE, HEADER_BYTES, JPEG, NAMES, other_format
from bench.masks.types import RgbImage
from bench.system.errors import BadData

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")  # of an animation, the first frame
MAX_PIXELS = 40_000_000
MAX_SIDE = 30_000
MAX_SCANS = 100  # of a progressive JPEG: cameras write about ten, and each costs a whole pass
HEADER_READS = 10_000  # by Pillow, of a header: dozens of a camera's, thousands of XMP in a GIF
MAX_EXIF = 100  # parts of a JPEG's, which Pillow joins in quadratic time
EXIF = b"Exif\0\0"
ALL_READS = 500_000  # of a whole file
TOO_MANY_PARTS = "the file has too many parts; save it again with another program"
MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])")  # of a JPEG's part; others have no length
START_OF_SCAN, END = b"\xda", b"\xd9"
MAX_WEBP_SIDE = 16_383
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
    """A photograph has more pixels, or more passes over them, than we or a format can hold."""


class _Parts(BytesIO):
    """A file's bytes that are read part by part, but not in many more parts than files have.

    Pillow reads the parts of a header one by one in Python, and joins some in quadratic time.
    """

    reads_left = HEADER_READS

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes.

        Raises:
            TooLarge: too many parts were read.
        """
        self.reads_left -= 1
        if self.reads_left < 0:
            raise TooLarge(TOO_MANY_PARTS)
        return super().read(size)


@dataclass(frozen=True)
class Photograph:
    """Upright pixels, and what is put back into the result."""

    pixels: RgbImage
    opacity: NDArray[np.uint8] | None = None  # (H, W); None where all of it is opaque
    profile: bytes | None = None  # ICC profile of the colours
    colours: RgbImage | None = None  # the file's own, where there is opacity: `pixels` lie on white

    @property
    def size(self) -> tuple[int, int]:
        """Height, width."""
        return self.pixels.shape[0], self.pixels.shape[1]


def pixel_count(content: bytes) -> int:
    """Number of pixels that a file's header promises.

    Raises:
        NoPhotograph, TooLarge, BadData: the header is not that of a photograph that `read` takes.
    """
    with _opened(_Parts(content)) as picture:
        return picture.width * picture.height


def read(content: bytes) -> Photograph:
    """The photograph in a file's bytes.

    Transparent pixels are seen over white; 16 bit of grey are rounded to 8, of colour cut to 8 by
    the decoder; a CMYK picture is converted without its profile; an animation gives its first
    frame.

    Raises:
        NoPhotograph: the bytes are another kind of file.
        TooLarge: over 40 megapixels, 30,000 pixels on a side, or 100 scans; or a header of
            thousands of parts.
        BadData: the picture is damaged or cut short.
    """
    if content.startswith(JPEG):
        _check_scans(content)
    parts = _Parts(content)
    with _opened(parts) as picture, _decoding():
        parts.reads_left = ALL_READS
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


def _check_scans(content: bytes) -> None:
    """Refuse a JPEG of too many scans; what lies behind its end, as a phone's film, is free."""
    place = scans = 0
    for _ in range(HEADER_READS):
        found = MARKER.search(content, place)
        if not found or found[1] == END:
            return
        scans += found[1] == START_OF_SCAN
        if scans > MAX_SCANS:
            raise TooLarge(f"a JPEG of over {MAX_SCANS} scans; save it again without them")
        length = int.from_bytes(content[found.end() : found.end() + 2])
        place = found.end() + length
    raise TooLarge(TOO_MANY_PARTS)


def _opened(content: _Parts) -> Image.Image:
    """A picture whose header has been read and found acceptable; no pixel is decoded yet."""
    if content.getvalue().count(EXIF) > MAX_EXIF:
        raise TooLarge(f"over {MAX_EXIF} parts of EXIF; save it again without them")
    try:
        picture = Image.open(content, formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise TooLarge(f"far over {MAX_PIXELS / 1e6:.0f} megapixels; make it smaller") from error
    except UnidentifiedImageError as error:
        raise NoPhotograph(_why_unknown(content.getvalue())) from error
    except DECODING as error:
        raise BadData(f"damaged ({error}); copy it again") from error
    _check_size(picture)
    return picture


def _why_unknown(content: bytes) -> str:
    """Why a file's bytes are no photograph that is read, and what to do."""
    if not content:
        return f"no {NAMES}, but empty; copy it again"
    if other := other_format(content[:HEADER_BYTES]):
        return f"{other}, not {NAMES}; {CURE}"
    return f"no {NAMES}, or damaged in its first bytes; copy it again, or {CURE}"


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
    if opacity.min(initial=255) == 255:
        return Photograph(pixels, profile=profile)
    return Photograph(pixels, opacity, profile, np.array(picture.convert("RGB")))


def write(pixels: NDArray[np.uint8], format: str, profile: bytes | None = None) -> bytes:
    """A picture's bytes, with the photograph's own colour profile.

    Args:
        pixels: uint8 (H, W), (H, W, 3) RGB or (H, W, 4) RGBA; "jpeg" has no transparency.
        format: "png", "jpeg" or "webp".

    Raises:
        TooLarge: as `check_fits`.
    """
    check_fits((pixels.shape[0], pixels.shape[1]), format)
    options = {
        "png": {"compress_level": 1},  # a fifth of the time of 6, for a tenth more bytes
        "jpeg": {"quality": 95, "subsampling": 0},
        "webp": {"quality": 95, "method": 2},
    }[format]
    packed = BytesIO()
    Image.fromarray(pixels).save(packed, format, icc_profile=profile, **options)
    return packed.getvalue()


def check_fits(size: tuple[int, int], format: str) -> None:
    """Refuse a size (height, width) that a format cannot hold.

    Raises:
        TooLarge: it cannot.
    """
    if format == "webp" and max(size) > MAX_WEBP_SIDE:
        raise TooLarge(
            f"{size[1]}x{size[0]} pixels, and a WebP has at most {MAX_WEBP_SIDE:,} on a side; "
            "choose png or jpeg"
        )


def converted(pixels: RgbImage, of: Photograph | None, to: Photograph) -> RgbImage:
    """Pixels of one photograph (None: of sRGB) in the colours of another's profile.

    No profile, or a damaged one, is sRGB, as programs that show pictures take it.
    """
    source, target = _profile(of and of.profile), _profile(to.profile)
    if source is target:
        return pixels
    try:
        return np.array(ImageCms.profileToProfile(Image.fromarray(pixels), source, target))
    except ImageCms.PyCMSError:  # a profile that can be read and not used
        return pixels


@lru_cache(maxsize=8)
def _profile(content: bytes | None) -> ImageCms.ImageCmsProfile:
    with suppress(OSError):
        if content:
            return ImageCms.ImageCmsProfile(BytesIO(content))
    return _profile(None) if content else ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def scaled_to_fill(photograph: Photograph, size: tuple[int, int]) -> RgbImage:
    """Pixels that fill `size` (height, width): scaled in proportion, cut at the longer side."""
    filled = ImageOps.fit(Image.fromarray(photograph.pixels), size[::-1])
    return np.array(filled)
