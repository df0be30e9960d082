"""Stores that appear whole: after an error, a kill, a full disk and a wake-up from the dead."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.masks import publishing
from bench.masks.damage import aside
from bench.masks.parts import map_files, open_maps, part_path
from bench.masks.publishing import published, written_store
from bench.masks.store import MapStore
from bench.system import disk
from bench.system.claims import Taken, attempt
from bench.system.errors import BenchError
from tests.stores import MADE_BY, filled, noise


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "shared").mkdir()
    return tmp_path / "shared" / "maps-test.part-001-of-002.sqlite"


@pytest.fixture(params=["in its folder", "on scratch", "for a network"])
def scratch(request, tmp_path, monkeypatch):
    """Where a store is written: beside its place, or on a disk that is named, or has to be."""
    if request.param == "in its folder":
        return None
    monkeypatch.setattr(publishing, "RESERVE_BYTES", 10_000)
    if request.param == "on scratch":
        return tmp_path / "scratch"
    shared = tmp_path / "shared"
    monkeypatch.setattr(
        disk, "file_system", lambda path: "nfs4" if shared in (path, *path.parents) else "ext4"
    )
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("bench.system.temporaries.gettempdir", lambda: str(tmp_path / "temporary"))
    return None


def ids(path: Path) -> list[str]:
    with MapStore.open(path) as store:
        return store.ids()


def content(path: Path) -> str:
    with MapStore.open(path) as store:
        return store.content


def only_file(path: Path) -> bool:
    """Whether nothing is left beside a store, nor in any folder of temporary ones."""
    root = path.parent.parent
    return [each for each in root.rglob("*") if each.is_file()] == [path]


def test_a_store_appears_whole_and_goes_on_with_what_is_there(path, scratch, tmp_path):
    with published(path, MADE_BY, scratch) as store:
        store.write("car_00", noise(0))
        assert not path.exists()
        if scratch:
            assert scratch in store.path.parents
    assert only_file(path) and ids(path) == ["car_00"]
    before = path.stat().st_ino
    with published(path, MADE_BY, scratch) as store:
        assert store.ids() == ["car_00"]
        store.write("car_01", noise(1))
        assert ids(path) == ["car_00"]
    assert path.stat().st_ino != before and only_file(path)
    assert content(path) == content(filled(tmp_path / "other.sqlite", 2))
    assert path.read_bytes()[18:20] == b"\1\1"  # the header says: no write-ahead log


def test_a_store_of_another_maker_is_replaced_and_read_until_then(path, scratch):
    filled(path, 2, fold=1)
    with published(path, MADE_BY, scratch) as store:
        assert store.ids() == []
        store.write("x", noise(0))
        assert ids(path) == ["car_00", "car_01"]
    assert ids(path) == ["x"] and only_file(path)


def test_a_store_whose_log_a_reader_keeps_is_taken_over_and_replaced_whole(path, scratch):
    with MapStore.create(path, MADE_BY) as written:
        written.write("car_00", noise(0))
        reader = MapStore.open(path)
        assert reader.ids() == ["car_00"]
        written.write("car_01", noise(1))
    with published(path, MADE_BY, scratch) as store:
        assert store.ids() == ["car_00", "car_01"]
        store.write("car_02", noise(2))
    assert only_file(path) and ids(path) == ["car_00", "car_01", "car_02"]
    reader.close()
    assert only_file(path) and ids(path) == ["car_00", "car_01", "car_02"]


@pytest.mark.parametrize("error", [BenchError("of no use"), KeyboardInterrupt()])
def test_what_was_written_before_an_error_is_kept(path, scratch, error):
    with pytest.raises(type(error)), published(path, MADE_BY, scratch) as store:
        store.write("x", noise(0))
        raise error
    assert ids(path) == ["x"] and only_file(path)


@pytest.mark.parametrize("seen", [True, False])
def test_a_damaged_store_gives_its_sound_maps_back(path, scratch, seen):
    os.truncate(filled(path, 20), 70_000)
    if seen:
        with pytest.raises(BenchError, match="predict again"), MapStore.open(path) as store:
            store.read("car_19")
        assert aside(path).exists()
    with published(path, MADE_BY, scratch) as store:
        assert 0 < len(store.ids()) < 20
    assert only_file(path)


def test_a_full_disk_is_named_with_a_cure_and_what_was_written_is_kept(path, scratch):
    with pytest.raises(BenchError) as failed, published(path, MADE_BY, scratch) as store:
        store.write("x", noise(0))
        store._database.rows("PRAGMA max_page_count = 10")
        for number in range(100):
            store.write(f"{number}", noise(number))
    said = str(failed.value)
    assert said.startswith(f"{store.path}: cannot be written: no space left")
    far = store.path.parent.parent != path.parent
    assert ("or name a folder on a larger disk by --scratch DIR" in said) == far
    assert "x" in ids(path) and only_file(path)


def test_a_disk_too_small_to_begin_leaves_the_store_as_it_is(path, scratch, monkeypatch):
    before = filled(path, 3).read_bytes()

    def full(database, target):
        target.write_bytes(before[:5000])
        raise OSError(disk.errno.ENOSPC, "no space", str(target))

    monkeypatch.setattr(publishing.Database, "copy_to", full)
    with pytest.raises(BenchError, match="no space left"), published(path, MADE_BY, scratch):
        pytest.fail("begun")
    assert path.read_bytes() == before


def test_a_thawed_attempt_cannot_put_its_store_over_that_of_a_later_one(path, scratch):
    with pytest.raises(Taken, match="a later attempt"), published(path, MADE_BY, scratch) as old:
        old.write("x", noise(0))
        with published(path, MADE_BY, scratch) as new:
            for name in ("x", "y"):
                new.write(name, noise(1))
        old.write("z", noise(2))
    assert ids(path) == ["x", "y"]
    with MapStore.open(path) as store:
        np.testing.assert_array_equal(store.read("x"), noise(1))
    assert only_file(path)


KILLED = """
import signal, sys, threading
from pathlib import Path
import numpy as np
from bench.masks import publishing
from bench.system import disk
from tests.stores import MADE_BY, noise
path, scratch, where = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
def stop(*_):
    print("here", flush=True)
    threading.Event().wait()
if where == "publishing":
    publishing.sync = stop
with publishing.published(path, MADE_BY, scratch if scratch.name else None) as store:
    for number in range(20):
        store.write(f"car_{number:02d}", noise(number))
    if where == "writing":
        stop()
"""


@pytest.mark.parametrize("where", ["writing", "publishing"])
@pytest.mark.parametrize("far", [False, True])
def test_a_killed_attempt_leaves_no_torn_store_and_its_work_where_it_can(
    path, tmp_path, where, far
):
    scratch = tmp_path / "scratch" if far else None
    command = [sys.executable, "-c", KILLED, str(path), str(scratch or ""), where]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout and writer.stdout.readline() == "here\n"
        writer.send_signal(signal.SIGKILL)
    assert map_files(path.with_name("maps-test.sqlite")) == []
    with published(path, MADE_BY, scratch) as store:
        assert len(store.ids()) == (0 if far and where == "writing" else 20)
        for number in range(20):
            store.write(f"car_{number:02d}", noise(number))
    assert content(path) == content(filled(tmp_path / "other.sqlite", 20))
    (tmp_path / "other.sqlite").unlink()
    assert only_file(path)


def test_a_pass_over_all_takes_what_killed_and_damaged_parts_have_left(path):
    whole = path.with_name("maps-test.sqlite")
    with attempt(whole.parent, path.stem) as folder:
        killed = filled(folder / "left.sqlite", 3)
        live = part_path(whole, 2, 2)
        with published(live, MADE_BY, None) as other:
            other.write("other", noise(0))
            with written_store(whole, MADE_BY, None) as store:
                assert store.ids() == ["car_00", "car_01", "car_02"]
        assert not killed.exists()
        folder.mkdir()
    with open_maps(whole) as maps:
        assert maps.ids() == ["car_00", "car_01", "car_02", "other"]


def test_written_in_its_place_where_that_is_safe(path, monkeypatch):
    with written_store(path, MADE_BY, None) as store:
        assert store.path == path
    monkeypatch.setattr(disk, "file_system", lambda path: "nfs")
    with written_store(path, MADE_BY, None) as store:
        assert store.path != path
