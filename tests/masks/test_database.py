"""The database of a map store."""

import shutil
import sqlite3
import zlib
from contextlib import closing, suppress

import pytest

from bench.masks.database import Database, checksum_of
from bench.masks.store import MapStore
from bench.system.errors import BenchError
from tests.stores import MADE_BY, filled, noise


def test_checksums_are_those_of_stores_written_before():
    assert checksum_of("a_01", 2, 3, b"frame") == zlib.crc32(b"a_01 2 3frame")


def test_a_store_is_read_where_nothing_can_be_written(tmp_path):
    path = filled(tmp_path / "maps.sqlite", 3)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")  # reading it makes two files
    (tmp_path / "maps.sqlite-shm").symlink_to("/nowhere/shm")
    with MapStore.open(path) as store:
        assert len(store.ids()) == 3
        assert store.read("car_02").shape


def test_maps_that_cannot_be_read_from_a_read_only_disk_are_said(tmp_path):
    path, killed = tmp_path / "open.sqlite", tmp_path / "maps.sqlite"
    with MapStore.create(path, MADE_BY) as store:
        store.write("x", noise(0))
        for end in ("", "-wal"):
            shutil.copy(f"{path}{end}", f"{killed}{end}")
    (tmp_path / "maps.sqlite-shm").symlink_to("/nowhere/shm")
    with pytest.raises(BenchError, match=r"maps\.sqlite.*give write access to it and its folder"):
        MapStore.open(killed)


def test_what_a_killed_writer_leaves_before_its_first_map_is_an_empty_store(tmp_path):
    path = tmp_path / "maps.sqlite"
    for name in ("maps.sqlite", "maps.sqlite-journal", ".maps.sqlite.claim"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "maps.sqlite-wal").write_bytes(b"left of a store that was removed" * 200)
    with MapStore.create(path, MADE_BY) as store:
        assert not store.ids()
    assert list(tmp_path.iterdir()) == [path]


class Failing(sqlite3.Connection):
    """A connection whose disk fails when it is closed."""

    def close(self) -> None:
        super().close()
        raise sqlite3.OperationalError("disk I/O error")


def test_a_disk_that_fails_when_a_store_is_closed_is_said(tmp_path):
    database = Database(tmp_path / "maps.sqlite", writable=True)
    database._connections.append(sqlite3.connect(tmp_path / "maps.sqlite", factory=Failing))
    with pytest.raises(BenchError, match=r"maps\.sqlite: .*disk I/O error"):
        database.close()
    with suppress(BenchError):
        database.close()
