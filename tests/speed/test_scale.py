"""Stores whose rows refer to a few maps are read like any other."""

import numpy as np
import pytest

from bench.cli.verbs import main
from bench.masks.store import MapStore
from bench.speed.scale import _names, write_repeating_store
from bench.system.errors import BadData

pytestmark = pytest.mark.slow


def test_a_store_by_reference_is_read_like_any_other(tmp_path):
    maps = [np.random.default_rng(seed).integers(0, 256, (7, 9), np.uint8) for seed in range(3)]
    ids = [f"car_{number:02d}" for number in range(8)]
    write_repeating_store(tmp_path / "store.sqlite", ids, maps)
    with MapStore.open(tmp_path / "store.sqlite") as store:
        assert store.ids() == ids
        for place, image in enumerate(ids):
            np.testing.assert_array_equal(store.read(image), maps[place % 3])
        with pytest.raises(BadData, match="no map of car_99"):
            store.read("car_99")


def test_names_are_the_competition_s_as_far_as_they_go(tiny_carvana):
    names = _names(tiny_carvana, 20)
    assert names[0] == "000000007e57_01.jpg"
    assert len(set(names)) == len(names) == 20


def test_the_verb_writes_a_table_and_a_drawing(tiny_carvana, tmp_path, capsys):
    words = ["speed", "scale", "--images", "3", "--data", str(tiny_carvana), "--jobs", "2"]
    assert main([*words, "--plot", str(tmp_path / "growth.svg")]) == 0
    table = capsys.readouterr().out.splitlines()
    assert len(table) == 3 and table[2].startswith("| 3 | 5 | 80 | 120 | clean | 2 |")
    assert (tmp_path / "growth.svg").exists()
    with pytest.raises(SystemExit):
        main([*words, "--plot", "growth.pdf"])
