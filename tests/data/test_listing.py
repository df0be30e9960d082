"""Files are found whatever their letter case or accents; names that are no text are refused."""

import json
import os
import shutil
import unicodedata

import pytest

from bench.cli.verbs import main
from bench.data.carvana import metadata, open_folder
from bench.data.dataset import mask_areas
from bench.kaggle.scoring import KnownMasks
from bench.own.check import check_folder
from bench.system.errors import BadData
from tests.tiny import TRAIN_CARS

FIRST = f"{TRAIN_CARS[0]}_01"
PHOTO, MASK = f"train/{FIRST}.jpg", f"train_masks/{FIRST}_mask.gif"
COMPOSED, APART = "Bl\N{LATIN SMALL LETTER U WITH DIAERESIS}te", "Blu\N{COMBINING DIAERESIS}te"


def rename(root, photo, mask):
    (root / PHOTO).rename(root / "train" / photo)
    (root / MASK).rename(root / "train_masks" / mask)
    table = root / "train_masks.csv"
    table.write_text(table.read_text().replace(f"{FIRST}.jpg", photo))


def test_everything_may_be_in_capitals(copy):
    ids = list(open_folder(copy).train)
    for folder, names in {"train": ".JPG", "train_masks": "_MASK.GIF", "test": ".JPG"}.items():
        for path in list((copy / folder).iterdir()):
            path.rename(path.with_name(path.stem.removesuffix("_mask") + names))
        (copy / folder).rename(copy / folder.upper())
    for path in list(copy.glob("*.csv")):
        path.rename(copy / path.name.upper())
    data = open_folder(copy)
    assert list(data.train) == list(data.masks) == sorted(data.mask_rows) == ids
    assert data.sample and len(metadata(data)) == 5 and mask_areas(data)[FIRST]
    assert check_folder(copy, deep=True, jobs=1).ok
    assert sorted(KnownMasks(copy / "TRAIN_MASKS")) == ids


@pytest.mark.parametrize(("photo", "mask"), [(COMPOSED, APART), (APART, COMPOSED)])
def test_an_accent_in_two_forms_is_one_name(copy, photo, mask):
    rename(copy, f"{photo}.jpg", f"{mask}_mask.gif")
    data = open_folder(copy)
    assert unicodedata.normalize("NFC", APART) == COMPOSED in data.train.keys() & data.masks.keys()
    assert COMPOSED in data.mask_rows and data.mask(COMPOSED).any()
    assert check_folder(copy, deep=True, jobs=1).ok


def test_two_forms_of_one_name_are_refused(copy):
    for name in (COMPOSED, APART):
        shutil.copy(copy / PHOTO, copy / "train" / f"{name}.jpg")
    if len(list((copy / "train").glob("Bl*"))) == 2:  # some file systems keep one
        with pytest.raises(BadData, match="is the same image; remove one"):
            open_folder(copy)


@pytest.mark.parametrize(
    ("name", "shown"), [(b"Citro\xebn.jpg", r"Citro\\xebn.jpg"), (b"a\nb.jpg", r"a\\nb.jpg")]
)
def test_a_name_that_is_no_text_is_refused_and_shown(copy, capsys, name, shown):
    shutil.copy(copy / PHOTO, os.fsencode(copy / "train") + b"/" + name)
    with pytest.raises(BadData, match=f"train/{shown}: .*; rename it, and its mask"):
        open_folder(copy)
    assert main(["check", "--data", str(copy), "--json"]) == 3
    assert "rename it" in capsys.readouterr().err


def test_pictures_in_other_formats_are_not_passed_over(copy, capsys):
    (copy / "train/a_01.HEIC").touch()
    (copy / "train_masks/a_01.bmp").touch()
    assert main(["check", "--data", str(copy), "--json"]) == 3
    problems = json.loads(capsys.readouterr().out)["problems"]
    named = {problem["file"].removeprefix(f"{copy}/"): problem["cure"] for problem in problems}
    assert named == dict.fromkeys(
        ["train/a_01.HEIC", "train_masks/a_01.bmp"], "convert it to PNG or JPEG"
    )


def test_a_folder_of_nothing_but_other_formats_says_so(tmp_path):
    (tmp_path / "train").mkdir()
    for name in ("a.heic", "b.webp"):
        (tmp_path / "train" / name).touch()
    with pytest.raises(BadData, match=r"a\.heic: none of the 2 pictures .*; convert it to PNG"):
        open_folder(tmp_path)


def test_two_tables_of_one_name_are_refused(copy):
    for name in ("Metadata.csv", "METADATA.CSV"):
        shutil.copy(copy / "metadata.csv", copy / name)
    (copy / "metadata.csv").unlink()
    if len(list(copy.glob("[mM]*"))) == 2:
        with pytest.raises(
            BadData, match=r"Metadata\.csv is there too; keep one, as metadata\.csv"
        ):
            open_folder(copy)
