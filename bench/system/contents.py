"""SHA-256 of files' contents, remembered while the size, the times and the inode of a file stay.

Reads  any files. Writes `<folder>/contents.sqlite`, which may be removed at any time.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

from bench.system.errors import BadFile
from bench.system.files import SQLITE_DAMAGE, sha256, sqlite_name
from bench.system.progress import track
from bench.system.threads import prefetch

RESTED_S = 3.0  # file systems' clocks tick coarsely: two changes in one tick look like one
DAMAGE = (sqlite3.Error, ValueError, TypeError)  # damage can break texts and types, too
MANY = 500  # files to read from which on progress is shown

TABLE = (
    "CREATE TABLE IF NOT EXISTS files (folder BLOB, name BLOB, state TEXT, sha256 TEXT, "
    "checksum INTEGER, PRIMARY KEY (folder, name)) WITHOUT ROWID"
)
KNOWN = "SELECT name, state, sha256, checksum FROM files WHERE folder = ?"
REMEMBER = "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)"


@dataclass(frozen=True)
class Seen:
    """What a file looked like from outside when its content was hashed, and the hash."""

    state: str
    sha256: str


@dataclass(frozen=True)
class Contents:
    """The contents of files, remembered in a folder that all runs beside it share.

    A folder that cannot be written to, or a memory that is damaged, costs time and nothing else.

    Args:
        folder: where hashes are remembered.
        jobs: threads that read files.
    """

    folder: Path
    jobs: int = 1
    _loaded: dict[bytes, dict[bytes, Seen]] = field(default_factory=dict, compare=False, repr=False)

    def of(self, paths: Iterable[Path]) -> dict[Path, str]:
        """Return the SHA-256 of each file's bytes, in hexadecimal.

        Only files that are new, or whose size, times or inode have changed, are read.

        Raises:
            BadData: a file cannot be read.
        """
        states = {path: _state(path) for path in paths}
        known = self._known(states)
        unread = [path for path in states if path not in known or known[path].state != states[path]]
        seen = known | self._read(unread, states)
        return {path: seen[path].sha256 for path in states}

    def verify(self, paths: Iterable[Path]) -> list[Path]:
        """Read every file again; return those whose bytes changed while nothing else of them did.

        A failing disk does that, or somebody who sets times.

        Raises:
            BadData: a file cannot be read.
        """
        states = {path: _state(path) for path in paths}
        known = self._known(states)
        seen = self._read(list(states), states)
        return [
            path
            for path, before in known.items()
            if before.state == seen[path].state and before.sha256 != seen[path].sha256
        ]

    def _read(self, paths: list[Path], states: Mapping[Path, str]) -> dict[Path, Seen]:
        hashes = prefetch(_sha256, paths, self.jobs)
        shown = track(hashes, "hash files", len(paths)) if len(paths) >= MANY else hashes
        seen = {path: Seen(states[path], digest) for path, digest in zip(paths, shown, strict=True)}
        self._remember({path: each for path, each in seen.items() if _has_rested(path)})
        return seen

    def _known(self, paths: Iterable[Path]) -> dict[Path, Seen]:
        """Return what is remembered of some files."""
        by_key = {_key(path): path for path in paths}
        for folder in {folder for folder, _ in by_key} - self._loaded.keys():
            self._loaded[folder] = self._load(folder)
        return {
            path: self._loaded[folder][name]
            for (folder, name), path in by_key.items()
            if name in self._loaded[folder]
        }

    def _load(self, folder: bytes) -> dict[bytes, Seen]:
        """Read what is remembered of the files in a folder; a run asks again and again."""
        known: dict[bytes, Seen] = {}

        def load(connection: sqlite3.Connection) -> None:
            for name, state, digest, checksum in connection.execute(KNOWN, (folder,)):
                if checksum == _checksum(folder, name, state, digest):
                    known[name] = Seen(state, digest)

        self._with_memory(load)
        return known

    def _remember(self, seen: Mapping[Path, Seen]) -> None:
        if not seen:
            return
        rows = []
        for path, each in seen.items():
            folder, name = _key(path)
            self._loaded.setdefault(folder, {})[name] = each
            checksum = _checksum(folder, name, each.state, each.sha256)
            rows.append((folder, name, each.state, each.sha256, checksum))
        self._with_memory(lambda connection: connection.executemany(REMEMBER, rows))

    def _with_memory(self, work: Callable[[sqlite3.Connection], object]) -> None:
        """Do some work with the memory, if it can be; a damaged one is begun anew."""
        path = self.folder / "contents.sqlite"
        with suppress(*DAMAGE, OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                _work_with(path, work)
            except DAMAGE as error:
                if sqlite_name(error) not in SQLITE_DAMAGE:
                    raise
                path.unlink()
                _work_with(path, work)


def _work_with(path: Path, work: Callable[[sqlite3.Connection], object]) -> None:
    with closing(sqlite3.connect(path, timeout=10)) as connection, connection:
        connection.execute(TABLE)
        work(connection)


def _state(path: Path) -> str:
    """Return what can be seen of a file without reading it.

    The time of its last change of any kind is among it, since that one cannot be set.
    """
    try:
        stat = os.stat(path)  # noqa: PTH116 (a hundred thousand times)
    except OSError as error:
        raise _unreadable(path, error) from error
    return f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_ino}"


def _has_rested(path: Path) -> bool:
    """Whether a file was left alone for so long that its next change shows in its times."""
    return abs(time.time() - path.stat().st_ctime) > RESTED_S


def _sha256(path: Path) -> str:
    try:
        return sha256(path)
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> BadFile:
    return BadFile(path, f"cannot be read ({error.strerror})", "put it back")


def _key(path: Path) -> tuple[bytes, bytes]:
    return os.fsencode(path.parent.absolute()), os.fsencode(path.name)


def _checksum(folder: bytes, name: bytes, state: object, digest: object) -> int:
    """Return the checksum of a row; damage can make a number or bytes of a text."""
    return crc32(b"\0".join([folder, name, f"{state}\0{digest}".encode()]))
