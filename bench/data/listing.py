"""Find files by name in a data folder: upper and lower case, and every way to write an accent."""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path

from bench.system.errors import BadFile

PHOTOGRAPH_SUFFIXES = {".jpg", ".jpeg", ".png"}
OWN_SUFFIXES = {*PHOTOGRAPH_SUFFIXES, ".bmp", ".tif", ".tiff", ".webp"}  # of one's own photographs
MASK_SUFFIXES = {".gif", ".png", ".jpg", ".jpeg"}
OTHER_PICTURES = {  # that cameras and other tools write, and that are not read
    *(".avif", ".bmp", ".dng", ".gif", ".heic", ".heif", ".jfif", ".jp2", ".nef", ".cr2"),
    *(".arw", ".jpe", ".tif", ".tiff", ".webp"),
}
PICTURES = OWN_SUFFIXES | MASK_SUFFIXES | OTHER_PICTURES
CONVERT = "convert it to PNG or JPEG"


def normal_id(name: str) -> str:
    """An image id or car in the one form in which names are compared: composed Unicode.

    A file system may keep an accent as a character of its own; both look the same.
    """
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def id_in_table(name: str) -> str:
    """The image id of a file name in a table, which may leave out the suffix of a picture.

    >>> id_in_table("00087a6bd4dc_01.jpg"), id_in_table("shoe v1.0")
    ('00087a6bd4dc_01', 'shoe v1.0')
    """
    stem, _, suffix = name.rpartition(".")
    return normal_id(stem if stem and f".{suffix.lower()}" in PICTURES else name)


class TableNames:
    """Which image a table means by a file name.

    It may leave out the suffix, and folders in front where no other image's name ends so.

    Args:
        names: image id -> file name with its folders.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._images: dict[str, list[str]] = defaultdict(list)
        for image, name in names.items():
            short = id_in_table(name)
            while short:
                self._images[short].append(image)
                short = short.partition("/")[2]
        self._images |= {id_in_table(name): [image] for image, name in names.items()}

    def find(self, name: str, where: Path | str) -> str | None:
        """The id of the image that a table calls so; None of one that is not among these.

        >>> names = TableNames({"g::a/b/1": "a/b/1.jpg", "b/2": "b/2.jpg", "2": "2.jpg"})
        >>> [names.find(name, "masks.csv") for name in ("1", "b/1.jpg", "2.png", "a/2")]
        ['g::a/b/1', 'g::a/b/1', '2', None]

        Raises:
            BadFile: the names of several end so.
        """
        images = self._images.get(id_in_table(name), [])
        if len(images) > 1:
            first, second = (self._names[image] for image in images[:2])
            what = f"{name} may be {first} or {second}"
            raise BadFile(where, what, f"write the folder, too, such as {first}")
        return images[0] if images else None


def find(root: Path, name: str) -> Path:
    """The path of a file or folder in `root` whose letter case or way to write accents may differ.

    Raises:
        BadData: several are called so and none of them exactly.
    """
    exact = root / name
    if exact.exists() or not root.is_dir():
        return exact
    wanted, names = normal_id(name).lower(), sorted(os.listdir(root))  # noqa: PTH208
    alike = [other for other in names if normal_id(other).lower() == wanted]
    if len(alike) > 1:
        raise BadFile(root / alike[0], f"{alike[1]} is there too", f"keep one, as {name}")
    return root / alike[0] if alike else exact


def list_pictures(folder: Path, suffixes: Collection[str], ending: str = "") -> dict[str, Path]:
    """Image id -> file, in order of names; ids are names without `ending`; no folder, no files.

    Raises:
        BadData: two files are the same image, or a name is not text.
    """
    if not folder.is_dir():
        return {}
    files: dict[str, Path] = {}
    for name in sorted(os.listdir(folder)):  # noqa: PTH208 (names alone: no Path per file)
        stem, _, suffix = name.rpartition(".")
        if name.startswith(".") or f".{suffix.lower()}" not in suffixes:
            continue
        if not name.isprintable() and any(map(_is_no_letter, name)):
            raise _unprintable(folder, name)
        if ending and stem.lower().endswith(ending):
            stem = stem[: -len(ending)]
        image_id = normal_id(stem)
        if image_id in files:
            raise BadFile(folder / name, f"{files[image_id].name} is the same image", "remove one")
        files[image_id] = folder / name
    return files


def other_pictures(folder: Path) -> list[Path]:
    """Files of a folder of photographs that are pictures in a format that is not read."""
    names = sorted(os.listdir(folder)) if folder.is_dir() else []  # noqa: PTH208
    return [folder / name for name in names if Path(name).suffix.lower() in OTHER_PICTURES]


def _is_no_letter(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cs"}  # control; a byte that is not UTF-8


def _unprintable(folder: Path, name: str) -> BadFile:
    """The error of a name with bytes that are not UTF-8, or with a line break and the like."""
    shown = os.fsencode(name).decode("utf-8", errors="backslashreplace")
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)
    what = "the name is not UTF-8, or holds a control character"
    return BadFile(folder / shown, what, "rename it, and its mask, in plain letters and digits")
