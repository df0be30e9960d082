"""Files by patterns: a photograph's mask by the photograph's name, however many there are."""

import fnmatch
import glob
import os
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from bench.data.listing import normal_id
from bench.own.description import FOLDER, STEM
from bench.system.errors import BadFile

MAGIC = re.compile(r"[*?[]")
ESCAPED = re.compile(r"\[([*?[])\]")  # as `glob.escape` writes a character that stands for itself
Names = list[tuple[str, str]]  # in order: as names are compared, and as they are stored


@dataclass
class Files:
    """Files and folders by pattern; each folder is listed once, whatever is asked of it."""

    _listed: dict[Path, tuple[Names, Names]] = field(default_factory=dict)

    def find(self, pattern: str) -> list[Path]:
        """The files that match an absolute or relative pattern, in order; hidden ones do not."""
        path = PurePosixPath(pattern)
        start, parts = Path(path.anchor), path.parts[bool(path.anchor) :]
        return sorted(set(self._matches(start, parts, ())))

    def _matches(
        self, folder: Path, parts: tuple[str, ...], above: tuple[str, ...]
    ) -> Iterator[Path]:
        first, *others = parts
        rest = tuple(others)
        if first == "**":
            yield from self._matches(folder, rest or ("*",), ())
            here = os.path.realpath(folder)
            if here not in above:  # else a link to a folder that it lies in
                for _, name in self._names(folder)[1]:
                    yield from self._matches(folder / name, parts, (*above, here))
        elif (fixed := _fixed(first)) and (fixed.isascii() or (folder / fixed).exists()):
            path = folder / fixed
            if rest:
                yield from self._matches(path, rest, ())
            elif path.is_file():
                yield path
        else:
            for name in _alike(self._names(folder)[bool(rest)], first):
                yield from self._matches(folder / name, rest, ()) if rest else [folder / name]

    def _names(self, folder: Path) -> tuple[Names, Names]:
        """Names of the files and of the folders in a folder."""
        if folder not in self._listed:
            try:
                entries = list(os.scandir(folder))
            except OSError:  # no such folder, or none that may be read
                entries = []
            seen = [entry for entry in entries if not entry.name.startswith(".")]
            files = [(normal_id(entry.name), entry.name) for entry in seen if entry.is_file()]
            folders = [(normal_id(entry.name), entry.name) for entry in seen if entry.is_dir()]
            self._listed[folder] = sorted(files), sorted(folders)
        return self._listed[folder]


def _alike(names: Names, pattern: str) -> Iterator[str]:
    """The stored names that match a pattern of one name, however an accent is written."""
    pattern = normal_id(pattern)
    magic = MAGIC.search(pattern)
    start = pattern[: magic.start()] if magic else pattern
    matches = re.compile(fnmatch.translate(pattern)).match
    for place in range(bisect_left(names, (start, "")), len(names)):
        name, stored = names[place]
        if not name.startswith(start):
            return
        if matches(name):
            yield stored


def _fixed(part: str) -> str | None:
    """The name that a part of a pattern stands for; None where it stands for many."""
    name = ESCAPED.sub(r"\1", part)
    return name if glob.escape(name) == part else None


def base_of(pattern: str) -> Path:
    """The folder that all files of a pattern lie in.

    >>> base_of("shoes/**/*.jpg"), base_of("[[]old] shoes/one.jpg")
    (PosixPath('shoes'), PosixPath('[old] shoes'))
    """
    base = Path()
    for part in map(_fixed, Path(pattern).parts[:-1]):
        if part is None:
            break
        base /= part
    return base


def masks_by_pattern(photographs: Mapping[str, Path], pattern: str) -> dict[str, list[Path]]:
    """File name of a photograph with its folders -> the files that are its mask by a pattern.

    A file that matches two photographs' patterns, as `ab.png` matches `{stem}*.png` of `a` and of
    `ab`, is the mask of the one with the longer name.

    Raises:
        BadData: a file is the mask of two photographs of one name.
    """
    files, claims = Files(), dict[Path, str]()
    for name, photograph in photographs.items():
        own = PurePosixPath(name)
        filled = pattern.replace(FOLDER, glob.escape(str(own.parent)))
        for mask in files.find(os.path.normpath(filled.replace(STEM, glob.escape(own.stem)))):
            if mask == photograph:
                continue
            other = claims.setdefault(mask, name)
            elsewhere = PurePosixPath(other).with_suffix("") != own.with_suffix("")
            if elsewhere and len(PurePosixPath(other).stem) == len(own.stem):
                cure = f"name its folder in the pattern of the masks, too: {FOLDER}/{STEM}"
                raise BadFile(mask, f"is the mask of both {other} and {name}", cure)
            if len(PurePosixPath(other).stem) < len(own.stem):
                claims[mask] = name
    found: dict[str, list[Path]] = {name: [] for name in photographs}
    names, owners = {path: name for name, path in photographs.items()}, set(claims.values())
    for mask, name in claims.items():
        if names.get(mask) not in owners:  # else it is a photograph, `10.png` beside `1.png`
            found[name].append(mask)
    return found
