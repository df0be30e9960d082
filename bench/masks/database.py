"""The SQLite file of a map store: its tables, a connection for each thread, errors with a cure."""

import errno
import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from isal import isal_zlib

from bench.system.contents import DAMAGE
from bench.system.disk import DiskFails, failed, free_bytes, is_network
from bench.system.errors import BadData
from bench.system.files import SQLITE_DAMAGE, sqlite_name

APPLICATION = 0x63617276  # "carv" in SQLite's header: whose file it is
MAGIC = b"SQLite format 3\0"  # begins a database of SQLite
HEADER_BYTES = 72  # of its header: up to the end of the application's number
SCHEMA = (
    "CREATE TABLE made_by (key TEXT PRIMARY KEY, value TEXT)",
    "CREATE TABLE maps (image TEXT PRIMARY KEY, height INTEGER, width INTEGER, "
    "checksum INTEGER, frame BLOB)",
    f"PRAGMA application_id = {APPLICATION}",
)
ORIGINS = (
    "CREATE TABLE IF NOT EXISTS origins (image TEXT PRIMARY KEY, made_from TEXT, seconds REAL)"
)
Row = tuple[str, int, int, int, bytes]  # image id, height, width, checksum, packed map
ROW = "SELECT image, height, width, checksum, frame FROM maps"
INSERT = "INSERT OR REPLACE INTO maps VALUES (?, ?, ?, ?, ?)"
Origin = tuple[str, str, float | None]  # image id, hash of what its map was made from, seconds
ORIGIN = "SELECT image, made_from, seconds FROM origins"
INSERT_ORIGIN = "INSERT OR REPLACE INTO origins VALUES (?, ?, ?)"
FORGET = "DELETE FROM maps WHERE image = ?"
FORGET_ORIGIN = "DELETE FROM origins WHERE image = ?"
INDEX = "CREATE INDEX IF NOT EXISTS content ON maps (image, height, width, checksum)"
ContentRow = tuple[str, int, int, int]  # image id, height, width, checksum
CONTENT = "SELECT image, height, width, checksum FROM maps ORDER BY image"  # the index answers it
INDEXED = "SELECT image, height, width, checksum FROM maps WHERE image BETWEEN ? AND ?"  # too
UNCHANGING = "mode=ro&immutable=1"  # reads without a lock or another file
NOT_OURS = "not a map store; move it elsewhere, or remove the file and predict again"
AGAIN = "predict again: only what is damaged is made anew"
KEPT = "run the same command again: stored maps are kept"
CURES = {
    "SQLITE_IOERR": f"its disk failed, or a quota or limit (ulimit -f) ended it; check and {KEPT}",
    "SQLITE_BUSY": "another process changes it; let it end, then run again",
    "SQLITE_READONLY": "it may not be written to; give write access",
    "SQLITE_CANTOPEN": "it cannot be opened; give write access to it and its folder, or copy both",
}
FULL_BYTES = 10**6  # with less free space, a failure of the disk is that of a full one


class DamagedStore(BadData):
    """A map store, or a map in it, is damaged; predicting again makes anew what is."""


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
        if self.has_tables():
            return
        lines = [(key, json.dumps(value)) for key, value in made_by.items()]
        connection = self._connection()
        with explained(self._path), connection:  # all of it or nothing
            connection.execute("BEGIN IMMEDIATE")
            for statement in SCHEMA:
                connection.execute(statement)
            connection.executemany("INSERT INTO made_by VALUES (?, ?)", lines)

    def has_tables(self) -> bool:
        """Whether anything was stored; a process can be killed before that."""
        return bool(self.rows("SELECT 1 FROM sqlite_master"))

    def check_kind(self) -> None:
        """Raise DamagedStore or BadData unless the file is a map store."""
        if self.rows("PRAGMA application_id") != [(APPLICATION,)]:
            tables = self.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
            if {("made_by",), ("maps",)} <= set(tables):
                raise DamagedStore(f"{self._path}: its header is damaged; {AGAIN}")
            raise BadData(f"{self._path}: {NOT_OURS}")

    def is_indexed(self, row: Row) -> bool:
        """Whether the index, of which a store's content hash is made, says the same as a row."""
        return self.rows(INDEXED, (row[0], row[0])) == [row[:4]]

    def add_what_is_new(self) -> None:
        """Add what earlier versions did not have: where maps come from, and an index.

        From the index all checksums are read without the maps between them; making it takes a
        large store of before it some seconds, once.
        """
        self.write((ORIGINS, ()), (INDEX, ()))

    def write_ahead(self) -> None:
        """Let readers go on while one writes, and lose no written map when the writer is killed.

        Not on a network file system: the log needs memory that all who read and write share.
        """
        self.rows(f"PRAGMA journal_mode = {'DELETE' if is_network(self._path) else 'WAL'}")

    def copy_to(self, target: Path) -> None:
        """Copy all that is stored, in the file and in a log beside it, into a new file.

        Raises:
            DamagedStore: the file is damaged; there is no new one.
            BenchError: a disk is full or fails.
        """
        try:
            with explained(target), closing(sqlite3.connect(target)) as copy:
                self._connection().backup(copy)
        except DamagedStore as error:
            target.unlink(missing_ok=True)
            raise DamagedStore(f"{self._path}: damaged ({error.__cause__}); {AGAIN}") from error

    def rest(self) -> None:
        """Close this thread's connection; its next call opens another one."""
        connection: sqlite3.Connection | None = getattr(self._thread, "connection", None)
        if connection is not None:
            del self._thread.connection
            self._connections.remove(connection)
            with explained(self._path):
                connection.close()

    def close(self) -> None:
        """Close all connections; a database that was written to is then one file on disk.

        Raises:
            BenchError: the disk fails; stored maps are kept.
        """
        with explained(self._path):
            while len(self._connections) > 1:
                self._connections.pop().close()
            while self._connections:
                last = self._connections.pop()
                if self._writable:
                    with suppress(sqlite3.Error):  # a reader, or the next writer, will tidy up
                        last.execute("PRAGMA busy_timeout = 0")
                        last.execute("PRAGMA journal_mode = DELETE")
                last.close()

    def _connection(self) -> sqlite3.Connection:
        """This thread's connection."""
        connection: sqlite3.Connection | None = getattr(self._thread, "connection", None)
        if connection is None:
            connection = self._connect()
            self._connections.append(connection)
            self._thread.connection = connection
        return connection

    def _connect(self) -> sqlite3.Connection:
        """A new connection.

        One to read writes nothing on a network file system, nor where nothing can be written.
        Elsewhere even reading makes a file beside a store whose writer was killed.
        """
        if self._writable:
            return _connected(self._path, "mode=rwc")
        unfinished = self._path.with_name(f"{self._path.name}-wal")
        whole = not (unfinished.exists() and unfinished.stat().st_size)  # or it holds maps, too
        try:
            shared = whole and is_network(self._path)
            return _connected(self._path, UNCHANGING if shared else "mode=rw")
        except sqlite3.OperationalError as error:
            if not self._path.exists():
                raise DamagedStore(f"{self._path}: another thread moved it; {AGAIN}") from error
            if not whole:
                raise
            return _connected(self._path, UNCHANGING)


def _connected(path: Path, mode: str) -> sqlite3.Connection:
    """A connection that has been tried out.

    Raises:
        sqlite3.Error: there is no database, or it cannot be read in this mode.
    """
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?{mode}",
        uri=True,
        timeout=30,
        isolation_level=None,
        check_same_thread=False,  # any thread may close it
    )
    try:
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("SELECT 1 FROM sqlite_master")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into BenchErrors: which file, what is wrong, what to do."""
    try:
        yield
    except sqlite3.ProgrammingError:  # our mistake, not the file's
        raise
    except DAMAGE as error:
        name = sqlite_name(error)
        if name in ("SQLITE_IOERR", "SQLITE_CANTOPEN") and free_bytes(path) < FULL_BYTES:
            name = "SQLITE_FULL"
        if name == "SQLITE_FULL":
            raise failed(path, OSError(errno.ENOSPC, str(error))) from error
        if name not in SQLITE_DAMAGE:
            raise DiskFails(path, f"{error}: {CURES.get(name, KEPT)}") from error
        if not is_ours(path):
            raise BadData(f"{path}: {NOT_OURS}") from error
        raise DamagedStore(f"{path}: damaged ({error}); {AGAIN}") from error


def is_ours(path: Path) -> bool:
    """Whether the header of a file is that of a map store, or what a crash leaves of one.

    A store that was only begun is cut short; one that lost its blocks to a power failure is zeros.
    One that another thread has moved aside was ours.
    """
    header = b""
    with suppress(FileNotFoundError), open(path, "rb") as file:
        header = file.read(HEADER_BYTES)
    cut = len(header) < HEADER_BYTES and header[: len(MAGIC)] == MAGIC[: len(header)]
    return cut or not any(header) or header.endswith(APPLICATION.to_bytes(4))


def checksum_of(image_id: str, height: int, width: int, frame: bytes) -> int:
    """The CRC-32 of an image's row in the table `maps`."""
    start = isal_zlib.crc32(f"{image_id} {height} {width}".encode())
    return isal_zlib.crc32(frame, start)  # ten times as fast as zlib's, the same number


def is_sound(row: Row) -> bool:
    """Whether the checksum of a row of the table `maps` is right."""
    image, height, width, checksum, frame = row
    return isinstance(frame, bytes) and checksum == checksum_of(image, height, width, frame)


def content_of(made_by: dict[str, Any], rows: Iterable[ContentRow]) -> str:
    """The hexadecimal SHA-256 of what made maps and of the maps' rows, sorted by image."""
    lines = [json.dumps(made_by, sort_keys=True)]
    lines += ["{} {} {} {}".format(*row) for row in rows]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
