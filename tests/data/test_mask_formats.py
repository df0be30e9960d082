"""Masks as other tools save them are read where they are clear; others are refused with a cure."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from bench.data.images import read_mask
from bench.system.errors import BadData
from tests.tiny import draw_car

CAR = draw_car(1, 3)[1]
GREY = Image.fromarray(CAR.astype(np.uint8) * 255)
PHOTO = Image.fromarray(draw_car(1, 3)[0])
NOTHING, ALL = Image.new("L", GREY.size, 0), Image.new("L", GREY.size, 255)
LABELS = CAR.astype(np.uint8)  # 0 and 1


def palette(*colours):
    picture = Image.fromarray(LABELS, mode="P")
    picture.putpalette([value for colour in colours for value in colour])
    return picture


def coloured(*colours):
    return Image.fromarray(np.array(colours, np.uint8)[LABELS])


def see_through(picture, opacity):
    picture = picture.convert("RGB")
    picture.putalpha(opacity)
    return picture


WIDE = CAR.astype(np.uint16)
CLEAR = {
    "grey": ("png", GREY),
    "one bit": ("png", GREY.convert("1")),
    "colours of a palette": ("png", palette((0, 0, 0), (128, 0, 0))),
    "colours of a GIF": ("gif", palette((0, 0, 0), (0, 0, 142))),
    "colours": ("png", coloured((0, 0, 0), (0, 255, 0))),
    "nearly black colours": ("png", coloured((0, 0, 0), (1, 0, 0))),
    "nearly black colours of a palette": ("png", palette((0, 0, 0), (0, 0, 2))),
    "nearly white": ("png", coloured((0, 0, 0), (254, 254, 254))),
    "JPEG": ("jpg", GREY),
    "JPEG of the best quality": ("jpg", GREY),
    "JPEG in capitals": ("JPEG", GREY),
    "JPEG of colours": ("jpg", GREY.convert("RGB")),
    "soft edge": ("png", GREY.filter(ImageFilter.GaussianBlur(1))),
    "opaque": ("png", see_through(GREY, ALL)),
    "grey and opacity": ("png", Image.merge("RGBA", [GREY] * 4)),
    "white car on nothing": ("png", see_through(ALL, GREY)),
    "black car on nothing": ("png", see_through(NOTHING, GREY)),
    "photograph cut out": ("png", see_through(PHOTO, GREY)),
    "cut out with a soft edge": (
        "png",
        see_through(PHOTO, GREY.filter(ImageFilter.GaussianBlur(1))),
    ),
    "grey with opacity": ("png", Image.merge("LA", [GREY, GREY])),
    "16 bits of 1": ("png", Image.fromarray(WIDE)),
    "16 bits of 255": ("png", Image.fromarray(WIDE * 255)),
    "16 bits of 65535": ("png", Image.fromarray(WIDE * 65535)),
}


@pytest.mark.parametrize("name", CLEAR)
def test_a_clear_mask_is_read(tmp_path, name):
    suffix, picture = CLEAR[name]
    path = tmp_path / f"a.{suffix}"
    quality = {"quality": 100 if "best" in name else 80}
    picture.save(path, **(quality if suffix.lower().startswith("jp") else {}))
    read = read_mask(path)
    assert read.dtype == bool and read.shape == CAR.shape
    assert np.count_nonzero(read != CAR) <= 0.01 * CAR.size * ("soft" in name or suffix[0] in "jJ")


@pytest.mark.parametrize("empty", [NOTHING, see_through(NOTHING, ALL), NOTHING.convert("RGB")])
def test_black_is_an_empty_mask(tmp_path, empty):
    empty.save(tmp_path / "a.png")
    assert not read_mask(tmp_path / "a.png").any()


def three_of(low, middle, high):
    values = np.where(CAR, high, low).astype(np.uint8)
    values[30:34] = middle
    return Image.fromarray(values)


UNCLEAR = {
    "trimap": (three_of(0, 128, 255), "values other than 0 and 1"),
    "classes with an unlabelled border": (three_of(0, 1, 255), "values other than 0 and 1"),
    "classes as in street scenes": (
        Image.fromarray(np.where(CAR, 255, np.arange(120) // 8).astype(np.uint8)),
        "0, 1, 2, 3, 4, ...",
    ),
    "classes": (three_of(0, 1, 2), "0, 1, 2"),
    "a class of its own number": (Image.fromarray(LABELS * 7), "0, 7"),
    "one grey": (Image.new("L", GREY.size, 7), "7"),
    "a photograph": (PHOTO, "values other than 0 and 1"),
    "a grey photograph": (PHOTO.convert("L"), "values other than 0 and 1"),
    "very soft": (GREY.filter(ImageFilter.GaussianBlur(9)), "values other than 0 and 1"),
    "two colours": (coloured((0, 0, 255), (255, 0, 0)), "values other than 0 and 1"),
    "two greys": (coloured((60, 60, 60), (200, 200, 200)), "60, 200"),
    "wholly transparent": (see_through(GREY, NOTHING), "transparency"),
    "two masks in one": (see_through(GREY, GREY.rotate(180)), "transparency"),
    "16 bits of shades": (Image.fromarray(WIDE * 900), "16 bits"),
}


@pytest.mark.parametrize("name", UNCLEAR)
def test_an_unclear_mask_is_refused_with_a_cure(tmp_path, name):
    picture, words = UNCLEAR[name]
    picture.save(tmp_path / "a.png")
    with pytest.raises(BadData, match=rf"a\.png: .*{words}.*; write it as a black and white PNG"):
        read_mask(tmp_path / "a.png")


def test_inks_and_films_are_no_masks(tmp_path):
    GREY.convert("CMYK").save(tmp_path / "inks.jpg")
    frames = [GREY, GREY.rotate(180)]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(BadData, match=r"inks\.jpg: mode CMYK; write it as"):
        read_mask(tmp_path / "inks.jpg")
    with pytest.raises(BadData, match=r"film\.gif: 2 frames"):
        read_mask(tmp_path / "film.gif")


def test_a_transparent_gif_is_its_opacity(tmp_path):
    palette((255, 255, 255), (255, 255, 255)).save(tmp_path / "a.gif", transparency=0)
    np.testing.assert_array_equal(read_mask(tmp_path / "a.gif"), CAR)
