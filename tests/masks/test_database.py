"""The database of a map store."""

import shutil
import sqlite3
import zlib
from contextlib import closing, suppress

import numpy as np
import pytest

from bench.masks.database import DamagedStore, Database, checksum_of
from bench.masks.parts import open_maps
from bench.masks.store import MapStore
from bench.system import disk
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


@pytest.fixture
def network(monkeypatch):
    """Every file lies on a network file system."""
    monkeypatch.setattr(disk, "file_system", lambda path: "nfs4")


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_reading_on_a_network_file_system_makes_no_file_and_takes_no_lock(tmp_path, network, mode):
    path = filled(tmp_path / "maps.sqlite", 3)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as other,
        closing(sqlite3.connect(path, isolation_level=None)),
    ):
        if mode == "DELETE":
            other.execute("BEGIN EXCLUSIVE")
        with open_maps(path) as maps:
            np.testing.assert_array_equal(maps.read("car_02"), noise(2))
            assert list(tmp_path.glob("maps.sqlite?*")) == []


def test_what_an_earlier_version_left_in_a_log_on_a_network_file_system_is_read(tmp_path, network):
    path, killed = tmp_path / "open.sqlite", tmp_path / "maps.sqlite"
    with closing(sqlite3.connect(filled(path, 1), isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("UPDATE maps SET image = 'x'")
        for end in ("", "-wal"):
            shutil.copy(f"{path}{end}", f"{killed}{end}")
    with MapStore.open(killed) as store:
        assert store.ids() == ["x"]
    assert list(tmp_path.glob("maps.sqlite?*")) == []


def test_no_log_is_ever_written_on_a_network_file_system(tmp_path, network):
    with MapStore.create(tmp_path / "maps.sqlite", MADE_BY) as store:
        store.write("x", noise(0))
        assert list(tmp_path.glob("maps.sqlite?*")) == []
        assert store._database.rows("PRAGMA journal_mode") == [("delete",)]


def test_a_store_that_goes_while_it_is_read_is_said(tmp_path):
    path = filled(tmp_path / "maps.sqlite", 1)
    with MapStore.open(path) as store:
        store.rest()
        path.unlink()
        with pytest.raises(DamagedStore, match="predict again"):
            store.ids()
    assert list(tmp_path.iterdir()) == []
