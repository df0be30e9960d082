"""Files by patterns: a photograph's mask by the photograph's name, however many there are."""

import fnmatch
import glob
import os
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from bench.own.description import FOLDER, STEM
from bench.system.errors import BadFile

MAGIC = re.compile(r"[*?[]")


@dataclass
class Files:
    """Files and folders by pattern; each folder is listed once, whatever is asked of it."""

    _listed: dict[Path, tuple[list[str], list[str]]] = field(default_factory=dict)

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
                for name in self._names(folder)[1]:
                    yield from self._matches(folder / name, parts, (*above, here))
        elif not MAGIC.search(first):
            path = folder / first
            if rest:
                yield from self._matches(path, rest, ())
            elif path.is_file():
                yield path
        else:
            for name in _alike(self._names(folder)[bool(rest)], first):
                yield from self._matches(folder / name, rest, ()) if rest else [folder / name]

    def _names(self, folder: Path) -> tuple[list[str], list[str]]:
        """Names of the files and of the folders in a folder, in order."""
        if folder not in self._listed:
            try:
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except OSError:  # no such folder, or none that may be read
                entries = []
            seen = [entry for entry in entries if not entry.name.startswith(".")]
            files = [entry.name for entry in seen if entry.is_file()]
            self._listed[folder] = files, [entry.name for entry in seen if entry.is_dir()]
        return self._listed[folder]


def _alike(names: list[str], pattern: str) -> Iterator[str]:
    """The names, which are in order, that match a pattern of one name."""
    magic = MAGIC.search(pattern)
    start = pattern[: magic.start()] if magic else pattern
    matches = re.compile(fnmatch.translate(pattern)).match
    for place in range(bisect_left(names, start), len(names)):
        if not names[place].startswith(start):
            return
        if matches(names[place]):
            yield names[place]


def base_of(pattern: str) -> Path:
    """The folder that all files of a pattern lie in.

    >>> base_of("shoes/**/*.jpg"), base_of("shoes/one.jpg")
    (PosixPath('shoes'), PosixPath('shoes'))
    """
    parts = Path(pattern).parts[:-1]
    fixed = [place for place, part in enumerate(parts) if MAGIC.search(part)]
    return Path(*parts[: fixed[0] if fixed else len(parts)])


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
