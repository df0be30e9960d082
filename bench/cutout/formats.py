"""Formats of pictures by the first bytes of a file: those that are read, and those that are not."""

import re
from pathlib import Path

NAMES = "JPEG, PNG, WebP or GIF"
HEADER_BYTES = 16  # that tell a format
JPEG = b"\xff\xd8\xff"
READ = (JPEG, b"\x89PNG\r\n\x1a\n", b"GIF8")
OTHERS = {  # what a camera, a phone or a painting program writes besides
    b"II*\0": "TIFF or RAW",
    b"MM\0*": "TIFF or RAW",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"IIU\0": "RAW",
    b"IIRO": "RAW",
    b"FUJIFILMCCD-RAW": "RAW",
    b"FOVb": "RAW",
    b"BM": "BMP",
    b"8BPS": "Photoshop",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"gimp xcf": "GIMP",
    b"qoif": "QOI",
}
BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"crx ": "RAW"} | dict.fromkeys(
    (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"), "HEIC"
)
READ_SUFFIX = re.compile(r"\.(jpe?g?|jfif|png|gif|webp)", re.IGNORECASE)
OTHER_SUFFIX = re.compile(
    r"\.(hei[cf]|hif|avif|tiff?|bmp|dib|psd|xcf|jp2|jxl|qoi|raw|dng|cr[23w]|n[er][fw]|arw|sr[2fw]"
    r"|raf|orf|rw2|pef|x3f|erf|3fr|kdc|dcr|mrw|mos|iiq)",
    re.IGNORECASE,
)
CURE = "save it as JPEG or PNG, and cut that out"


def is_read(start: bytes) -> bool:
    """Whether the first bytes of a file are those of a format that is read."""
    return start.startswith(READ) or (start.startswith(b"RIFF") and start[8:12] == b"WEBP")


def other_format(start: bytes) -> str | None:
    """Name the format of a picture that is not read, by the first bytes of its file.

    >>> other_format(b"\\0\\0\\0\\x18ftypheic\\0\\0\\0\\0"), other_format(b"text")
    ('HEIC', None)
    """
    if start[4:8] == b"ftyp":
        return BRANDS.get(start[8:12])
    return next((name for first, name in OTHERS.items() if start.startswith(first)), None)


def seems_read(path: Path, start: bytes) -> bool:
    """Whether a file is a photograph that is read, by its first bytes; a damaged one by its suffix.

    >>> seems_read(Path("empty.jpg"), b""), seems_read(Path("phone.jpg"), b"8BPS")
    (True, False)
    """
    unknown = other_format(start) is None
    return is_read(start) or (unknown and READ_SUFFIX.fullmatch(path.suffix) is not None)


def seems_a_picture(path: Path, start: bytes) -> bool:
    """Whether a file that is not read is a picture, by its first bytes or by its suffix."""
    return other_format(start) is not None or OTHER_SUFFIX.fullmatch(path.suffix) is not None
