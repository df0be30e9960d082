"""The SQLite file of a map store: its tables, a connection for each thread, errors with a cure."""

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from isal import isal_zlib

from bench.system.errors import BadData, BenchError

APPLICATION = 0x63617276  # "carv" in SQLite's header: whose file it is
SCHEMA = (
    "CREATE TABLE made_by (key TEXT PRIMARY KEY, value TEXT)",
    "CREATE TABLE maps (image TEXT PRIMARY KEY, height INTEGER, width INTEGER, "
    "checksum INTEGER, frame BLOB)",
    f"PRAGMA application_id = {APPLICATION}",
)
ORIGINS = (
    "CREATE TABLE IF NOT EXISTS origins (image TEXT PRIMARY KEY, made_from TEXT, seconds REAL)"
)
INDEX = "CREATE INDEX IF NOT EXISTS content ON maps (image, height, width, checksum)"
CONTENT = "SELECT image, height, width, checksum FROM maps ORDER BY image"  # the index answers it
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


class Database:
    """A SQLite file, to which every reading thread has a connection; writers share the first one.

    All methods raise BenchError or BadData with the file's name and what to do.
    """

    def __init__(self, path: Path, *, writable: bool) -> None:
        self._path = path
        self._writable = writable
        self._thread = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._writing = threading.Lock()

    def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """All rows that answer a query, read by this thread's connection."""
        with explained(self._path):
            return self._connection().execute(query, values).fetchall()

    def write(self, *statements: tuple[str, Sequence[object]]) -> None:
        """Execute statements that change the file, all or none; one thread at a time does."""
        connection = self._connections[0]
        with self._writing, explained(self._path), connection:
            connection.execute("BEGIN IMMEDIATE")
            for statement, values in statements:
                connection.execute(statement, values)

    def make_tables(self, made_by: dict[str, Any]) -> None:
        """Turn a new, empty file into a map store without maps; leave any other file as it is."""
        if self.rows("SELECT 1 FROM sqlite_master"):
            return
        lines = [(key, json.dumps(value)) for key, value in made_by.items()]
        connection = self._connection()
        with explained(self._path), connection:  # all of it or nothing
            connection.execute("BEGIN IMMEDIATE")
            for statement in SCHEMA:
                connection.execute(statement)
            connection.executemany("INSERT INTO made_by VALUES (?, ?)", lines)

    def check_kind(self) -> None:
        """Raise BadData unless the file is a map store."""
        if self.rows("PRAGMA application_id") != [(APPLICATION,)]:
            kind, cure = CURES["SQLITE_NOTADB"]
            raise kind(f"{self._path}: {cure}")

    def add_what_is_new(self) -> None:
        """Add what earlier versions did not have: where maps come from, and an index.

        From the index all checksums are read without the maps between them; making it takes a
        large store of before it some seconds, once.
        """
        self.write((ORIGINS, ()), (INDEX, ()))

    def write_ahead(self) -> None:
        """Let readers go on while one writes, and lose no written map when the writer is killed."""
        self.rows("PRAGMA journal_mode = WAL")

    def close(self) -> None:
        """Close all connections; a database that was written to is then one file on disk."""
        while len(self._connections) > 1:
            self._connections.pop().close()
        for last in self._connections:
            if self._writable:
                last.execute("PRAGMA busy_timeout = 0")
                with suppress(sqlite3.OperationalError):  # a reader is there: it will tidy up
                    last.execute("PRAGMA journal_mode = DELETE")
            last.close()
        self._connections.clear()

    def _connection(self) -> sqlite3.Connection:
        """This thread's connection."""
        connection: sqlite3.Connection | None = getattr(self._thread, "connection", None)
        if connection is None:
            mode = "rwc" if self._writable else "rw"
            connection = sqlite3.connect(
                f"{self._path.resolve().as_uri()}?mode={mode}",
                uri=True,
                timeout=30,
                isolation_level=None,
                check_same_thread=False,  # any thread may close it
            )
            connection.execute("PRAGMA synchronous = NORMAL")
            self._connections.append(connection)
            self._thread.connection = connection
        return connection


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into BenchErrors: which file, what is wrong, what to do."""
    try:
        yield
    except sqlite3.ProgrammingError:  # our mistake, not the file's
        raise
    except (sqlite3.Error, ValueError, TypeError) as error:  # damage can break texts and types
        name = "_".join(getattr(error, "sqlite_errorname", "").split("_")[:2])
        kind, cure = CURES.get(name, CURES["SQLITE_CORRUPT"])
        raise kind(f"{path}: {error}: {cure}") from error


def checksum_of(image_id: str, height: int, width: int, frame: bytes) -> int:
    """The CRC-32 of an image's row in the table `maps`."""
    start = isal_zlib.crc32(f"{image_id} {height} {width}".encode())
    return isal_zlib.crc32(frame, start)  # ten times as fast as zlib's, the same number
