"""The map store: probability maps of one model in one SQLite file that survives a crash.

A row of the table `maps` is an image id, height, width, the packed map (see frames.py) and a
checksum over all of them; the table `made_by` says what made the maps. What is done is what is in
it: `ids()`. One process writes; any number read meanwhile, from any number of threads.
"""

import fcntl
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
from isal import isal_zlib

from bench.masks.packing import Map, pack, unpack
from bench.system.errors import BadData, BenchError, Missing

APPLICATION = 0x63617276  # "carv" in SQLite's header: whose file it is
TABLES = (
    "CREATE TABLE made_by (key TEXT PRIMARY KEY, value TEXT)",
    "CREATE TABLE maps (image TEXT PRIMARY KEY, height INTEGER, width INTEGER, "
    "checksum INTEGER, frame BLOB)",
    f"PRAGMA application_id = {APPLICATION}",
)
REMOVE = "remove the file and predict again"
CURES = {
    "SQLITE_NOTADB": (BadData, f"not a map store; {REMOVE}"),
    "SQLITE_CORRUPT": (BadData, f"damaged; {REMOVE}"),
    "SQLITE_FULL": (BenchError, "no space left; free some and run again: stored maps are kept"),
    "SQLITE_IOERR": (BenchError, "the disk failed; check it and run again: stored maps are kept"),
    "SQLITE_BUSY": (BenchError, "another process changes it; let it end, then run again"),
    "SQLITE_READONLY": (BenchError, "it may not be written to; give write access"),
    "SQLITE_CANTOPEN": (BenchError, "it cannot be opened; give access to the file and its folder"),
}


class MapStore:
    """Probability maps, uint8 (H, W), by image id. Made by `create` or `open`; close it."""

    def __init__(self, path: Path, *, writable: bool) -> None:
        self.path = path
        self._threads = threading.local()  # a connection is not shared between threads
        self._connections: list[sqlite3.Connection] = []
        self._changing = threading.Lock()
        self._claim = _claim(path) if writable else None

    @classmethod
    def create(cls, path: Path, made_by: dict[str, Any]) -> Self:
        """A store to write to: a new one, or the one that is there if the same made it.

        Args:
            made_by: what decides the maps (recipe, weights, size, ...), as JSON can hold it.

        Raises:
            BenchError: another process writes it, or something else made the maps in it.
            BadData: the file is damaged or no map store.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        store = cls(path, writable=True)
        with store._closing_on_error(), _explained(path):
            connection = store._connection()
            if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                _make_tables(connection, made_by)
            store._check_kind()
            # readers go on while one writes, and a writer that is killed loses no written map
            connection.execute("PRAGMA journal_mode = WAL")
            store._check_maker(made_by)
        return store

    @classmethod
    def open(cls, path: Path) -> Self:
        """A store to read from.

        Raises:
            Missing: there is no such file.
            BadData: the file is damaged or no map store.
        """
        if not path.is_file():
            raise Missing(f"{path}: no such map store; predict first")
        store = cls(path, writable=False)
        with store._closing_on_error(), _explained(path):
            store._check_kind()
        return store

    def write(self, image_id: str, map: Map) -> None:
        """Store a map, in place of an earlier one; once this returns, a crash cannot lose it.

        Raises:
            TypeError: the map is not uint8 (H, W).
            BenchError: the disk is full or fails; maps written before are kept.
        """
        if map.dtype != np.uint8 or map.ndim != 2:
            raise TypeError(f"a map is uint8 (height, width), this one {map.dtype} {map.shape}")
        height, width = map.shape
        frame = pack(map)
        row = (image_id, height, width, checksum_of(image_id, height, width, frame), frame)
        with self._changing, _explained(self.path):
            self._connections[0].execute("INSERT OR REPLACE INTO maps VALUES (?, ?, ?, ?, ?)", row)

    def read(self, image_id: str) -> Map:
        """The map of an image, uint8 (H, W).

        Raises:
            BadData: there is no such map, or it is damaged.
        """
        return unpack(*self._stored(image_id))

    def look(self, image_id: str) -> Map:
        """As `read`, but this thread's next look at this store writes over what it gave.

        For those who need a map once: asking the system for new memory for each would take longer
        than all they do with it.
        """
        frame, height, width = self._stored(image_id)
        room: Map | None = getattr(self._threads, "room", None)
        if room is None or room.shape != (height, width):
            room = self._threads.room = np.empty((height, width), np.uint8)
        return unpack(frame, height, width, room)

    def _stored(self, image_id: str) -> tuple[bytes, int, int]:
        """The bytes of a map, its height and its width."""
        query = "SELECT height, width, checksum, frame FROM maps WHERE image = ?"
        with _explained(self.path):
            row = self._connection().execute(query, (image_id,)).fetchone()
        if row is None:
            raise BadData(
                f"{self.path}: no map of {image_id}; predict again to add what is missing"
            )
        height, width, checksum, frame = row
        if not isinstance(frame, bytes) or checksum != checksum_of(image_id, height, width, frame):
            raise BadData(f"{self.path}: the map of {image_id} is damaged; {REMOVE}")
        return frame, height, width

    def frame_bytes(self, image_id: str) -> int:
        """The length of a stored map."""
        query = "SELECT length(frame) FROM maps WHERE image = ?"
        with _explained(self.path):
            return int(self._connection().execute(query, (image_id,)).fetchone()[0])

    def ids(self) -> list[str]:
        """The images that have a map, sorted."""
        with _explained(self.path):
            return [
                row[0] for row in self._connection().execute("SELECT image FROM maps ORDER BY 1")
            ]

    @property
    def made_by(self) -> dict[str, Any]:
        """What made the maps."""
        with _explained(self.path):
            rows = self._connection().execute("SELECT key, value FROM made_by")
            return {key: json.loads(value) for key, value in rows}

    def close(self) -> None:
        """Leave one file on disk; a second call does nothing."""
        while len(self._connections) > 1:
            self._connections.pop().close()
        for last in self._connections:
            if self._claim:
                last.execute("PRAGMA busy_timeout = 0")
                with suppress(sqlite3.OperationalError):  # a reader is there: it will tidy up
                    last.execute("PRAGMA journal_mode = DELETE")
            last.close()
        self._connections.clear()
        if self._claim:
            Path(self._claim.name).unlink()
            self._claim.close()
            self._claim = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _connection(self) -> sqlite3.Connection:
        """This thread's connection to the file."""
        if not hasattr(self._threads, "connection"):
            mode = "rwc" if self._claim else "rw"
            connection = sqlite3.connect(
                f"{self.path.resolve().as_uri()}?mode={mode}",
                uri=True,
                timeout=30,
                isolation_level=None,
                check_same_thread=False,  # any thread may close it
            )
            connection.execute("PRAGMA synchronous = NORMAL")
            self._connections.append(connection)
            self._threads.connection = connection
        found: sqlite3.Connection = self._threads.connection
        return found

    def _check_kind(self) -> None:
        if self._connection().execute("PRAGMA application_id").fetchone() != (APPLICATION,):
            kind, cure = CURES["SQLITE_NOTADB"]
            raise kind(f"{self.path}: {cure}")

    def _check_maker(self, made_by: dict[str, Any]) -> None:
        stored, wanted = self.made_by, json.loads(json.dumps(made_by))
        differ = [key for key in sorted(stored | wanted) if stored.get(key) != wanted.get(key)]
        if differ:
            changes = ", ".join(
                f"{key} {stored.get(key)} is now {wanted.get(key)}" for key in differ
            )
            raise BenchError(
                f"{self.path}: its maps were made otherwise ({changes}); "
                "remove the file to predict anew"
            )

    @contextmanager
    def _closing_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.close()
            raise


def checksum_of(image_id: str, height: int, width: int, frame: bytes) -> int:
    """What a row of the table `maps` carries to prove itself sound."""
    about = isal_zlib.crc32(f"{image_id} {height} {width}".encode())
    return isal_zlib.crc32(frame, about)  # ten times as fast as zlib's, the same number


def _make_tables(connection: sqlite3.Connection, made_by: dict[str, Any]) -> None:
    rows = [(key, json.dumps(value)) for key, value in made_by.items()]
    with connection:  # all of it or nothing
        connection.execute("BEGIN IMMEDIATE")
        for statement in TABLES:
            connection.execute(statement)
        connection.executemany("INSERT INTO made_by VALUES (?, ?)", rows)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """SQLite's errors as ours: which file, what is wrong, what to do."""
    try:
        yield
    except sqlite3.ProgrammingError:  # our mistake, not the file's
        raise
    except (sqlite3.Error, ValueError, TypeError) as error:  # damage can break texts and types
        name = "_".join(getattr(error, "sqlite_errorname", "").split("_")[:2])
        kind, cure = CURES.get(name, CURES["SQLITE_CORRUPT"])
        raise kind(f"{path}: {error}: {cure}") from error


def _claim(path: Path) -> IO[str]:
    """The right to write `path`, as long as the returned file is open; a dead process loses it."""
    try:
        file = path.with_name(f".{path.name}.lock").open("w", encoding="ascii")
    except OSError as error:
        raise BenchError(
            f"{path}: cannot be written: {error}; give access or free space"
        ) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise BenchError(
            f"{path}: another process is writing this map store; wait for it or stop it"
        ) from None
    return file
