"""Inverted masks are said, numbers that are no views refused, before anything is learned."""

import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bench.config.suite import Suite
from bench.data import doubts
from bench.data.carvana import open_folder
from bench.data.doubts import (
    BY_COLUMN,
    EMPTY,
    INVERTED,
    PADDED,
    misnamed_cars,
    naming_notes,
    signs_of,
)
from bench.data.folds import draw_folds
from bench.data.image_ids import car_of
from bench.data.images import read_mask
from bench.masks import rle
from bench.own.check import check_folder
from bench.system.errors import BadData
from bench.system.progress import quietly
from tests.tiny import TRAIN_CARS, draw_car, save_mask

SUITE = Suite.model_validate(
    {"title": "t", "recipes": ["a"], "folds": {"count": 2, "run": [0], "valid_cars": 1}}
)


def invert(root, count=None, pictures=True, rows=True):
    """Invert masks, all or some, as pictures and as rows."""
    data = open_folder(root)
    masks = {image: data.mask(image) for image in data.train}
    for image in list(masks)[:count]:
        masks[image] = ~masks[image]
        if pictures:
            save_mask(data.masks[image], masks[image])
    if rows:
        lines = [f"{image}.jpg,{rle.encode(mask)}\n" for image, mask in masks.items()]
        (root / "train_masks.csv").write_text("img,rle_mask\n" + "".join(lines))


@pytest.mark.parametrize("kept", ["pictures", "rows", "both", "pictures beside sound rows"])
def test_inverted_masks_are_said_before_the_training(copy, kept, capsys):
    invert(copy, rows=kept != "pictures beside sound rows")
    if kept == "pictures":
        (copy / "train_masks.csv").unlink()
    if kept == "rows":
        shutil.rmtree(copy / "train_masks")
    words = (
        r"train_masks(\.csv)?: 32 of 32 masks read cover all but .*; invert them: the car is white"
    )
    with quietly(True):
        draw_folds(open_folder(copy), SUITE, 1)
    assert re.search(words, capsys.readouterr().err)
    problems = check_folder(copy, deep=False, jobs=1).problems
    said = "cover all but" if kept != "pictures beside sound rows" else "differs from"
    assert any(said in problem.what for problem in problems)


def test_the_cure_for_inverted_masks_works(copy):
    sound = draw_folds(open_folder(copy), SUITE, 1)
    invert(copy)
    invert(copy)
    assert draw_folds(open_folder(copy), SUITE, 1) == sound


def test_a_few_masks_that_look_inverted_are_noted(copy):
    invert(copy, count=3)
    report = check_folder(copy, deep=True, jobs=1)
    first = f"{min(TRAIN_CARS)}_01"
    assert report.ok
    said = "3 of 64 masks read cover all but a part inside, as inverted masks do"
    assert report.notes == [f"{said}, first {first}"]
    assert draw_folds(open_folder(copy), SUITE, 1)


def test_empty_masks_are_noted(copy):
    (copy / "train_masks.csv").unlink()
    save_mask(copy / f"train_masks/{TRAIN_CARS[1]}_03_mask.gif", np.zeros((80, 120)))
    notes = check_folder(copy, deep=True, jobs=1).notes
    assert notes == [f"1 of 64 masks read are empty, first {TRAIN_CARS[1]}_03"]


def signs(mask):
    return signs_of(mask, is_row=True)


@given(number=st.integers(0, 9), view=st.integers(1, 16))
def test_a_car_shows_no_sign_and_what_is_around_it_does(number, view):
    mask = draw_car(number, view)[1]
    assert signs(mask) == frozenset() and signs(~mask) == {INVERTED}


def test_close_cars_and_full_masks_show_no_sign():
    mask = np.zeros((80, 120), bool)
    mask[20:] = True  # cut off by three sides of the photograph
    assert signs(mask) == signs(np.ones((80, 120), bool)) == frozenset()
    assert signs(np.zeros((80, 120), bool)) == {EMPTY}


def test_real_masks_show_no_sign_but_wrong_layouts_do(carvana_folder):
    data = open_folder(carvana_folder)
    for path in list(data.masks.values())[::40]:
        mask = read_mask(path)
        assert signs(mask) == frozenset() and signs(~mask) == {INVERTED}
        assert signs(mask.T.reshape(mask.shape)) == {BY_COLUMN}
        assert PADDED in signs(padded(mask))


def padded(mask):
    """What is read of runs of the padded mask."""
    wide = np.pad(mask, ((0, 0), (0, -mask.shape[1] % 32)))
    return wide.ravel()[: mask.size].reshape(mask.shape)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda mask: mask.T, "runs column by column; encode row by row"),
        (lambda mask: np.pad(mask, ((0, 0), (0, 8)))[:70], "padded to .*; cut the padding off"),
    ],
)
def test_rows_that_are_encoded_wrongly_are_refused(copy, wrong, words):
    shutil.rmtree(copy / "train_masks")
    data = open_folder(copy)
    lines = [f"{image}.jpg,{rle.encode(wrong(data.mask(image)))}\n" for image in data.train]
    (copy / "train_masks.csv").write_text("img,rle_mask\n" + "".join(lines))
    words = rf"train_masks\.csv: 32 of 32 masks read make sense only as .*{words}"
    with pytest.raises(BadData, match=words):
        draw_folds(open_folder(copy), SUITE, 1)
    assert any("make sense" in each.what for each in check_folder(copy, False, 1).problems)


def photographs(root, names):
    """A folder of photographs and masks of these names."""
    for folder in ("train", "train_masks"):
        (root / folder).mkdir()
    for number, name in enumerate(names):
        photo, mask = draw_car(number % 5, 1 + number % 16)
        Image.fromarray(photo).save(root / "train" / f"{name}.jpg")
        save_mask(root / "train_masks" / f"{name}_mask.gif", mask)
    return root


CAMERAS = ["IMG", "img", "DSC", "DSCN", "Photo", "image", "frame", "P", "IMG_20240131", "car"]


@pytest.mark.parametrize("camera", [*CAMERAS, "holiday"])
def test_numbered_photographs_are_no_views_of_one_car(tmp_path, camera):
    root = photographs(tmp_path, [f"{camera}_{number:02d}" for number in range(1, 7)])
    words = rf"{camera}_01\.jpg: 6 photographs numbered {camera}_01 \.\.\. are taken for views"
    with pytest.raises(BadData, match=rf"{words} of one car; name each"):
        draw_folds(open_folder(root), SUITE, 1)
    problems = check_folder(root, deep=False, jobs=1).problems
    assert [problem.file for problem in problems] == [str(root / f"train/{camera}_01.jpg")]


def test_the_cure_for_numbered_photographs_works(tmp_path):
    root = photographs(tmp_path, [f"IMG_{number:03d}" for number in range(1, 7)])
    assert draw_folds(open_folder(root), SUITE, 1).keys() == {f"IMG_{n:03d}" for n in range(1, 7)}


@pytest.mark.parametrize(
    "names",
    [
        [f"{car}_{view:02d}" for car in TRAIN_CARS for view in range(1, 17)],
        ["00087a6bd4dc_01", "00087a6bd4dc_02"],
        ["beetle_01", "beetle_02", "golf_01", "golf_02"],
        ["IMG_0001", "IMG_0002", "COCO_val2014_000000000042", "rose"],
        ["IMG_01"],
        ["car1_01", "car1_02", "car2_01"],
    ],
)
def test_names_that_say_the_car_are_accepted(names):
    assert misnamed_cars(names) == {} and naming_notes(names) == []


def test_photographs_of_all_views_are_looked_at(monkeypatch):
    names = [f"{car:012x}_{view:02}" for car in range(64) for view in range(1, 17)]
    seen = []
    monkeypatch.setattr(doubts, "is_turned", lambda path: bool(seen.append(path)))
    assert not doubts.turned_notes(SimpleNamespace(train=dict(zip(names, names, strict=True))))
    assert len(seen) == doubts.SAMPLED_MASKS
    assert len({name[-2:] for name in seen}) == 16


def test_a_car_of_more_views_than_kaggles_is_noted():
    names = [f"{car}_{view:02d}" for car in ("beetle", "golf") for view in range(1, 37)]
    assert misnamed_cars(names) == {}
    assert naming_notes(names)[0].startswith("2 cars of more than 16 views, first beetle with 36")


@pytest.mark.parametrize("pattern", ["{}-{}", "{}_{}", "{}_{:03d}", "{} ({})", "{}.{:02d}", "{}{}"])
def test_views_in_another_pattern_are_noted(pattern):
    names = [pattern.format(car, view) for car in ("beetle", "golf") for view in range(1, 5)]
    assert len({car_of(name) for name in names}) == 8
    (note,) = naming_notes(names)
    assert note.startswith(f"8 photographs named like {names[0]} are taken for a car of their own")
