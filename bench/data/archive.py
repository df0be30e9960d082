"""Kaggle's zip files, unpacked once and safely beside themselves.

Reads  `train.zip`, `train_masks.csv.zip`, ... in a data folder.
Writes  `train/`, `train_masks.csv`, ... beside them.
"""

import os
import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from bench.system.errors import BadData, BenchError
from bench.system.progress import track

FOLDERS = ("train", "train_hq", "train_masks", "test", "test_hq")
TABLES = ("train_masks.csv", "metadata.csv", "sample_submission.csv")
MAX_FILES = 200_000  # of an archive; the largest, test_hq.zip, holds 100,064 photographs
MAX_GROWTH = 100  # unpacked bytes / packed; pictures do not grow, tables about ten times
ENCRYPTED = 0x1  # bit of a member's flags


def unpack_all(root: Path) -> list[Path]:
    """Unpack Kaggle's zip files in `root` unless their content is there; return the new paths.

    Raises:
        BadData: a file is no zip file, is damaged, or holds what no file of Kaggle's does.
        BenchError: not enough space on the disk.
    """
    targets = [root / name for name in (*FOLDERS, *TABLES)]
    packed = [target for target in targets if _archive(target).is_file() and not target.exists()]
    for target in packed:
        unpack(_archive(target), target)
    return packed


def _archive(target: Path) -> Path:
    return target.with_name(f"{target.name}.zip")


def unpack(archive: Path, target: Path) -> None:
    """Unpack a zip file into the folder (or, for a table, the file) `target`, all of it or nothing.

    Files go to a hidden folder beside `target` that is renamed at the end; a second call after an
    interruption goes on with what is missing.

    Raises:
        BadData, BenchError: as `unpack_all`; nothing is written outside the hidden folder.
    """
    partial = target.with_name(f".{target.name}.unpacking")
    try:
        with zipfile.ZipFile(archive) as opened:
            members = _members(archive, opened, target.name)
            _check_space(archive, sum(info.file_size for info in members.values()))
            for name, info in track(members.items(), f"unpacking {archive.name}", len(members)):
                _extract(opened, info, partial / name)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        raise BadData(f"{archive}: {_what_is_wrong(archive, error)}; download it again") from error
    except OSError as error:
        raise BenchError(f"{archive}: cannot be unpacked: {error}; then run again") from error
    os.sync()
    if target.name in TABLES:
        (partial / target.name).replace(target)
        shutil.rmtree(partial)
    else:
        partial.replace(target)


def _members(
    archive: Path, opened: zipfile.ZipFile, name: str
) -> dict[PurePosixPath, zipfile.ZipInfo]:
    """Path below the target -> member, without folders and the metadata files of macOS.

    Raises:
        BadData: a member would land outside the target or is no plain file, or there are more
            members or bytes than Kaggle's archives hold.
    """
    listed = opened.infolist()
    size = sum(info.file_size for info in listed)
    if len(listed) > MAX_FILES or size > MAX_GROWTH * archive.stat().st_size:
        raise BadData(
            f"{archive}: {len(listed)} files of {size / 1e9:.1f} GB in all, which is no archive "
            "of Kaggle's; download it again"
        )
    members: dict[PurePosixPath, zipfile.ZipInfo] = {}
    for info in listed:
        path = PurePosixPath(info.filename)
        if info.is_dir() or path.parts[:1] == ("__MACOSX",):
            continue
        in_folder = len(path.parts) > 1 and path.parts[0] == name
        inside = path.relative_to(name) if in_folder else path
        if not _is_plain(info) or inside in members:
            raise BadData(
                f"{archive}: unsafe or doubled member {info.filename!r}; download it again"
            )
        members[inside] = info
    if not members or (name in TABLES and set(members) != {PurePosixPath(name)}):
        raise BadData(f"{archive}: does not hold {name}; download it again")
    return members


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
    free_bytes = shutil.disk_usage(archive.parent).free
    if needed_bytes > free_bytes:
        raise BenchError(
            f"{archive}: needs {needed_bytes / 1e9:.1f} GB unpacked, {free_bytes / 1e9:.1f} GB are "
            "free; make space, then run again"
        )


def _extract(opened: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> None:
    if path.is_file() and path.stat().st_size == info.file_size:
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
