"""Temporary files and folders, held by a lock for as long as their process lives.

A process that is killed leaves its temporary files. The system ends its locks, though: a temporary
file that nobody holds belongs to nobody. The next process that writes into that folder removes it.
"""

import fcntl
import hashlib
import os
import platform
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from tempfile import gettempdir, mkdtemp

from bench.system.disk import below, check_writable, make_folder, readable, writing
from bench.system.errors import BadConfig
from bench.system.progress import say

MACHINE = hashlib.sha256(platform.node().encode()).hexdigest()[:8]
NAME = re.compile(r"\..*\.carvana-([0-9a-f]{8})\.\w+\.tmp|\..+\.(?:sqlite\.lock|claim)")
MAX_NAME_BYTES = 200  # of a name to which ours is added; file systems allow 255
DAY_S = 86_400
TOLD_BYTES = 10**6  # smaller ones are removed without a word


def temporary_path(path: Path) -> Path:
    """A hidden path beside `path`, which names this machine and this process."""
    name = os.fsencode(path.name)[:MAX_NAME_BYTES].decode(errors="ignore")
    return path.with_name(f".{name}.carvana-{MACHINE}.{os.getpid()}.tmp")


@contextmanager
def temporary_folder(name: str, parent: Path | None = None) -> Iterator[Path]:
    """Give an empty folder, which goes when the block ends.

    Args:
        name: what the folder is for, as "speed".
        parent: the folder around it; None: where the system keeps temporary ones.

    Raises:
        BenchError: the disk is full, or nothing may be made there.
    """
    parent = parent or Path(gettempdir())
    make_folder(parent)
    remove_left(parent)
    with writing(parent):
        folder, held = _held_folder(name, parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def _held_folder(name: str, parent: Path) -> tuple[Path, int]:
    """Make a folder and hold it; another one, if a process took it for left before it was held."""
    while True:
        folder = Path(mkdtemp(".tmp", f".{name}.carvana-{MACHINE}.", parent))
        with suppress(FileNotFoundError):
            return folder, hold(folder, os.O_RDONLY | os.O_DIRECTORY)


@contextmanager
def filled_at_once(folder: Path, last: str = "") -> Iterator[Path]:
    """Give an empty folder whose content moves into `folder` when the block ends without an error.

    What is called the same there is replaced. Until then `folder` is as it was before.

    Args:
        last: the name of what is moved last: while it is not there, the rest is incomplete.

    Raises:
        BenchError: as `temporary_folder`.
    """
    was_there = folder.exists()
    try:
        with temporary_folder("new", folder) as new:
            yield new
            with writing(folder):
                _move(new, folder, last)
    except BaseException:
        if not was_there:
            with suppress(OSError):
                folder.rmdir()
        raise


def _move(source: Path, target: Path, last: str) -> None:
    if last:
        (target / last).unlink(missing_ok=True)
    for path in sorted(source.iterdir(), key=lambda path: path.name == last):
        there = target / path.name
        if there.is_dir() and not there.is_symlink():
            shutil.rmtree(there)
        path.replace(there)


def check_new_folder(out: Path) -> None:
    """Refuse a folder for results that holds something already, or cannot be one.

    Raises:
        BadConfig: it holds something; or as `check_writable`.
        DiskFails: as `check_writable`.
    """
    check_writable(out)
    if holds_anything(out):
        raise BadConfig(f"{out}: not empty; name a new folder with --out")


def holds_anything(folder: Path) -> bool:
    """Whether a folder is there and holds more than what dead processes left."""
    remove_left(folder)
    return folder.is_dir() and any(folder.iterdir())


@contextmanager
def holding(path: Path) -> Iterator[None]:
    """Hold the lock of a file inside the block; wait for another thread that has it."""
    held = hold(path)
    try:
        yield
    finally:
        os.close(held)


def hold(path: Path, how: int = os.O_RDWR | os.O_CREAT) -> int:
    """Open a file (a new one, if there is none), and lock it until it is closed.

    Where the file system has no locks, nothing is locked and nothing is ever taken for left.

    Args:
        how: it is opened, by the flags of `os.open`; a folder needs others.

    Returns:
        The descriptor to close.
    """
    while True:
        held = os.open(path, how, 0o666)
        try:
            with suppress(OSError):
                fcntl.flock(held, fcntl.LOCK_EX)
            if is_at(held, path):
                return held
        except BaseException:
            os.close(held)
            raise
        os.close(held)  # the one who held it has renamed or removed it


def is_at(held: int, path: Path) -> bool:
    """Whether the file of a descriptor is still the one at this path."""
    try:
        return os.path.samestat(os.fstat(held), path.stat())
    except FileNotFoundError:
        return False


@cache
def remove_left(folder: Path) -> None:
    """Remove what dead processes left in a folder; look for it once in this process."""
    with suppress(OSError):
        for path in folder.iterdir():
            name = NAME.fullmatch(path.name)
            if name:
                with suppress(OSError):  # held, or gone meanwhile
                    _remove_unheld(path, machine=name[1])


def _remove_unheld(path: Path, machine: str | None) -> None:
    """Remove a file or folder, unless another process holds it.

    This machine may not see the locks of another: what may be its has to be a day old.

    Raises:
        OSError: it is held, is gone, or may not be removed.
    """
    held = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        old = time.time() - path.stat().st_mtime > DAY_S
        if is_at(held, path) and (machine == MACHINE or old):
            size_bytes = sum(file.stat().st_size for file in (path, *below(path)))
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            if size_bytes > TOLD_BYTES:
                say(f"{path}: {readable(size_bytes)} that a killed process left are removed")
    finally:
        os.close(held)
