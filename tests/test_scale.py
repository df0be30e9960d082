"""Stores whose rows refer to a few maps are read like any other."""

import zlib

import numpy as np
import pytest

from bench.errors import BadData
from bench.maps import MapStore, checksum_of
from bench.speed.scale import _names, refer


def test_a_store_by_reference_is_read_like_any_other(tmp_path):
    maps = [np.random.default_rng(seed).integers(0, 256, (7, 9), np.uint8) for seed in range(3)]
    ids = [f"car_{number:02d}" for number in range(8)]
    refer(tmp_path / "store.sqlite", ids, maps)
    with MapStore.open(tmp_path / "store.sqlite") as store:
        assert store.ids() == ids
        for place, image in enumerate(ids):
            np.testing.assert_array_equal(store.read(image), maps[place % 3])
        with pytest.raises(BadData, match="no map of car_99"):
            store.read("car_99")


def test_checksums_are_those_of_stores_written_before():
    assert checksum_of("a_01", 2, 3, b"frame") == zlib.crc32(b"a_01 2 3frame")


def test_names_are_the_competition_s_as_far_as_they_go(tiny_carvana):
    names = _names(tiny_carvana, 20)
    assert names[0] == "000000007e57_01.jpg"
    assert len(set(names)) == len(names) == 20
