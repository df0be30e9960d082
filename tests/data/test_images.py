"""Pictures and masks as they are read: what is stored comes out, and damage is named."""

import numpy as np
import pytest
from PIL import Image

from bench.data.images import image_size, read_image, read_mask
from bench.system.errors import BadData
from tests.tiny import TINY, TRAIN_CARS, draw_car

FIRST = f"{TRAIN_CARS[0]}_01"


def test_photographs_are_red_green_blue(tmp_path):
    exact = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    Image.fromarray(exact).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), exact)


def test_a_grey_photograph_has_three_equal_channels(tmp_path):
    Image.fromarray(draw_car(0, 1)[0][..., 0]).save(tmp_path / "grey.jpg")
    read = read_image(tmp_path / "grey.jpg")
    assert read.shape == (*TINY, 3) and (read == read[..., :1]).all()


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _zeros(content: bytes) -> bytes:
    return content[:1000] + bytes(200) + content[1200:]


@pytest.mark.parametrize("name", [f"train/{FIRST}.jpg", f"train_masks/{FIRST}_mask.gif"])
@pytest.mark.parametrize(
    "damage", [_cut, lambda _: b"", lambda _: b"<html>login</html>"], ids=["cut", "empty", "page"]
)
def test_a_damaged_picture_is_named(copy, name, damage):
    path = copy / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(BadData, match=f"{path}: .*copy it again"):
        (read_image if path.suffix == ".jpg" else read_mask)(path)


def test_zeros_inside_a_jpeg_are_found(copy):
    path = copy / f"train/{FIRST}.jpg"
    path.write_bytes(_zeros(path.read_bytes()))
    with pytest.raises(BadData, match=f"{path}: "):
        read_image(path)


def test_a_missing_picture_is_named(tmp_path):
    for read in (read_image, read_mask, image_size):
        with pytest.raises(BadData, match=r"gone\.png"):
            read(tmp_path / "gone.png")


SQUARE = np.pad(np.ones((3, 4), np.uint8), 2)


@pytest.mark.parametrize("top", [1, 255])
@pytest.mark.parametrize("suffix", ["gif", "png"])
def test_masks_of_ones_and_of_255s_are_one_mask(tmp_path, top, suffix):
    path = tmp_path / f"mask.{suffix}"
    Image.fromarray(SQUARE * np.uint8(top)).save(path)
    np.testing.assert_array_equal(read_mask(path), SQUARE > 0)


@pytest.mark.parametrize("value", [0, 1, 255])
def test_an_empty_and_a_full_mask_are_masks(tmp_path, value):
    Image.fromarray(np.full((3, 5), value, np.uint8)).save(tmp_path / "mask.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png"), np.full((3, 5), value > 0))
