"""The map store: exact, crash-safe, and clear about what is wrong with it."""

import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays

from bench.masks.database import CONTENT
from bench.masks.store import MapStore
from bench.system.errors import BadData, BenchError, Missing
from tests.stores import MADE_BY, SHAPE, filled, noise


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "maps-heldout.sqlite"


@pytest.mark.slow
@given(map=arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=50)))
def test_a_map_comes_back_as_it_was(tmp_path_factory, map):
    with MapStore.create(tmp_path_factory.mktemp("maps") / "maps.sqlite", {}) as store:
        store.write("x", map)
        np.testing.assert_array_equal(store.read("x"), map)
        np.testing.assert_array_equal(store.borrow("x"), map)


def test_a_borrowed_map_is_good_until_its_thread_borrows_again(path):
    first, second, wide = np.zeros(SHAPE, np.uint8), np.full(SHAPE, 255, np.uint8), noise(0, (9, 7))
    with MapStore.create(path, {}) as store:
        for name, map in {"first": first, "second": second, "wide": wide}.items():
            store.write(name, map)
        kept, borrowed = store.read("first"), store.borrow("first")
        other = threading.Thread(target=store.borrow, args=("second",))
        other.start()
        other.join()
        np.testing.assert_array_equal(borrowed, first)
        for name, map in {"second": second, "wide": wide, "first": first}.items():
            np.testing.assert_array_equal(store.borrow(name), map)
        np.testing.assert_array_equal(kept, first)
        assert np.shares_memory(store.borrow("first"), store.borrow("second"))


def test_a_slice_of_a_larger_array_is_stored_exactly(path):
    with MapStore.create(path, {}) as store:
        store.write("x", noise(0)[::2, 5:])
        np.testing.assert_array_equal(store.read("x"), noise(0)[::2, 5:])


@pytest.mark.parametrize(
    "map", [noise(0).astype(np.float32), noise(0) > 128, noise(0)[0]], ids=["float", "bool", "row"]
)
def test_only_uint8_maps_are_stored(path, map):
    with MapStore.create(path, {}) as store, pytest.raises(TypeError, match="uint8"):
        store.write("x", map)


def test_a_store_is_reopened_where_it_was_left(path):
    filled(path, 3)
    with MapStore.create(path, MADE_BY) as store:
        store.write("car_00", noise(99))  # a second writing takes the place of the first
        store.write("a", noise(7))
    with MapStore.open(path) as store:
        assert store.ids() == ["a", "car_00", "car_01", "car_02"]
        assert store.made_by == MADE_BY
        np.testing.assert_array_equal(store.read("car_00"), noise(99))
    assert list(path.parent.iterdir()) == [path]


def test_maps_of_another_recipe_are_not_mixed_in(path):
    filled(path, 1)
    with pytest.raises(BenchError, match=r"fold 0 is now 1.*remove the file"):
        MapStore.create(path, MADE_BY | {"fold": 1})
    assert list(path.parent.iterdir()) == [path]


def test_equal_stores_have_equal_content_and_any_change_another(path, tmp_path):
    def content(store: Path) -> str:
        with MapStore.open(store) as maps:
            return maps.content

    first = content(filled(path, 3))
    with MapStore.create(tmp_path / "backwards.sqlite", MADE_BY) as store:
        for number in (2, 0, 1):
            store.write(f"car_{number:02d}", noise(number))
        assert store.content == first
    assert len({first, content(filled(tmp_path / "other.sqlite", 3, fold=1))}) == 2
    with MapStore.create(path, MADE_BY) as store:
        store.write("car_00", noise(99))
        changed = store.content
        store.write("car_00", noise(0))
        assert store.content == first != changed


def test_a_store_of_before_the_index_has_the_same_content_and_is_given_the_index(path):
    with MapStore.create(path, MADE_BY) as store:
        store.write("x", noise(0))
        content = store.content
        store._database.rows("DROP INDEX content")
    with MapStore.open(path) as store:
        assert store.content == content
    with MapStore.create(path, MADE_BY) as store:
        assert store.content == content
        plan = store._database.rows(f"EXPLAIN QUERY PLAN {CONTENT}")
        assert "COVERING INDEX content" in plan[0][-1]


def test_what_is_not_there_is_said(path):
    with pytest.raises(Missing, match="predict first"):
        MapStore.open(path)
    filled(path, 1)
    with MapStore.open(path) as store, pytest.raises(BadData, match="no map of car_09"):
        store.read("car_09")


def test_a_second_writer_is_refused_and_the_first_goes_on(path):
    with MapStore.create(path, MADE_BY) as store:
        with pytest.raises(BenchError, match="in use: process"):
            MapStore.create(path, MADE_BY)
        store.write("x", noise(0))
    assert filled(path, 1).exists()


def test_others_read_while_one_writes(path):
    with MapStore.create(path, MADE_BY) as writer, MapStore.open(path) as reader:
        writer.write("x", noise(0))
        np.testing.assert_array_equal(reader.read("x"), noise(0))
        writer.close()
        np.testing.assert_array_equal(reader.read("x"), noise(0))
    assert list(path.parent.iterdir()) == [path]


def test_many_threads_read_and_write_one_store(path):
    wrong: list[int] = []

    def work(start: int) -> None:
        for number in range(start, start + 10):
            store.write(f"{number}", noise(number))
            if not np.array_equal(store.read(f"{number}"), noise(number)):
                wrong.append(number)

    with MapStore.create(path, MADE_BY) as store:
        threads = [threading.Thread(target=work, args=(10 * k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(store.ids()) == 40 and not wrong
    assert list(path.parent.iterdir()) == [path]


def test_writing_threads_share_one_connection(path):
    opened = Path("/proc/self/fd")
    with MapStore.create(path, MADE_BY) as store:
        before = len(list(opened.iterdir()))
        for number in range(8):
            thread = threading.Thread(target=store.write, args=(f"{number}", noise(number)))
            thread.start()
            thread.join()
        assert len(list(opened.iterdir())) <= before + 1  # not two files for every thread
        assert len(store.ids()) == 8


WRITER = """
import sys
import numpy as np
from pathlib import Path
from bench.masks.database import CONTENT
from bench.masks.store import MapStore
store = MapStore.create(Path(sys.argv[1]), {"recipe": "vgg16", "size": [1280, 1918], "fold": 0})
for number in range(10_000):
    map = np.random.default_rng(number).integers(0, 256, (40, 60), dtype=np.uint8)
    store.write(f"car_{number:02d}", map)
    print(number, flush=True)
"""


def test_a_killed_writer_loses_no_written_map(path):
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            if int(line) == 40:
                writer.send_signal(signal.SIGKILL)
                break
        last = [40, *map(int, writer.stdout.read().split())][-1]
    with MapStore.create(path, MADE_BY) as store:
        assert len(store.ids()) in (last + 1, last + 2)  # one may be written and not yet printed
        for image_id in store.ids():
            np.testing.assert_array_equal(store.read(image_id), noise(int(image_id[4:])))
        store.write("resumed", noise(0))
    assert list(path.parent.iterdir()) == [path]


LIMITED = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (250_000, 250_000))\n"


def test_a_full_disk_keeps_the_maps_that_were_written(path):
    code = LIMITED + WRITER
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert f"DiskFails: {path}: " in done.stderr and "stored maps are kept" in done.stderr
    with MapStore.create(path, MADE_BY) as store:
        assert len(store.ids()) == len(done.stdout.split()) > 5
        np.testing.assert_array_equal(store.read("car_05"), noise(5))


def test_a_full_database_is_a_full_disk(path):
    with MapStore.create(path, MADE_BY) as store:
        store._database.rows("PRAGMA max_page_count = 10")
        with pytest.raises(BenchError, match=r"maps-heldout.*no space left"):
            for number in range(100):
                store.write(f"{number}", noise(number))
        assert store.ids()


def test_a_store_on_a_read_only_folder_is_read(path):
    filled(path, 2)
    path.chmod(0o444)
    path.parent.chmod(0o555)
    try:
        with MapStore.open(path) as store:
            np.testing.assert_array_equal(store.read("car_01"), noise(1))
    finally:
        path.parent.chmod(0o755)


def test_a_copied_store_is_whole(path, tmp_path):
    shutil.copy(filled(path, 3), tmp_path / "copy.sqlite")
    with MapStore.open(tmp_path / "copy.sqlite") as store:
        assert len(store.ids()) == 3
