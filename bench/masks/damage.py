"""Damaged map stores: moved aside where the damage is found; their sound maps are taken back.

Nothing is written into a damaged file. It waits beside its place, as `<name>.damaged`, for the next
process that writes this store: that one takes the maps whose checksum is right, and removes it.
"""

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from bench.masks.database import ORIGIN, ROW, DamagedStore, Origin, Row, is_sound
from bench.system.claims import claim_of, claimed
from bench.system.contents import DAMAGE
from bench.system.errors import BenchError

BESIDE = ("-wal", "-shm", "-journal")  # what SQLite adds to the name of a database
PARTS = ("", *BESIDE)


def aside(path: Path) -> Path:
    """Where a damaged map store waits."""
    return path.with_name(f"{path.name}.damaged")


def put_aside(path: Path) -> None:
    """Move the files of a damaged map store out of its place, if it is still there.

    Raises:
        OSError: the folder cannot be written to.
    """
    if not path.exists():
        return
    remove(aside(path))
    for part in PARTS:
        with suppress(FileNotFoundError):
            Path(f"{path}{part}").rename(f"{aside(path)}{part}")


@contextmanager
def moving_if_damaged(path: Path, opened: os.stat_result | None) -> Iterator[None]:
    """Move a store out of its place if it turns out to be damaged inside the block.

    It stays where the folder cannot be written to, and where another process writes the store.

    Args:
        opened: which file a reader has opened; None: the writer's own.
    """
    try:
        yield
    except DamagedStore:
        with suppress(OSError, BenchError):
            _move_aside(path, opened)
        raise


def _move_aside(path: Path, opened: os.stat_result | None) -> None:
    if not opened:
        put_aside(path)
        return
    with claimed(claim_of(path), path):
        if os.path.samestat(opened, path.stat()):  # and no new one
            put_aside(path)


def remove(path: Path) -> None:
    """Remove the files of a map store."""
    for part in PARTS:
        Path(f"{path}{part}").unlink(missing_ok=True)


def sound_rows(path: Path, made_by: dict[str, Any]) -> Iterator[tuple[Row, Origin]]:
    """The sound maps of a damaged store, as far as it can be read, and where they come from.

    None is taken from a store that something else made, or that does not say where they come from.
    """
    uri = f"{path.resolve().as_uri()}?mode=rw"
    with suppress(*DAMAGE), closing(sqlite3.connect(uri, uri=True)) as database:
        database.execute("PRAGMA writable_schema = ON")  # also reads what was cut short
        rows = database.execute("SELECT key, value FROM made_by")
        if {key: json.loads(value) for key, value in rows} != made_by:
            return
        for image in _images(database):
            with suppress(sqlite3.Error):
                row = database.execute(f"{ROW} WHERE image = ?", (image,)).fetchone()
                origin = database.execute(f"{ORIGIN} WHERE image = ?", (image,)).fetchone()
                if row and origin and is_sound(row):
                    yield row, origin


def _images(database: sqlite3.Connection) -> list[str]:
    """The names of the images, up to the first place that cannot be read."""
    images: list[str] = []
    with suppress(sqlite3.Error):
        images.extend(image for (image,) in database.execute("SELECT image FROM maps"))
    return images
