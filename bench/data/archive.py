"""Kaggle's zip files, unpacked once and safely beside themselves.

Reads  `train.zip`, `train_masks.csv.zip`, ... in a data folder.
Writes  `train/`, `train_masks.csv`, ... beside them.
"""

import os
import re
import shutil
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import TypeVar

from isal import isal_zlib

from bench.data.listing import find
from bench.data.tables import ZIP_ERRORS
from bench.system.disk import free_bytes, readable, reason, writing
from bench.system.errors import BadData, BenchError
from bench.system.progress import track

FOLDERS = ("train", "train_hq", "train_masks", "test", "test_hq")
TABLES = ("train_masks.csv", "metadata.csv", "sample_submission.csv")
ARCHIVE_NAME = re.compile(  # browsers and file managers number a second download
    rf"({'|'.join(map(re.escape, (*FOLDERS, *TABLES)))})([ _-]*(copy|\(?\d+\)?))*\.zip",
    re.IGNORECASE,
)
MAX_FILES = 200_000  # of an archive; the largest, test_hq.zip, holds 100,064 photographs
MAX_GROWTH = 100  # unpacked bytes / packed; pictures do not grow, tables about ten times
ENCRYPTED = 0x1  # bit of a member's flags
AGAIN = "remove it, then download it again"
DAMAGE_ERRORS = (*ZIP_ERRORS, NotImplementedError, ValueError)  # also of the names of all members
T = TypeVar("T")  # what holds a part


def unpack_all(root: Path) -> list[Path]:
    """Unpack Kaggle's zip files in `root` unless their content is there; return the new paths.

    A zip file of these zip files, or of these folders, is unpacked as well.

    Raises:
        BadData: a file is no zip file, is damaged, or holds what no file of Kaggle's does.
        BenchError: not enough space on the disk.
    """
    unpacked = []
    for target, archive in _lacking(root, _named_archives(root)).items():
        unpack(archive, target)
        unpacked.append(target)
    for bundle in _other_archives(root):
        for target, nested in _lacking(root, _parts(bundle)).items():
            _unpack_part(bundle, nested, target)
            unpacked.append(target)
    _remove_left(root)
    return unpacked


def _remove_left(root: Path) -> None:
    """Remove what a call that was killed left of archives whose content is there."""
    for name in (*FOLDERS, *TABLES):
        if (root / name).exists():
            shutil.rmtree(root / f".{name}.unpacking", ignore_errors=True)
            with suppress(OSError):
                (root / f".{name}.zip").unlink()


def packed_files(root: Path) -> list[Path]:
    """The zip files in `root` that hold what a data folder lacks."""
    bundles = [bundle for bundle in _other_archives(root) if _lacking(root, _parts(bundle))]
    return [*_lacking(root, _named_archives(root)).values(), *bundles]


def _archives(root: Path) -> list[Path]:
    """Zip files, those with the shortest names first: train.zip before train (1).zip."""
    files = root.iterdir() if root.is_dir() else ()
    zips = (path for path in files if path.suffix.lower() == ".zip" and path.is_file())
    return sorted(zips, key=lambda path: (len(path.name), path.name))


def _named_archives(root: Path) -> dict[str, Path]:
    """What a zip file holds by its name -> that file."""
    named: dict[str, Path] = {}
    for path in _archives(root):
        if match := ARCHIVE_NAME.fullmatch(path.name):
            named.setdefault(match[1].lower(), path)
    return named


def _other_archives(root: Path) -> list[Path]:
    return [path for path in _archives(root) if not ARCHIVE_NAME.fullmatch(path.name)]


def _lacking(root: Path, parts: dict[str, T]) -> dict[Path, T]:
    """The parts that are not in the folder, by the path that they will have."""
    paths = {name: find(root, name) for name in parts}
    return {paths[name]: part for name, part in parts.items() if not is_there(paths[name])}


def is_there(path: Path) -> bool:
    """Whether there is a file, or a folder that is not empty."""
    return path.is_file() or (path.is_dir() and any(path.iterdir()))


def _parts(bundle: Path) -> dict[str, str]:
    """Folder or table of Kaggle's -> the zip file in a zip file that holds it, or "" without one.

    Of a file that is no zip file, nothing.
    """
    parts: dict[str, str] = {}
    try:
        with zipfile.ZipFile(bundle) as opened:
            names = [PurePosixPath(name) for name in opened.namelist()]
    except (*DAMAGE_ERRORS, OSError):
        return {}
    for path in names:
        if match := ARCHIVE_NAME.fullmatch(path.name):
            parts[match[1].lower()] = str(path)
        elif path.name.lower() in TABLES:
            parts.setdefault(path.name.lower(), "")
        for folder in path.parts[:-1]:
            if folder.lower() in FOLDERS:
                parts.setdefault(folder.lower(), "")
    return parts


def _unpack_part(bundle: Path, nested: str, target: Path) -> None:
    """Unpack what a zip file holds of `target`, itself or in a zip file inside it."""
    with _naming_damage(bundle), zipfile.ZipFile(bundle) as opened:
        if not nested:
            _unpack(bundle, opened, target)
            return
        info = opened.getinfo(nested)
        if not _is_plain(info):
            raise _bad_member(bundle, info)
        with opened.open(info) as file, zipfile.ZipFile(file) as inner:
            _unpack(Path(nested), inner, target, bundle)


def unpack(archive: Path, target: Path) -> None:
    """Unpack a zip file into the folder (or, for a table, the file) `target`, all of it or nothing.

    Files go to a hidden folder beside `target` that is renamed at the end; a second call after an
    interruption goes on with what is missing.

    Raises:
        BadData, BenchError: as `unpack_all`; nothing is written outside the hidden folder.
    """
    with _naming_damage(archive), zipfile.ZipFile(archive) as opened:
        _unpack(archive, opened, target)


def _unpack(
    archive: Path, opened: zipfile.ZipFile, target: Path, bundle: Path | None = None
) -> None:
    """Unpack an opened zip file, which may lie in another, the `bundle`."""
    partial, file = target.with_name(f".{target.name}.unpacking"), bundle or archive
    members = _members(archive, opened, target.name.lower(), file)
    _check_space(file, sum(info.file_size for info in members.values()))
    for name, info in track(members.items(), f"unpacking {archive.name}", len(members)):
        _extract(opened, info, partial / name)
    os.sync()
    with writing(target):
        if target.name.lower() in TABLES:
            (partial / target.name.lower()).replace(target)
            shutil.rmtree(partial)
        else:
            partial.replace(target)


@contextmanager
def _naming_damage(archive: Path) -> Iterator[None]:
    try:
        yield
    except DAMAGE_ERRORS as error:
        raise BadData(f"{archive}: {_what_is_wrong(archive, error)}; {AGAIN}") from error
    except OSError as error:
        raise BenchError(f"{archive}: cannot be unpacked: {reason(error, archive)}") from error


def _members(
    archive: Path, opened: zipfile.ZipFile, name: str, file: Path
) -> dict[str, zipfile.ZipInfo]:
    """File name in the target -> member, without folders and the hidden files of macOS.

    Args:
        archive: the path of the zip file, which may be a path in the zip file `file`.

    Photographs and masks lie flat in their folder, however deep an archive holds them.

    Raises:
        BadData: a member would land outside the target or is no plain file, or there are more
            members or bytes than Kaggle's archives hold.
    """
    listed = opened.infolist()
    size = sum(info.file_size for info in listed)
    if len(listed) > MAX_FILES or size > MAX_GROWTH * file.stat().st_size:
        raise BadData(
            f"{file}: {len(listed)} files of {size / 1e9:.1f} GB in all, which is no archive "
            f"of Kaggle's; {AGAIN}"
        )
    paths = {
        info: path
        for info in listed
        if not info.is_dir() and (path := PurePosixPath(info.filename)).parts[:1] != ("__MACOSX",)
    }
    folders = {info: {part.lower() for part in path.parts[:-1]} for info, path in paths.items()}
    whole = _is_named(archive) and not any(name in inside for inside in folders.values())
    members: dict[str, zipfile.ZipInfo] = {}
    for info, path in paths.items():
        if not _is_plain(info):
            raise _bad_member(file, info)
        if path.name.startswith("."):
            continue
        flat = path.name.lower() if name in TABLES else path.name
        if not (whole or name in folders[info] or flat == name):
            continue  # of another folder or table
        if flat in members:
            raise _bad_member(file, info)
        members[flat] = info
    if not members or (name in TABLES and set(members) != {name}):
        raise BadData(f"{file}: does not hold {name}; {AGAIN}")
    return members


def _is_named(archive: Path) -> bool:
    """Whether all of an archive belongs to what it is called."""
    return bool(ARCHIVE_NAME.fullmatch(archive.name))


def _bad_member(archive: Path, info: zipfile.ZipInfo) -> BadData:
    return BadData(f"{archive}: unsafe or doubled member {info.filename!r}; {AGAIN}")


def _is_plain(info: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(info.filename)
    kind = stat.S_IFMT(info.external_attr >> 16)
    return (
        not path.is_absolute()
        and ".." not in path.parts
        and "\\" not in info.filename
        and ":" not in info.filename
        and kind in (0, stat.S_IFREG)
        and not info.flag_bits & ENCRYPTED
    )


def _check_space(archive: Path, needed_bytes: int) -> None:
    free = free_bytes(archive)
    if needed_bytes > free:
        raise BenchError(
            f"{archive}: needs {readable(needed_bytes)} unpacked, {readable(free)} are free; make "
            "space, then run again"
        )


def _extract(opened: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> None:
    if path.is_file() and isal_zlib.crc32(path.read_bytes()) == info.CRC:
        return  # by an earlier call that was interrupted
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.part")
    with opened.open(info) as packed, partial.open("wb") as file:
        shutil.copyfileobj(packed, file)  # checks the CRC and the size at its end
    partial.replace(path)


def _what_is_wrong(archive: Path, error: Exception) -> str:
    with archive.open("rb") as file:
        start = file.read(512).lstrip().lower()
    if start.startswith((b"<!doctype", b"<html")):
        return "a web page saved as a zip file, likely a login page"
    return f"damaged or cut short ({error})"
