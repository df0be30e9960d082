"""Damaged map stores: found, moved aside, and made again with the maps that are sound."""

import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.masks.damage import aside
from bench.masks.database import ContentRow, DamagedStore
from bench.masks.store import MapStore
from bench.system.errors import BadData, Missing
from tests.stores import MADE_BY, filled, noise


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "maps-heldout.sqlite"


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 64
    path.write_bytes(content)


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def size(path: Path) -> int:
    return path.stat().st_size


DAMAGES = {  # what is done to a store of 20 maps, and how many of them are sound at least
    "empty": (lambda path: os.truncate(path, 0), 0),
    "cut in the first word": (lambda path: os.truncate(path, 5), 0),
    "cut in its header": (lambda path: os.truncate(path, 60), 0),
    "cut after its header": (lambda path: os.truncate(path, 150), 0),
    "cut to half": (lambda path: os.truncate(path, size(path) // 2), 5),
    "cut by a page": (lambda path: os.truncate(path, size(path) - 4096), 15),
    "another first byte": (lambda path: flip(path, 0), 0),
    "another page size": (lambda path: flip(path, 16), 0),
    "another application": (lambda path: flip(path, 70), 20),
    "another schema": (lambda path: change(path, "DROP TABLE made_by"), 0),
    "zeros": (lambda path: path.write_bytes(bytes(9999)), 0),
    "a page of zeros": (
        lambda path: path.write_bytes(
            path.read_bytes()[: 4096 * 8] + bytes(4096) + path.read_bytes()[4096 * 9 :]
        ),
        15,
    ),
    "another map's frame": (
        lambda path: change(
            path, "UPDATE maps SET frame = (SELECT frame FROM maps LIMIT 1) WHERE image > 'car_15'"
        ),
        16,
    ),
    "no frame": (
        lambda path: change(path, "UPDATE maps SET frame = 'x' WHERE image > 'car_18'"),
        19,
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_store_is_made_again_and_keeps_its_sound_maps(path, capsys, damage):
    spoil, sound = DAMAGES[damage]
    spoil(filled(path, 20))
    try:
        with MapStore.open(path) as store:
            assert store.made_by == MADE_BY
            for number in range(20):
                store.read(f"car_{number:02d}")
    except (DamagedStore, Missing) as error:
        assert str(error).startswith(f"{path}: ") and "predict" in str(error)
        assert isinstance(error, DamagedStore) != path.exists()
    else:
        pytest.fail("the damage was not found")
    with MapStore.create(path, MADE_BY) as store:
        kept = store.ids()
        assert 20 >= len(kept) >= sound
        for image in kept:
            np.testing.assert_array_equal(store.read(image), noise(int(image[4:])))
    assert damage == "empty" or f"{len(kept)} sound maps are kept" in capsys.readouterr().err
    assert list(path.parent.iterdir()) == [path]
    assert filled(path, 20)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_store_is_written_again_though_nobody_read_it(path, damage):
    spoil, _ = DAMAGES[damage]
    spoil(filled(path, 20))
    try:
        filled(path, 20)
    except DamagedStore:  # found in the middle of writing
        filled(path, 20)
    with MapStore.open(path) as store:
        for number in range(20):
            np.testing.assert_array_equal(store.read(f"car_{number:02d}"), noise(number))
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.slow
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_found_or_changes_no_map(tmp_path_factory, place, bit):
    path = filled(tmp_path_factory.mktemp("maps") / "maps.sqlite", 3)
    rows = rows_of(path)
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    path.write_bytes(content)
    try:
        with MapStore.open(path) as store:
            for number in range(3):
                np.testing.assert_array_equal(store.read(f"car_{number:02d}"), noise(number))
            assert store.rows() == rows
    except BadData as error:
        assert str(path) in str(error) and "predict again" in str(error)


def test_a_damaged_index_is_found_where_maps_are_read_and_made_again(path):
    filled(path, 3)
    rows, sound = rows_of(path), path.read_bytes()
    for place in used_bytes_of_the_index(path):
        path.write_bytes(sound)
        flip(path, place)
        try:
            with MapStore.open(path) as store:
                for image, *_ in rows:
                    store.read(image)
                assert store.rows() == rows, f"byte {place} is not noticed"
        except DamagedStore:
            filled(path, 0)
        assert rows_of(path) == rows


def rows_of(path: Path) -> list[ContentRow]:
    with MapStore.open(path) as store:
        return store.rows()


def used_bytes_of_the_index(path: Path) -> list[int]:
    """Where the bytes other than 0 of the index's only page are."""
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'content'"
        ((page,),) = connection.execute(query)
    content = path.read_bytes()
    return [byte for byte in range(4096 * (page - 1), 4096 * page) if content[byte]]


def test_a_damaged_map_is_named_and_a_store_of_another_maker_gives_none_back(path):
    filled(path, 3)
    change(path, "UPDATE maps SET height = 41 WHERE image = 'car_01'")
    with MapStore.open(path) as store:
        np.testing.assert_array_equal(store.read("car_00"), noise(0))
        with pytest.raises(DamagedStore, match=r"the map of car_01 is damaged; predict again"):
            store.read("car_01")
        np.testing.assert_array_equal(store.read("car_02"), noise(2))
    assert aside(path).exists() and not path.exists()
    with MapStore.create(path, MADE_BY | {"fold": 1}) as store:
        assert not store.ids()
    assert not aside(path).exists()


@pytest.mark.parametrize("value", [None, 7, b"{"])
def test_a_damaged_store_that_does_not_say_its_maker_gives_none_back(path, value):
    filled(path, 3)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE made_by SET value = ?", (value,))
    path.rename(aside(path))
    with MapStore.create(path, MADE_BY) as store:
        assert store.ids() == []


def test_a_reader_of_a_damaged_store_moves_no_new_one(path):
    filled(path, 3)
    change(path, "UPDATE maps SET height = 41")
    with MapStore.open(path) as one, MapStore.open(path) as other:
        for store, left in ((one, False), (other, True)):
            with pytest.raises(DamagedStore):
                store.read("car_00")
            assert path.exists() == left
            filled(path, 3)
    assert not aside(path).exists()


def test_threads_that_meet_one_damage_all_say_so(path):
    os.truncate(filled(path, 3), 8192)
    found: list[DamagedStore] = []

    def read(store: MapStore) -> None:
        try:
            store.ids()
        except DamagedStore as error:
            found.append(error)

    stores = [MapStore(path, writable=False) for _ in range(8)]
    threads = [threading.Thread(target=read, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for store in stores:
        store.close()
    assert len(found) == 8 and aside(path).exists()


def test_a_damaged_store_stays_while_another_process_writes_it(path):
    filled(path, 3)
    change(path, "UPDATE maps SET height = 41")
    with MapStore.create(path, MADE_BY), MapStore.open(path) as store:
        with pytest.raises(DamagedStore):
            store.read("car_00")
        assert path.exists()


def _page(path: Path) -> None:
    path.write_text("<html>Sign in</html>" * 100)


def _other_database(path: Path) -> None:
    change(path, "CREATE TABLE something (a)")


@pytest.mark.parametrize("other", [_page, _other_database])
def test_a_file_that_is_no_map_store_is_refused_and_left(path, other):
    other(path)
    before = path.read_bytes()
    for door in (MapStore.open, lambda path: MapStore.create(path, MADE_BY)):
        with pytest.raises(BadData, match=r"maps-heldout.*not a map store; move it elsewhere"):
            door(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
