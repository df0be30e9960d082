"""A sound folder is ready; each kind of damage is found, named and has a cure."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from bench.own.check import check_folder
from bench.system import contents
from bench.system.errors import Missing
from tests.tiny import TEST_CAR, TRAIN_CARS, draw_car, save_mask

CAR = TRAIN_CARS[1]
PHOTO, MASK = f"train/{CAR}_02.jpg", f"train_masks/{CAR}_02_mask.gif"


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def edit(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new))


def drop_mask(root: Path) -> None:
    (root / MASK).unlink()
    edit(root / "train_masks.csv", f"{CAR}_02", "x_02")


def shade_mask(root: Path) -> None:
    Image.fromarray(np.full((80, 120), 7, np.uint8)).save(root / MASK)


TEST_PHOTO = f"test/{TEST_CAR}_02.jpg"
ROWS, SAMPLE, CARS = "train_masks.csv", "sample_submission.csv", "metadata.csv"
DAMAGES = {  # what happens to a folder, the file that is named, what is said of it
    "photograph cut short": (lambda root: cut(root / PHOTO), PHOTO, "cannot be read"),
    "test photograph cut short": (
        lambda root: cut(root / TEST_PHOTO),
        TEST_PHOTO,
        "cannot be read",
    ),
    "mask cut short": (lambda root: cut(root / MASK), MASK, "cannot be read"),
    "mask of another size": (
        lambda root: save_mask(root / MASK, np.ones((120, 80))),
        MASK,
        "the mask is 120x80",
    ),
    "mask of other values": (shade_mask, MASK, "values other than 0 and 1"),
    "mask unlike its row": (
        lambda root: save_mask(root / MASK, ~draw_car(1, 2)[1]),
        MASK,
        "differs from",
    ),
    "photograph without mask": (drop_mask, PHOTO, "no mask"),
    "mask without photograph": (lambda root: (root / PHOTO).unlink(), MASK, "no photograph"),
    "row that breaks the rules": (
        lambda root: edit(root / ROWS, f"{CAR}_02.jpg,", f"{CAR}_02.jpg,0 1 "),
        ROWS,
        f"row of {CAR}_02: token 1",
    ),
    "mask table of another kind": (lambda root: edit(root / ROWS, "img,", "id,"), ROWS, "line 1"),
    "test photograph without row": (
        lambda root: edit(root / SAMPLE, f"{TEST_CAR}_02", "x_02"),
        TEST_PHOTO,
        "not in sample_submission.csv",
    ),
    "metadata of another kind": (lambda root: edit(root / CARS, "make", "x"), CARS, "line 1"),
    "car in both folders": (
        lambda root: shutil.copy(root / PHOTO, root / "test"),
        f"test/{CAR}_02.jpg",
        "in the training folder too",
    ),
}


def test_a_sound_folder_is_ready(tiny_carvana):
    report = check_folder(tiny_carvana, deep=True, jobs=2)
    assert report.ok and report.notes == []
    assert report.facts["training photographs"] == "64 of 4 cars in train/"
    assert report.facts["files read"] == "80 photographs, 80 of 80x120"
    assert report.facts["metadata"] == "5 cars, 5 of the 5 here"


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_found_and_named(copy, name):
    damage, file, what = DAMAGES[name]
    damage(copy)
    report = check_folder(copy, deep=True, jobs=1)
    assert not report.ok
    named = [problem for problem in report.problems if what in f"{problem.file} {problem.what}"]
    assert named and named[0].file.startswith(str(copy / file)) and named[0].cure


def test_a_report_is_a_table_and_json(copy):
    cut(copy / PHOTO)
    (copy / "train/[odd] file.txt").touch()
    report = check_folder(copy, deep=True, jobs=1)
    console = Console(width=300, file=io.StringIO())
    console.print(report.to_table())
    shown = console.file.getvalue()
    for text in (report.verdict, report.problems[0].cure, "[odd] file.txt", "64 of 4 cars"):
        assert text in shown
    stored = json.loads(json.dumps(report.to_json()))
    assert not stored["ok"] and stored["problems"][0]["file"] == str(copy / PHOTO)


def test_a_sample_is_read_unless_asked(copy):
    cut(copy / PHOTO)
    report = check_folder(copy, deep=False, jobs=1)
    assert report.ok and "a sample was read" in report.verdict
    assert report.facts["files read"].startswith("32 photographs")


def test_zip_files_are_unpacked_first(copy):
    shutil.make_archive(str(copy / "train_masks"), "zip", copy, "train_masks")
    shutil.rmtree(copy / "train_masks")
    report = check_folder(copy, deep=False, jobs=1)
    assert report.ok and report.notes == ["unpacked train_masks"]


def test_a_folder_of_nothing_is_missing(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(Missing):
            check_folder(folder, deep=False, jobs=1)


def test_the_real_data_are_ready(carvana_folder):
    report = check_folder(carvana_folder, deep=False, jobs=2)
    assert report.ok and "of 1280x1918" in report.facts["files read"]


def test_deep_finds_what_changed_since_a_run_read_it(tiny_carvana, tmp_path, monkeypatch):
    monkeypatch.setattr(contents, "RESTED_S", -1)
    copy = tmp_path / "data"
    shutil.copytree(tiny_carvana, copy)
    memory = contents.Contents(tmp_path / "cache")
    photograph, other = copy / PHOTO, copy / f"train/{CAR}_03.jpg"
    memory.of([photograph])
    assert check_folder(copy, True, 1, memory).ok
    monkeypatch.setattr(contents, "_state", lambda path: "as it was")  # as a failing disk does it
    memory.of([photograph])
    photograph.write_bytes(other.read_bytes())
    (problem,) = check_folder(copy, True, 1, memory).problems
    assert problem.file == str(photograph) and "its bytes changed" in problem.what
    assert check_folder(copy, True, 1, memory).ok  # it is known now


def test_missing_views_are_noted_of_cars_alone(tmp_path):
    for count, name in enumerate(("a_01", "a_02", "b_01", "IMG_001", "IMG_002")):
        root = tmp_path / ("cars" if count < 3 else "groups")
        for folder in ("train", "train_masks"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        photograph, mask = draw_car(count, 1)
        Image.fromarray(photograph).save(root / "train" / f"{name}.jpg")
        save_mask(root / "train_masks" / f"{name}_mask.gif", mask)
    cars, groups = (check_folder(tmp_path / kind, False, 1) for kind in ("cars", "groups"))
    assert "2 training cars without 16 views, first a with 2" in cars.notes
    assert groups.facts["training photographs"].startswith("2 of 2 groups")
    assert not [note for note in groups.notes if "views" in note]
