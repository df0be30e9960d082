"""Stores whose rows refer to a few maps are read like any other."""

import zlib

import numpy as np
import pytest

from bench.cli.verbs import main
from bench.masks.database import checksum_of
from bench.masks.store import MapStore
from bench.speed.scale import _names, refer
from bench.speed.scale_report import compared, draw, to_markdown
from bench.system.errors import BadData

pytestmark = pytest.mark.slow


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


def row(images, members, height):
    cost = {"submit_s": images * members / 3, "submit_mib": 200.0, "check_s": 1.0, "check_mib": 90}
    return {"images": images, "members": members, "height": height, "width": 1000, **cost}


ROWS = [
    row(100, 5, 1000),
    row(1000, 1, 1000),
    row(1000, 3, 1000),
    row(1000, 5, 250),
    row(1000, 5, 500),
    row(1000, 5, 1000),
    row(10_000, 5, 1000),
    row(100_064, 5, 1000),
]


def test_growth_compares_rows_that_differ_in_one_thing():
    assert [each["images"] for each in compared(ROWS, "images")] == [100, 1000, 10_000, 100_064]
    assert [each["members"] for each in compared(ROWS, "members")] == [1, 3, 5]
    assert [each["pixels"] for each in compared(ROWS, "pixels")] == [0.25, 0.5, 1]


def test_growth_is_drawn_and_tabled(tmp_path):
    draw(ROWS, tmp_path / "new" / "growth.png")
    assert (tmp_path / "new" / "growth.png").read_bytes().startswith(b"\x89PNG")
    draw(ROWS, tmp_path / "growth.svg")
    drawn = (tmp_path / "growth.svg").read_text()
    assert drawn.count("<!-- seconds -->") == drawn.count("<!-- MiB at most -->") == 3
    names, _, first, *rest = to_markdown(ROWS).splitlines()
    assert names.startswith("| images | members | height | width | submit_s |")
    assert first.startswith("| 100 | 5 | 1000 | 1000 | 166.7 |") and len(rest) == 7


def test_the_verb_writes_a_table_and_a_drawing(tiny_carvana, tmp_path, capsys):
    words = ["speed", "scale", "--images", "3", "--data", str(tiny_carvana), "--jobs", "2"]
    assert main([*words, "--plot", str(tmp_path / "growth.svg")]) == 0
    table = capsys.readouterr().out.splitlines()
    assert len(table) == 3 and table[2].startswith("| 3 | 5 | 80 | 120 | clean | 2 |")
    assert (tmp_path / "growth.svg").exists()
    with pytest.raises(SystemExit):
        main([*words, "--plot", "growth.pdf"])
