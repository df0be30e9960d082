"""Maps in several stores: read as one, whatever lies where, and without many open files."""

import math
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.masks.damage import aside
from bench.masks.database import DamagedStore
from bench.masks.parts import find_maps, map_files, open_maps, part_path
from bench.masks.store import MapStore
from bench.system.errors import BadData, Missing
from bench.system.threads import prefetch
from tests.stores import MADE_BY, filled, noise

PLACES = [None, (1, 2), (2, 2), (1, 3), (3, 3)]  # the whole store, and parts of two and of three


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "maps-test.sqlite"


def file_of(path, place):
    return part_path(path, *place) if place else path


def written(path, maps):
    """A store of maps: image -> seed of the map."""
    with MapStore.create(path, MADE_BY) as store:
        for image, seed in maps.items():
            store.write(image, noise(seed, (4, 6)), made_from=f"from {seed}", seconds=seed / 7)
    return path


IMAGES = st.sampled_from([f"car_{number:02d}" for number in range(12)])
LYING = st.dictionaries(
    IMAGES, st.dictionaries(st.sampled_from(PLACES), st.integers(0, 99), min_size=1), min_size=1
)  # image -> where a map of it lies -> the seed of that map


@given(lying=LYING)
def test_whole_and_parts_read_as_one_store(tmp_path_factory, lying):
    folder = tmp_path_factory.mktemp("maps")
    by_name = [None, *sorted(PLACES[1:], key=lambda place: file_of(folder / "m.sqlite", place))]
    for place in {place for places in lying.values() for place in places}:
        here = {image: places[place] for image, places in lying.items() if place in places}
        written(file_of(folder / "m.sqlite", place), here)
    winners = {
        image: next(places[place] for place in by_name if place in places)
        for image, places in lying.items()
    }
    with (
        open_maps(written(folder / "one.sqlite", winners)) as one,
        open_maps(folder / "m.sqlite") as maps,
    ):
        assert maps.ids() == one.ids()
        assert maps.made_by == one.made_by
        assert maps.made_from() == one.made_from()
        assert maps.checksums() == one.checksums()
        assert maps.content == one.content
        assert math.isclose(maps.seconds_per_map, one.seconds_per_map)
        for image in one.ids():
            np.testing.assert_array_equal(maps.read(image), one.read(image))
            np.testing.assert_array_equal(maps.borrow(image), one.read(image))


def test_a_map_of_before_origins_is_told_no_origin_of_another_store(path):
    written(part_path(path, 1, 2), {"x": 1, "y": 2})
    written(path, {"x": 3})
    with MapStore.create(path, MADE_BY) as store:
        store._database.rows("DROP TABLE origins")
    with open_maps(path) as maps:
        assert maps.made_from() == {"y": "from 2"}
        assert maps.seconds_per_map == 2 / 7
        np.testing.assert_array_equal(maps.read("x"), noise(3, (4, 6)))


def test_only_parts_of_this_store_are_read(path):
    folder = path.parent
    for name in ("maps-heldout", "maps-test-2", "maps-test.part-1", "maps-test.part-001-of-x"):
        written(folder / f"{name}.sqlite", {"other": 1})
    part = written(part_path(path, 1, 2), {"x": 1})
    written(aside(part_path(path, 2, 2)), {"other": 1})
    (folder / "maps-test.part-002-of-002.attempt-7").mkdir()
    assert map_files(path) == [part]
    with open_maps(path) as maps:
        assert maps.ids() == ["x"] and maps.files == [part]
    written(path, {"y": 1})
    assert map_files(path) == [path, part]


def test_a_hundred_parts_take_as_many_open_files_as_one_store(path):
    images = [f"car_{number:03d}" for number in range(300)]
    for index in range(1, 101):
        written(part_path(path, index, 100), dict.fromkeys(images[index - 1 :: 100], index))
    opened, most = Path("/proc/self/fd"), 0
    before = len(list(opened.iterdir()))
    with open_maps(path) as maps:
        for map in prefetch(maps.read, images * 2, jobs=4):
            assert map.shape == (4, 6)
            most = max(most, len(list(opened.iterdir())))
    assert most <= before + 4 + 1  # the threads', and that of this one
    assert len(list(opened.iterdir())) == before


def test_what_is_not_there_is_said(path):
    with pytest.raises(Missing, match=r"maps-test.sqlite: no such map store.*predict first"):
        open_maps(path)
    with find_maps(path) as maps:
        assert maps.ids() == maps.files == [] and maps.makers == {}
    for index in (1, 2):
        written(part_path(path, index, 2), {"x": 1})
    with open_maps(path) as maps, pytest.raises(BadData, match=r"maps-test.sqlite: no map of y;"):
        maps.read("y")


def test_a_part_that_is_only_begun_is_left_out(path):
    part_path(path, 1, 2).touch()
    with pytest.raises(Missing):
        open_maps(path)
    written(part_path(path, 2, 2), {"x": 1})
    with open_maps(path) as maps:
        assert maps.ids() == ["x"]


def test_a_damaged_part_is_named_and_moved_aside_and_the_others_stay(path):
    first, second = (filled(part_path(path, index, 2), 9) for index in (1, 2))
    os.truncate(second, 150)
    with pytest.raises(DamagedStore, match=r"part-002-of-002.sqlite: damaged .*predict again"):
        open_maps(path)
    assert map_files(path) == [first] and aside(second).exists()
    os.truncate(first, 60)
    with find_maps(path) as maps:
        assert maps.files == []
    assert aside(first).exists()


def test_a_damaged_map_names_its_part_which_gives_its_sound_maps_back(path):
    written(part_path(path, 1, 2), {"x": 1})
    part = written(part_path(path, 2, 2), {"y": 1, "z": 2})
    with MapStore.create(part, MADE_BY) as store:
        store._database.rows("UPDATE maps SET height = 5 WHERE image = 'y'")
    with open_maps(path) as maps:
        np.testing.assert_array_equal(maps.borrow("x"), noise(1, (4, 6)))
        with pytest.raises(DamagedStore, match=r"part-002-of-002.sqlite: the map of y is damaged"):
            maps.borrow("y")
    assert not part.exists()
    with MapStore.create(part, MADE_BY) as store:
        assert store.ids() == ["z"]


def test_maps_of_two_makers_are_told_apart_and_never_read_as_one(path):
    whole = filled(path, 2)
    part = filled(part_path(path, 1, 2), 3, fold=1)
    with pytest.raises(BadData, match=r"part-001-of-002.sqlite: its maps are of other weights"):
        open_maps(path)
    with find_maps(path) as maps:
        assert maps.makers == {whole: MADE_BY, part: MADE_BY | {"fold": 1}}
        assert maps.only(MADE_BY).ids() == ["car_00", "car_01"]
        assert maps.only(MADE_BY | {"fold": 1}).files == [part]
        assert maps.only({}).ids() == []
