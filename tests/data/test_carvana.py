"""A folder is found as it is, pictures are read exactly, and damage is named."""

import dataclasses
import shutil

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bench.data.carvana import SIZE, metadata, open_folder
from bench.data.dataset import mask_areas, read_mask_table
from bench.data.image_ids import car_of, view_of
from bench.data.images import image_size, read_image
from bench.system.errors import BadData, Missing
from tests.tiny import TRAIN_CARS, draw_car, save_mask

FIRST = f"{TRAIN_CARS[0]}_01"


@given(car=st.text("0123456789abcdef", min_size=12, max_size=12), view=st.integers(1, 99))
def test_an_id_is_car_and_view(car, view):
    image_id = f"{car}_{view:02d}"
    assert (car_of(image_id), view_of(image_id)) == (car, view)


@pytest.mark.parametrize("image_id", ["rose", "COCO_val2014_000000000042", "a_1", "a_001", "_01"])
def test_an_image_of_no_car_is_a_group_of_its_own(image_id):
    assert (car_of(image_id), view_of(image_id)) == (image_id, 1)


def test_a_folder_in_kaggles_layout(tiny_carvana):
    data = open_folder(tiny_carvana)
    assert len(data.train) == len(data.masks) == len(data.mask_rows) == 64
    assert len(data.test) == 16 and list(data.train) == sorted(data.train)
    np.testing.assert_array_equal(data.mask(FIRST), draw_car(0, 1)[1])
    assert metadata(open_folder(tiny_carvana))[TRAIN_CARS[0]] == ("2014", "Make", "Model")


def test_masks_from_pictures_and_from_the_table_are_the_same(tiny_carvana, copy):
    pictures = dataclasses.replace(open_folder(tiny_carvana), mask_table=None)
    shutil.rmtree(copy / "train_masks")
    table = open_folder(copy)
    assert not table.masks and not pictures.mask_rows
    for image_id in table.train:
        np.testing.assert_array_equal(pictures.mask(image_id), table.mask(image_id))
    areas = mask_areas(pictures, jobs=2)
    assert areas == mask_areas(table)
    assert areas[FIRST] == draw_car(0, 1)[1].sum()


def test_the_better_photographs_are_preferred(copy):
    shutil.copytree(copy / "train", copy / "train_hq")
    assert open_folder(copy).train[FIRST].parent.name == "train_hq"


def test_photographs_of_other_names_work(tmp_path):
    for folder in ("train", "train_masks"):
        (tmp_path / folder).mkdir()
    cv2.imwrite(str(tmp_path / "train/rose.png"), np.full((5, 9, 3), 7, np.uint8))
    cv2.imwrite(str(tmp_path / "train/lily.JPEG"), np.full((4, 8, 3), 7, np.uint8))
    Image.fromarray(np.eye(5, 9) > 0).save(tmp_path / "train_masks/rose.png")
    save_mask(tmp_path / "train_masks/lily_mask.gif", np.eye(4, 8))
    (tmp_path / "train/.DS_Store").touch()
    data = open_folder(tmp_path)
    assert mask_areas(data) == {"lily": 4, "rose": 5}
    assert [image_size(path) for path in data.train.values()] == [(4, 8), (5, 9)]


@pytest.mark.parametrize(("folder", "why"), [("", "no photographs"), ("nowhere", "or a data.yaml")])
def test_a_folder_without_photographs_is_missing(tmp_path, folder, why):
    with pytest.raises(Missing, match=why):
        open_folder(tmp_path / folder)


def test_the_folder_of_photographs_itself_is_one_too_deep(tiny_carvana):
    with pytest.raises(Missing, match="train: holds photographs itself; name the folder above"):
        open_folder(tiny_carvana / "train")


def test_a_packed_folder_says_how_to_unpack(tmp_path):
    (tmp_path / "train.zip").touch()
    with pytest.raises(Missing, match="carvana-bench check"):
        open_folder(tmp_path)


def test_two_files_of_one_image_are_refused(copy):
    shutil.copy(copy / "train" / f"{FIRST}.jpg", copy / "train" / f"{FIRST}.png")
    with pytest.raises(BadData, match=rf"{FIRST}\.png.*same image"):
        open_folder(copy)


def test_a_mask_of_another_size_is_refused(copy):
    save_mask(copy / f"train_masks/{FIRST}_mask.gif", np.zeros((80, 121)))
    with pytest.raises(BadData, match=r"the mask is 80x121, its photograph .* is 80x120"):
        open_folder(copy).mask(FIRST)


def test_a_photograph_without_mask_stops_before_the_work(copy):
    (copy / "train_masks.csv").unlink()
    (copy / f"train_masks/{FIRST}_mask.gif").unlink()
    data = open_folder(copy)
    for read in (mask_areas, lambda data: data.mask(FIRST)):
        with pytest.raises(BadData, match=rf"{FIRST}\.jpg: no mask"):
            read(data)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<html>", "line 1: '<html>' is not 'img,rle_mask'"),
        ("img,rle_mask\na.jpg,1 1\nb.jpg,\na.jpg,2 2\n", "line 4: a second row for a.jpg"),
    ],
)
def test_a_damaged_table_is_refused_by_line(tmp_path, text, why):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(BadData, match=why):
        read_mask_table(tmp_path / "t.csv")


def test_a_row_that_breaks_the_rules_is_named(copy):
    shutil.rmtree(copy / "train_masks")
    table = copy / "train_masks.csv"
    table.write_text(table.read_text().replace(f"{FIRST}.jpg,", f"{FIRST}.jpg,0 5 "))
    data = open_folder(copy)
    for read in (mask_areas, lambda data: data.mask(FIRST)):
        with pytest.raises(BadData, match=rf"train_masks\.csv, row of {FIRST}: token 1"):
            read(data)


def test_real_masks_are_the_same_as_picture_and_as_row(carvana_folder):
    data = open_folder(carvana_folder)
    assert len(data.train) % 16 == 0
    areas = mask_areas(data)
    for image_id in list(data.train)[:: len(data.train) // 4]:
        mask = data.mask(image_id)
        assert mask.shape == read_image(data.train[image_id]).shape[:2] == SIZE
        assert mask.sum() == areas[image_id]
