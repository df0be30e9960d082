"""Pictures that a camera stored lying down are read upright, as people and `cutout` see them."""

import dataclasses
import shutil
from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from bench.cutout import photographs
from bench.data.carvana import open_folder
from bench.data.images import image_size, is_turned, read_image, read_mask, stored_size
from bench.data.mask_formats import Marks
from bench.masks import rle
from bench.own.check import check_folder
from bench.system.errors import BadData
from tests.tiny import TINY, TRAIN_CARS, draw_car, packed, png_header, save_mask

FIRST = f"{TRAIN_CARS[0]}_01"
ORIENTATIONS = range(1, 9)


def stored(upright, orientation):
    """The picture as a camera stores it that was held so, and its EXIF."""
    exif = Image.Exif()
    exif[0x0112] = {6: 8, 8: 6}.get(orientation, orientation)
    other_way = Image.open(as_png(upright, exif))
    exif[0x0112] = orientation
    return ImageOps.exif_transpose(other_way), exif


def as_tiff(path, upright, orientation, **how):
    """Write a TIFF that is stored in another way than it is looked at, as scanners do."""
    picture, exif = stored(upright, orientation)
    Image.fromarray(np.asarray(picture)).save(path, exif=exif, **how)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_a_tiff_is_upright_whichever_way_it_is_stored(tmp_path, orientation, compression):
    photograph, mask = draw_car(0, 1)
    as_tiff(tmp_path / "a.tif", photograph, orientation, compression=compression)
    as_tiff(tmp_path / "m.tif", mask.astype(np.uint8) * 255, orientation, compression=compression)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), photograph)
    for marks in (None, Marks(values=(255,)), Marks(threshold=128)):
        np.testing.assert_array_equal(read_mask(tmp_path / "m.tif", marks), mask)
    for name in ("a.tif", "m.tif"):
        assert image_size(tmp_path / name) == stored_size(tmp_path / name) == TINY


def as_png(pixels, exif):
    return BytesIO(packed(Image.fromarray(pixels), "PNG", exif=exif))


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_photograph_is_upright_whichever_way_it_is_stored(tmp_path, orientation, form):
    upright = draw_car(0, 1)[0]
    picture, exif = stored(upright, orientation)
    path = tmp_path / f"a.{'png' if form == 'PNG' else 'jpg'}"
    path.write_bytes(
        packed(picture, form, exif=exif, **({"lossless": True} if form == "WEBP" else {}))
    )
    read = read_image(path)
    assert read.shape == (*TINY, 3) and read.flags.c_contiguous
    assert image_size(path) == TINY and is_turned(path) == (orientation != 1)
    assert stored_size(path) == (TINY if orientation < 5 else TINY[::-1])
    assert np.abs(read.astype(int) - upright).mean() < (9 if form == "JPEG" else 1e-9)
    as_cut_out = photographs.read(path.read_bytes()).pixels
    assert np.abs(read.astype(int) - as_cut_out).mean() < (1 if form == "JPEG" else 1e-9)


def test_what_a_png_says_behind_its_pixels_counts_too(tmp_path):
    picture, exif = stored(draw_car(0, 1)[0], 6)
    content = packed(picture, "PNG", exif=exif)
    start = content.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(content[start : start + 4], "big")
    chunk, rest = content[start:end], content[:start] + content[end:]
    (tmp_path / "a.png").write_bytes(rest[:-12] + chunk + rest[-12:])
    assert image_size(tmp_path / "a.png") == read_image(tmp_path / "a.png").shape[:2] == TINY


@pytest.mark.parametrize("value", [0, 9, 77])
def test_an_orientation_that_means_nothing_is_none(tmp_path, value):
    exif = Image.Exif()
    exif[0x0112] = value
    Image.fromarray(draw_car(0, 1)[0]).save(tmp_path / "a.jpg", exif=exif)
    assert read_image(tmp_path / "a.jpg").shape[:2] == image_size(tmp_path / "a.jpg") == TINY
    assert not is_turned(tmp_path / "a.jpg")


def test_damaged_exif_is_no_reason_to_refuse_a_photograph(tmp_path):
    Image.fromarray(draw_car(0, 1)[0]).save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\0")
    assert read_image(tmp_path / "a.jpg").shape[:2] == image_size(tmp_path / "a.jpg") == TINY


def test_a_photograph_without_exif_is_read_as_before(carvana_folder):
    path = next(iter(open_folder(carvana_folder).train.values()))
    np.testing.assert_array_equal(read_image(path), cv2.imread(str(path), cv2.IMREAD_COLOR_RGB))


def test_the_size_of_a_png_is_read_without_its_pixels(tmp_path):
    (tmp_path / "a.png").write_bytes(png_header(700, 500))
    assert image_size(tmp_path / "a.png") == (500, 700)


def turn(root, orientation):
    """Store every training photograph as a camera does that was held so."""
    for path in (root / "train").iterdir():
        picture, exif = stored(read_image(path), orientation)
        picture.save(path, exif=exif)


@pytest.mark.parametrize("orientation", [3, 6])
def test_a_folder_of_turned_photographs_fits_its_upright_masks(copy, capsys, orientation):
    turn(copy, orientation)
    data = open_folder(copy)
    assert read_image(data.train[FIRST]).shape[:2] == data.mask(FIRST).shape == TINY
    rows = dataclasses.replace(data, masks={})
    np.testing.assert_array_equal(rows.mask(FIRST), data.mask(FIRST))
    report = check_folder(copy, deep=True, jobs=1)
    assert report.ok
    assert any(
        note.startswith("64 of 80 photographs read are turned as their") for note in report.notes
    )


def test_a_mask_of_the_photograph_as_stored_is_refused_with_the_reason(copy):
    turn(copy, 6)
    mask = copy / f"train_masks/{FIRST}_mask.gif"
    save_mask(mask, np.rot90(draw_car(0, 1)[1]))
    words = r"the mask is 120x80, .* is 80x120 when it is turned upright as its EXIF says; turn the"
    with pytest.raises(BadData, match=words):
        open_folder(copy).mask(FIRST)
    save_mask(mask, np.rot90(read_mask(mask), -1))  # the cure
    assert open_folder(copy).mask(FIRST).shape == TINY


def test_a_row_of_the_photograph_as_stored_is_refused_with_the_reason(copy):
    turn(copy, 6)
    shutil.rmtree(copy / "train_masks")
    text = rle.encode(np.rot90(draw_car(0, 1)[1]))
    (copy / "train_masks.csv").write_text(f"img,rle_mask\n{FIRST}.jpg,{text}\n")
    words = rf"train_masks\.csv, row of {FIRST}: the mask is 120x80, .* when it is turned upright"
    with pytest.raises(BadData, match=words):
        open_folder(copy).mask(FIRST)


def test_a_mask_is_turned_as_its_own_exif_says(tmp_path):
    mask = draw_car(0, 1)[1]
    picture, exif = stored(mask.astype(np.uint8) * 255, 8)
    picture.save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), mask)
    assert rle.runs(read_mask(tmp_path / "a.png")).shape[1] == 2
