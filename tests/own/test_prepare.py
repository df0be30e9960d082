"""One's own pictures are described without a copy; what is not clear is asked for, with a cure."""

import unicodedata
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from bench.cli.verbs import main
from bench.data.doubts import check_encoding
from bench.data.image_ids import car_of
from bench.masks import rle
from bench.own.check import check_folder
from bench.own.opening import open_data
from bench.system.errors import BadData
from bench.system.progress import quietly
from tests.shoes import BOTH, BY_SHOE, draw_shoe, draw_shoes, words


@pytest.fixture
def shoes(tmp_path):
    return draw_shoes(tmp_path)


def opened(root, *more, **places):
    assert main(words(root, *more, **places)) == 0
    return open_data(root / "mine")


def test_a_palette_of_classes_in_folders_of_three_sizes(shoes):
    data = opened(shoes, *BY_SHOE, *BOTH)
    assert len(data.train) == 12 and len({car_of(image) for image in data.train}) == 6
    assert data.unit == "group" and not data.of_cars
    image = "shoe3::left/shoe3_1"
    assert (data.mask(image) == (draw_shoe(3, 1)[1] > 0)).all()
    assert not list((shoes / "mine").glob("*.[!y]*"))  # nothing is copied
    assert check_folder(shoes / "mine", deep=True, jobs=1).ok


def test_the_folder_can_be_moved_with_its_pictures(shoes, tmp_path, monkeypatch):
    monkeypatch.chdir(shoes)
    assert main(words(Path(), *BY_SHOE, *BOTH)) == 0
    moved = tmp_path.parent / f"{tmp_path.name}-moved"
    shoes.rename(moved)
    assert len(open_data(moved / "mine").train) == 12


@pytest.mark.parametrize("masks", ["labels/{folder}/{stem}.png", "labels/**/{stem}*"])
def test_names_may_hold_brackets_and_accents_in_either_form(tmp_path, monkeypatch, masks):
    """An accent may be a character of its own, as some systems store it, or part of its letter."""
    root = draw_shoes(tmp_path / "old [shoes]")
    for form, name in {"NFD": "labels/left/shoe1_0", "NFC": "photos/left/shoe1_0"}.items():
        path = next((root / name).parent.glob("shoe1_0.*"))
        path.rename(path.with_name(unicodedata.normalize(form, f"Müller [1]{path.suffix}")))
    for folder, form in {"labels": "NFC", "photos": "NFD"}.items():
        (root / folder / "left").rename(root / folder / unicodedata.normalize(form, "é"))
    names = [f"{name}_{shot}" for name in ("shoe0", "shoe2", "shoe3") for shot in (0, 1)]
    others = ["shoe4_0", "shoe4_1", "shoe5_0", "shoe5_1", "shoe1_1", "Müller [1]"]
    rows = [f"{name}.jpg,{unicodedata.normalize('NFC', 'ä')}" for name in names]
    rows += [f"{name},{unicodedata.normalize('NFD', 'ä')}" for name in others[:-1]]
    (root / "groups.csv").write_text("\n".join(["image,group", *rows, f"{others[-1]},b"]))
    monkeypatch.chdir(root)
    places = ["--images", "photos/**/*.jpg", "--masks", masks, "--out", "mine"]
    assert main(["prepare", *places, *BOTH, "--groups", "groups.csv"]) == 0
    for opened in (open_data(Path("mine")), open_data(root / "mine")):
        assert len(opened.masks) == 12 and {car_of(image) for image in opened.train} == {"ä", "b"}
        assert (opened.mask("b::é/Müller [1]") == (draw_shoe(1, 0)[1] > 0)).all()


def test_pictures_that_no_pattern_takes_are_noted(shoes, capsys):
    assert main(words(shoes, *BY_SHOE, *BOTH)) == 0
    assert "no pattern takes" not in capsys.readouterr().out
    right = shoes / "photos" / "right"
    (right / "shoe0_0.jpg").rename(right / "shoe0_0.JPG")  # so that its mask has no photograph
    assert main(words(shoes, *BY_SHOE, *BOTH)) == 0
    assert "2 pictures beside them that no pattern takes, first" in capsys.readouterr().out


def restored(root, write):
    """Write every mask again, by `write(values) -> picture`."""
    for path in (root / "labels").rglob("*.png"):
        write(np.asarray(Image.open(path))).save(path)


RED, GREEN = (255, 0, 0), (0, 255, 0)
WRITTEN = {  # how masks are kept -> how they are written, what is said of them, what is meant
    "0 and 1": (lambda v: Image.fromarray((v > 0).astype(np.uint8)), (), {1, 2}),
    "0 and 255": (lambda v: Image.fromarray((v > 0).astype(np.uint8) * 255), (), {1, 2}),
    "greys": (lambda v: Image.fromarray(v * 100), ("--value", "100"), {1}),
    "shades": (lambda v: Image.fromarray(v * 100), ("--threshold", "150"), {2}),
    "16 bits": (lambda v: Image.fromarray(v.astype(np.uint16) * 900), ("--value", "1800"), {2}),
    "one colour": (
        lambda v: Image.fromarray(np.array([(0, 0, 0), RED, GREEN], np.uint8)[v]),
        ("--value", "#ff0000"),
        {1},
    ),
    "a number of a palette": (lambda v: Image.fromarray(v), ("--value", "2"), {2}),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_masks_are_read_as_their_owner_says(shoes, name):
    write, said, meant = WRITTEN[name]
    restored(shoes, write)
    data = opened(shoes, *BY_SHOE, *said)
    values = draw_shoe(2, 0)[1]
    assert (data.mask("shoe2::right/shoe2_0") == np.isin(values, list(meant))).all()


@pytest.mark.parametrize("suffix", [".gif", ".tif"])
def test_masks_of_other_formats(shoes, suffix):
    for path in (shoes / "labels").rglob("*.png"):
        Image.open(path).save(path.with_suffix(suffix))
    data = opened(shoes, *BY_SHOE, *BOTH, masks=f"labels/{{folder}}/{{stem}}*{suffix}")
    assert data.mask("shoe2::right/shoe2_0").sum() == (draw_shoe(2, 0)[1] > 0).sum()


def test_holes_are_filled_where_that_is_said(shoes):
    data = opened(shoes, *BY_SHOE, "--value", "1")
    hole = data.mask("shoe2::right/shoe2_0")
    (shoes / "mine" / "data.yaml").unlink()
    filled = opened(shoes, *BY_SHOE, "--value", "1", "--holes").mask("shoe2::right/shoe2_0")
    assert (filled >= hole).all() and filled.sum() >= hole.sum()


def test_a_table_of_runs_and_a_table_of_groups(shoes):
    masks, groups = ["img,rle_mask"], ["image,group"]
    for path in sorted((shoes / "photos").rglob("*.jpg")):
        number, shot = path.stem.removeprefix("shoe").split("_")
        masks.append(f"{path.name},{rle.encode(draw_shoe(int(number), int(shot))[1] > 0)}")
        groups.append(f"{path.parent.name}/{path.name},pair {int(number) // 2}")
    (shoes / "masks.csv").write_text("\n".join(masks))
    (shoes / "groups.csv").write_text("\n".join(groups))
    data = opened(shoes, "--groups", str(shoes / "groups.csv"), masks="masks.csv")
    assert {car_of(image) for image in data.train} == {"pair 0", "pair 1", "pair 2"}
    assert (data.mask("pair 1::left/shoe3_1") == (draw_shoe(3, 1)[1] > 0)).all()
    (shoes / "masks.csv").write_text("\n".join([*masks, "left/shoe3_1.jpg,1 1"]))
    with pytest.raises(BadData, match=r"masks\.csv: two rows of left/shoe3_1\.jpg.*remove one"):
        open_data(shoes / "mine").mask("pair 1::left/shoe3_1")


def test_thin_things_aslant_are_no_runs_of_another_width(tmp_path, capsys):
    (tmp_path / "photos").mkdir()
    rows = ["img,rle_mask"]
    for number in range(8):
        pen = np.zeros((60, 94), np.uint8)  # in rows of 96, it would stand upright
        cv2.line(pen, (20, 5), (20 + 2 * 25, 5 + 25), 1, 1 + number % 3)
        photograph = np.where(pen[..., None] > 0, 60, 210).repeat(3, 2).astype(np.uint8)
        Image.fromarray(photograph).save(tmp_path / f"photos/{number}.png")
        rows.append(f"{number}.png,{rle.encode(pen > 0)}")
    (tmp_path / "masks.csv").write_text("\n".join(rows))
    places = ["--images", str(tmp_path / "photos/*"), "--masks", str(tmp_path / "masks.csv")]
    assert main(["prepare", *places, "--groups", "none", "--out", str(tmp_path / "mine")]) == 0
    assert "padded" in capsys.readouterr().out
    with quietly(True):
        check_encoding(open_data(tmp_path / "mine"), 1)
    assert "padded" in capsys.readouterr().err


def no_mask(root):
    (root / "labels/left/shoe1_0.png").unlink()


def two_masks(root):
    Image.open(root / "labels/left/shoe1_0.png").save(root / "labels/left/shoe1_0.gif")


def other_size(root):
    Image.fromarray(np.ones((10, 10), np.uint8)).save(root / "labels/left/shoe1_0.png")


def nothing(root):
    pass


WHOLE = "labels/{folder}/{stem}.*"
WRONG = {  # what happened, what is said -> exit code, words of the message
    "no groups are named": (nothing, BOTH, 2, ["say which photographs show the same thing"]),
    "an expression without a group": (
        nothing,
        ("--group-by", "shoe[0-9]+", *BOTH),
        2,
        ["group_by", "put what says the group in parentheses"],
    ),
    "an expression that does not match": (
        nothing,
        ("--group-by", "(boot[0-9]+)", *BOTH),
        3,
        ["shoe1_0.jpg", "finds no group", "mend the expression"],
    ),
    "no expression": (nothing, ("--group-by", "(", *BOTH), 2, ["no regular expression"]),
    "values that say nothing": (nothing, BY_SHOE, 3, ["shoe1_0.png", "0, 1, 2", "--value N"]),
    "a value that no mask has": (
        nothing,
        (*BY_SHOE, "--value", "7"),
        3,
        ["shoe1_0.png", "are empty", "0, 1, 2", "choose one of these"],
    ),
    "a colour that is none": (nothing, (*BY_SHOE, "--value", "rde"), 2, ["'rde'", "#ff0000"]),
    "no mask": (no_mask, (*BY_SHOE, *BOTH), 3, ["shoe1_0.jpg", "is its mask", "--unlabelled"]),
    "two masks": (two_masks, (*BY_SHOE, *BOTH), 3, ["shoe1_0.jpg", "shoe1_0.gif", "narrower"]),
    "a mask of another size": (
        other_size,
        (*BY_SHOE, *BOTH),
        3,
        ["shoe1_0.png", "the mask is 10x10"],
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named_with_a_cure(shoes, name, capsys):
    happens, said, code, expected = WRONG[name]
    happens(shoes)
    assert main(words(shoes, *said, masks=WHOLE)) == code
    out, error = capsys.readouterr()
    text = " ".join((out + error).split())
    assert [word for word in expected if word not in text] == []
    assert not (shoes / "mine/data.yaml").exists()


def test_photographs_without_masks_may_be_test_photographs(shoes):
    no_mask(shoes)
    data = opened(shoes, *BY_SHOE, *BOTH, "--unlabelled")
    assert list(data.test) == ["shoe1::left/shoe1_0"] and len(data.train) == 11


def test_a_mask_of_two_photographs_and_two_files_of_one_are_refused(shoes, capsys):
    Image.fromarray(draw_shoe(1, 0)[0]).save(shoes / "photos/right/shoe1_0.jpg")
    assert main(words(shoes, *BY_SHOE, *BOTH, masks="labels/**/{stem}.png")) == 3
    error = capsys.readouterr().err
    assert "is the mask of both left/shoe1_0.jpg and right/shoe1_0.jpg" in error
    assert "{folder}/{stem}" in error
    (shoes / "photos/right/shoe1_0.jpg").rename(shoes / "photos/left/shoe1_0.jpeg")
    places = ["--images", str(shoes / "photos/**/*.jp*"), *words(shoes, *BY_SHOE, *BOTH)[3:]]
    assert main(["prepare", *places]) == 3
    assert "is the same image; remove one" in capsys.readouterr().err


def test_a_description_that_somebody_has_edited_is_not_overwritten(shoes, capsys):
    file, given = shoes / "mine" / "data.yaml", words(shoes, *BY_SHOE, *BOTH)
    assert main(given) == main(given) == 0
    edited = file.read_text() + "test: ../others/*.jpg\n"
    file.write_text(edited)
    assert main(given) == 2
    assert f"{file}: says something else; edit or remove it" in capsys.readouterr().err
    assert file.read_text() == edited
    file.unlink()
    assert main(given) == 0


def test_photographs_and_masks_may_lie_in_one_folder(tmp_path):
    for name in ("1", "10", "11"):
        Image.fromarray(draw_shoe(0, 0)[0]).save(tmp_path / f"{name}.png")
        Image.fromarray((draw_shoe(0, 0)[1] > 0).astype(np.uint8)).save(tmp_path / f"{name}_m.png")
    places = ["--images", str(tmp_path / "*.png"), "--masks", str(tmp_path / "{stem}*.png")]
    assert main(["prepare", *places, "--groups", "none", "--out", str(tmp_path / "mine")]) == 0
    data = open_data(tmp_path / "mine")
    assert list(data.train) == ["1", "10", "11"] and data.masks["1"].name == "1_m.png"


def test_one_photograph_is_too_few_whatever_groups_are_said(tmp_path, capsys):
    photograph, values = draw_shoe(0, 0)
    Image.fromarray(photograph).save(tmp_path / "1.png")
    Image.fromarray((values > 0).astype(np.uint8)).save(tmp_path / "1_m.png")
    places = ["--images", str(tmp_path / "1.png"), "--masks", str(tmp_path / "{stem}_m.png")]
    assert main(["prepare", *places, "--groups", "none", "--out", str(tmp_path / "mine")]) == 3
    assert "1.png: one photograph has a mask; add more of them" in " ".join(
        capsys.readouterr().out.split()
    )


def test_the_longer_name_owns_a_mask_that_two_patterns_match(tmp_path):
    for name in ("a", "ab"):
        Image.fromarray(draw_shoe(0, 0)[0]).save(tmp_path / f"{name}.jpg")
        Image.fromarray((draw_shoe(0, 0)[1] > 0).astype(np.uint8)).save(tmp_path / f"{name}_m.png")
    places = ["--images", str(tmp_path / "*.jpg"), "--masks", str(tmp_path / "{stem}*.png")]
    assert main(["prepare", *places, "--groups", "none", "--out", str(tmp_path / "mine")]) == 0
    masks = open_data(tmp_path / "mine").masks
    assert {image: path.name for image, path in masks.items()} == {"a": "a_m.png", "ab": "ab_m.png"}
