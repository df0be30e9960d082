"""Folds hold whole cars, alike in size; the audit finds what training and scoring share."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.config.suite import Suite
from bench.data.carvana import metadata, open_folder
from bench.data.dataset import DataSet, Own, mask_areas
from bench.data.folds import (
    car_areas,
    given_folds,
    in_fold,
    leak_audit,
    make_folds,
    read_folds,
    split,
    write_folds,
)
from bench.data.image_ids import car_of, id_of
from bench.data.mask_formats import Marks
from bench.system.errors import BadConfig, BadData

AREAS = st.dictionaries(
    st.text("0123456789abcdef", min_size=12, max_size=12),
    st.floats(0, 1e6),
    min_size=2,
    max_size=60,
)


@given(areas=AREAS, count=st.integers(2, 6), seed=st.integers(0, 2**32), data=st.data())
def test_folds_are_even_stratified_and_do_not_depend_on_order(areas, count, seed, data):
    count = min(count, len(areas))
    folds = make_folds(areas, count, seed)
    assert folds.keys() == areas.keys()
    sizes = np.bincount(list(folds.values()), minlength=count)
    assert len(sizes) == count and sizes.max() - sizes.min() <= 1
    ranked = sorted(areas, key=lambda car: (areas[car], car))
    for start in range(0, len(ranked), count):
        group = [folds[car] for car in ranked[start : start + count]]
        assert len(set(group)) == len(group), "neighbours in area lie in different folds"
    shuffled = data.draw(st.permutations(sorted(areas)))
    assert make_folds({car: areas[car] for car in shuffled}, count, seed) == folds


def test_another_seed_gives_other_folds():
    areas = {f"{car:012x}": float(car) for car in range(40)}
    assert make_folds(areas, 5, 0) != make_folds(areas, 5, 1)


@pytest.mark.parametrize("count", [0, 1, 4])
def test_impossible_numbers_of_folds_are_refused(count):
    with pytest.raises(BadConfig, match=f"`count` is {count} for 3 cars; set it to 2"):
        make_folds({"a": 1.0, "b": 2.0, "c": 3.0}, count, 0)
    with pytest.raises(BadConfig, match="there is 1 group; add groups"):
        make_folds({"a": 1.0}, 2, 0, "group")


def test_the_views_of_a_car_share_its_fold(tiny_carvana):
    areas = mask_areas(open_folder(tiny_carvana))
    folds = make_folds(car_areas(areas), 2, seed=0)
    parts = [set(in_fold(areas, folds, fold)) for fold in (0, 1)]
    assert parts[0] | parts[1] == areas.keys() and len(parts[0]) == len(parts[1]) == 32
    assert not set(map(car_of, parts[0])) & set(map(car_of, parts[1]))
    audit = leak_audit(parts[0], parts[1], "car")
    assert not audit.leaky and str(audit).startswith("leak audit: clean: 0 of 2 scored cars")


def test_an_image_level_split_is_leaky(tiny_carvana):
    areas = mask_areas(open_folder(tiny_carvana))
    folds = make_folds({image: float(area) for image, area in areas.items()}, 2, seed=0)
    train, scored = (in_fold(areas, folds, fold) for fold in (0, 1))
    audit = leak_audit(train, scored, "car")
    assert audit.leaky and "LEAKY: 4 of 4 scored cars" in str(audit)
    assert audit.shared_images == ()


def test_scoring_what_was_trained_on_is_found():
    audit = leak_audit(["a_01", "a_02", "b_01"], ["a_02", "c_01"], "car")
    assert audit.shared_cars == ("a",) and audit.shared_images == ("a_02",)


def test_real_folds_are_alike_in_area(carvana_folder):
    areas = car_areas(mask_areas(open_folder(carvana_folder)))
    folds = make_folds(areas, 5, seed=0)
    means = [np.mean([areas[car] for car in folds if folds[car] == fold]) for fold in range(5)]
    assert max(means) / min(means) < 1.05


@given(folds=st.dictionaries(st.text("0123456789abcdef_", min_size=1), st.integers(0, 9)))
def test_written_folds_are_read_back(tmp_path_factory, folds):
    path = tmp_path_factory.mktemp("folds") / "folds.csv"
    write_folds(path, folds, "car")
    assert read_folds(path) == folds


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("car:fold\n", 1),
        ("car,fold\na,0\nb\n", 3),
        ("car,fold\na,-1\n", 2),
        ("car,fold\na,0\na,1\n", 3),
        ("car,fold\n,1\n", 2),
        ("car,fold\n\xff,1\n", 2),
    ],
)
def test_a_damaged_fold_table_is_refused_by_line(tmp_path, text, line):
    (tmp_path / "folds.csv").write_text(text, encoding="latin-1")
    cure = "restore the file, or choose another folder with --runs"
    with pytest.raises(BadData, match=rf"folds\.csv, line {line}: .*; {cure}"):
        read_folds(tmp_path / "folds.csv")


@pytest.mark.parametrize("fold", [None, 2])
def test_a_photograph_that_is_in_no_fold_is_refused(tiny_carvana, fold):
    data = open_folder(tiny_carvana)
    suite = Suite.model_validate(
        {"title": "t", "recipes": ["a"], "folds": {"count": 2, "run": [0], "valid_cars": 1}}
    )
    folds = dict.fromkeys(map(car_of, data.train), 0)
    car = min(folds)
    folds |= {car: fold} if fold else {}
    if fold is None:
        del folds[car]  # a spreadsheet took it for a number
    with pytest.raises(
        BadData, match=rf"folds\.csv: no fold for {car}_01 \(and 15 more\); restore"
    ):
        split(data, suite, folds, 0)


SHOES = {f"shoe{number}_{shot}": f"shoe{number}" for number in range(4) for shot in range(2)}


def own_data(tmp_path, **tables):
    """Eight photographs of four shoes, and the tables of their owner."""
    ids = {id_of(name, group): f"{name}.jpg" for name, group in SHOES.items()}
    paths = {name: tmp_path / text for name, text in tables.items()}
    train = dict.fromkeys(ids, tmp_path)
    return DataSet(tmp_path, train, {}, {}, None, None, None, Own(ids, Marks(), **paths))


def test_an_owners_folds_are_taken_whole(tmp_path):
    (tmp_path / "folds.csv").write_text("group,fold\nshoe0,1\nshoe1,0\nshoe2,0\nshoe3,1\n")
    given = given_folds(own_data(tmp_path, folds="folds.csv"))
    assert given == {"shoe0": 1, "shoe1": 0, "shoe2": 0, "shoe3": 1}
    (tmp_path / "folds.csv").write_text("group,fold\nshoe0,1\nshoe1,0\nshoe2,0\n")
    with pytest.raises(BadData, match=r"folds\.csv: no fold of group 'shoe3'.*shoe3,0"):
        given_folds(own_data(tmp_path, folds="folds.csv"))


def test_an_owners_held_out_list_is_fold_0(tmp_path):
    (tmp_path / "heldout.csv").write_text("group\nshoe2\n")
    data = own_data(tmp_path, heldout="heldout.csv")
    assert given_folds(data) == {"shoe2": 0}
    (tmp_path / "metadata.csv").write_text("another table, which is no car's")
    assert metadata(data) == {}
    for table in ("folds", "heldout"):
        (tmp_path / f"{table}.csv").write_text("group,fold\n")
        with pytest.raises(BadData, match=rf"{table}\.csv: lists no group"):
            given_folds(own_data(tmp_path, **{table: f"{table}.csv"}))
    (tmp_path / "heldout.csv").write_text("group\nboot\n")
    with pytest.raises(BadData, match=r"heldout\.csv: no photograph is of group 'boot'.*shoe0"):
        given_folds(data)
