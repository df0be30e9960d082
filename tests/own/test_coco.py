"""COCO: polygons and run lengths as COCO means them, ExtractNet's rules, and a folder that runs."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bench.cli.verbs import main
from bench.data.carvana import open_folder
from bench.data.images import read_image
from bench.own import coco as preparation
from bench.own.check import check_folder
from bench.own.coco import (
    CocoRuns,
    from_polygons,
    from_runs,
    join_masks,
    read_annotations,
    unpack_counts,
)
from bench.system.errors import BadData, Missing

HOLED = np.zeros((40, 60), dtype=bool)
HOLED[3:30, 5:50], HOLED[10:12, 20:22] = True, False
PACKED = "[6k0=" + "0" * 28 + r"\OE;;EE;;9" + "0" * 54 + "]<"  # by pycocotools 2.0


def box(row, column, height, width, shape=(40, 60)):
    mask = np.zeros(shape, dtype=bool)
    mask[row : row + height, column : column + width] = True
    return mask


def polygon(row, column, height, width):
    right, below = column + width, row + height
    return [column, row, right, row, right, below, column, below]


def counted(mask):
    flat = np.concatenate([[False], mask.ravel(order="F")])
    turns = np.flatnonzero(np.diff(flat))
    return np.diff([0, *turns, mask.size]).tolist()


def packed(counts):
    """The format's other direction."""
    text = ""
    for index, value in enumerate(counts):
        left = value - (counts[index - 2] if index > 2 else 0)
        more = True
        while more:
            code, left = left & 31, left >> 5
            more = left != (-1 if code & 16 else 0)
            text += chr(48 + code + 32 * more)
    return text


def test_a_polygon_covers_the_pixels_between_its_corners():
    assert (from_polygons([polygon(3, 2, 5, 8)], (12, 14)) == box(3, 2, 5, 8, (12, 14))).all()


def test_polygons_of_one_object_are_joined_where_they_overlap():
    mask = from_polygons([polygon(2, 2, 20, 20), polygon(10, 10, 20, 30)], (40, 60))
    assert (mask == box(2, 2, 20, 20) | box(10, 10, 20, 30)).all()


def test_packed_run_lengths_of_the_reference_code_are_read():
    assert (from_runs(CocoRuns(counts=PACKED, size=(40, 60)), (40, 60)) == HOLED).all()


@given(st.lists(st.integers(0, 3_000_000), min_size=1, max_size=20))
def test_packed_run_lengths_come_back(counts):
    assert unpack_counts(packed(counts)) == counts


@pytest.mark.parametrize("counts", [[1, 2], [2401, -1], [], "[6k", "\x7f"])
def test_run_lengths_that_do_not_fill_the_image_are_refused(counts):
    with pytest.raises(ValueError, match=r"do not fill|no character|greater than"):
        from_runs(CocoRuns(counts=counts, size=(40, 60)), (40, 60))


@pytest.mark.parametrize(
    ("masks", "expected", "verdict"),
    [
        pytest.param([box(0, 0, 12, 59)], None, "no person", id="29 % is too small alone"),
        pytest.param([box(0, 0, 12, 60)], box(0, 0, 12, 60), "kept", id="30 % is enough"),
        pytest.param(
            [box(0, 0, 12, 60), box(20, 0, 4, 60), box(30, 0, 3, 60)],
            box(0, 0, 12, 60) | box(20, 0, 4, 60),
            "kept",
            id="10 % joins, 7.5 % does not",
        ),
        pytest.param(
            [box(r, 0, height, 60) for r, height in ((0, 12), (12, 6), (18, 5), (23, 5), (28, 4))],
            box(0, 0, 28, 60),
            "kept",
            id="three more at most, the largest",
        ),
        pytest.param([box(0, 0, 36, 60)], box(0, 0, 36, 60), "kept", id="90 % is not too much"),
        pytest.param([box(0, 0, 37, 60)], None, "over 90%", id="92.5 % is"),
        pytest.param([], None, "no person", id="nothing there"),
    ],
)
def test_the_five_rules(masks, expected, verdict):
    mask, said = join_masks(masks)
    assert verdict in said
    assert (mask is None) == (expected is None)
    assert expected is None or (mask == expected).all()


CATEGORIES = [
    {"id": 1, "name": "person", "supercategory": "person"},
    {"id": 3, "name": "car", "supercategory": "vehicle"},
    {"id": 17, "name": "cat", "supercategory": "animal"},
]


def segmentation(number, mask_of):
    """Every kind COCO knows, in turn."""
    row, column, height, width = mask_of
    runs = counted(box(*mask_of, shape=(40, 60 + number)))
    size = [40, 60 + number]
    kinds = [
        [polygon(row, column, height, width)],
        {"counts": runs, "size": size},
        {"counts": packed(runs), "size": size},
    ]
    return kinds[number % 3]


@pytest.fixture
def coco(tmp_path):
    """Six photographs of different widths: four of a person or car, a cat, and a small car."""
    (tmp_path / "images").mkdir()
    random = np.random.default_rng(0)
    images, annotations = [], []
    for number in range(6):
        place = (8, 10 + number, 24, 36) if number < 5 else (8, 10, 9, 9)
        mask = box(*place, shape=(40, 60 + number))
        photo = np.where(mask[..., None], 60, 200) + random.integers(0, 9, (*mask.shape, 3))
        name = f"{number}.jpg"
        Image.fromarray(photo.astype(np.uint8)).save(tmp_path / "images" / name)
        images.append({"id": 100 + number, "file_name": name, "height": 40, "width": 60 + number})
        kind = (1, 3, 1, 3, 17, 1)[number]
        annotations.append(
            {
                "image_id": 100 + number,
                "category_id": kind,
                "iscrowd": 0,
                "segmentation": segmentation(number, place),
            }
        )
    path = tmp_path / "instances.json"
    path.write_text(
        json.dumps({"images": images, "annotations": annotations, "categories": CATEGORIES})
    )
    return path


def prepare(coco, *more):
    folder = coco.parent
    words = ["--annotations", str(coco), "--images", str(folder / "images"), *more]
    return main(["prepare-coco", *words, "--out", str(folder / "out"), "--json"])


def test_a_suite_runs_on_what_was_prepared(coco, capsys):
    assert prepare(coco) == 0
    assert json.loads(capsys.readouterr().out) == {"kept": 4, "no person or vehicle of 30%": 2}
    data = open_folder(coco.parent / "out")
    assert list(data.train) == [f"{100 + number:012d}" for number in range(4)]
    for number, image in enumerate(data.train):
        assert (data.mask(image) == box(8, 10 + number, 24, 36, (40, 60 + number))).all()
    assert check_folder(data.root, deep=True, jobs=1).ok
    suite = {"title": "coco", "folds": {"count": 2, "run": [0, 1], "valid_cars": 1}}
    recipe = yaml.safe_load(
        "{network: {name: otsu_watershed}, size: [56, 56], epochs: 0, batch: 1, "
        "loss: {bce: 1}, optimiser: {name: adam, lr: 0.1}, source: t, goal: t}"
    )
    (coco.parent / "tiny.yaml").write_text(yaml.safe_dump(recipe))
    (coco.parent / "coco.yaml").write_text(yaml.safe_dump(suite | {"recipes": ["tiny.yaml"]}))
    runs = coco.parent / "runs"
    words = ["--data", str(data.root), "--runs", str(runs), "--submissions", str(coco.parent)]
    assert main(["run", str(coco.parent / "coco.yaml"), *words, "--device", "cpu"]) == 0
    scores = pd.read_parquet(runs / "coco" / "scores.parquet")
    assert sorted(scores["group"]) == list(data.train)


def test_resized_photographs_and_masks_fit_together(coco):
    assert prepare(coco, "--size", "20", "30") == 0
    data = open_folder(coco.parent / "out")
    assert (data.mask("000000000100") == box(4, 5, 12, 18, (20, 30))).all()
    assert read_image(data.train["000000000100"]).shape == (20, 30, 3)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        pytest.param({"file_name": "../images/0.jpg"}, BadData, "inside", id="out of the folder"),
        pytest.param({"file_name": "/etc/passwd.jpg"}, BadData, "inside", id="absolute"),
        pytest.param({"file_name": "0.sh"}, BadData, "no photograph", id="no photograph"),
        pytest.param({"file_name": "none.jpg"}, Missing, "no such photograph", id="absent"),
        pytest.param({"height": 41}, BadData, "annotated as 41x60", id="of another size"),
        pytest.param({"height": "tall"}, BadData, "images.0.height", id="not COCO's format"),
    ],
)
def test_a_wrong_entry_is_refused(coco, change, error, message, capsys):
    whole = json.loads(coco.read_text())
    whole["images"][0] |= change
    coco.write_text(json.dumps(whole))
    assert prepare(coco) == error.exit_code
    assert message in capsys.readouterr().err
    assert not (coco.parent / "out" / "train" / "000000000100.jpg").exists()


def test_a_mark_and_a_name_in_capitals_are_read(coco):
    (coco.parent / "images/0.jpg").rename(coco.parent / "images/0.JPG")
    coco.write_bytes(b"\xef\xbb\xbf" + coco.read_bytes())
    assert prepare(coco) == 0
    assert "000000000100" in open_folder(coco.parent / "out").train


@pytest.mark.parametrize("size", [[], ["--size", "20", "30"]])
def test_a_photograph_that_lies_is_upright_with_its_mask(coco, size):
    path, exif = coco.parent / "images/0.jpg", Image.Exif()
    upright = read_image(path)
    exif[0x0112] = 6
    Image.fromarray(np.rot90(upright)).save(path, exif=exif)
    assert prepare(coco, *size) == 0
    data = open_folder(coco.parent / "out")
    photo = read_image(data.train["000000000100"])
    assert photo.shape[:2] == data.mask("000000000100").shape == ((20, 30) if size else (40, 60))
    assert photo[data.mask("000000000100")].mean() < 80 < photo.mean()  # the car is the dark part


def test_annotations_of_the_photograph_as_it_is_stored_are_refused_with_the_reason(coco, capsys):
    path, exif = coco.parent / "images/0.jpg", Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(read_image(path)).save(path, exif=exif)
    assert prepare(coco) == 3
    said = capsys.readouterr().err
    assert (
        "annotated as 40x60, its photograph" in said and "turned upright as its EXIF says" in said
    )


def test_a_file_that_is_not_there_or_not_json_is_named(coco, capsys):
    coco.write_text("[")
    assert prepare(coco) == 3
    coco.unlink()
    for what in ("no such file", "a folder, not a file; name one like"):
        assert prepare(coco) == 4
        assert f"instances.json: {what}" in capsys.readouterr().err
        coco.mkdir(exist_ok=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("[" * 100_000, "recursion limit", id="lists in lists"),
        pytest.param('{"images": ' * 100_000, "recursion limit", id="records in records"),
        pytest.param('{"images": [{"id": 1e999}]}', "images.0.id", id="an infinite id"),
        pytest.param(
            '{"images": [{"id": ' + "9" * 5000 + "}]}", "images.0.id|number", id="a long id"
        ),
        pytest.param(
            '{"images": [{"id": 1, "file_name": "a.jpg", "height": 1000000000, "width": 9}]}',
            "images.0.height",
            id="a photograph that would fill the memory",
        ),
        pytest.param(
            '{"images": [], "annotations": [{"image_id": 1, "category_id": 1, "segmentation": '
            '[[NaN, 1, 2, 3, 4, 5]]}], "categories": []}',
            "annotations.0.segmentation",
            id="a coordinate that is no number",
        ),
    ],
)
def test_annotations_that_would_fill_the_memory_are_refused(tmp_path, text, said):
    path = tmp_path / "instances.json"
    path.write_text(text)
    with pytest.raises(BadData, match=rf"instances\.json: .*({said}).*; give COCO's instances"):
        read_annotations(path)


def test_an_image_that_stands_twice_is_refused(tmp_path):
    image = {"id": 7, "file_name": "a.jpg", "height": 40, "width": 60}
    kinds = [{"id": 1, "supercategory": "person"}]
    coco = {
        "images": [image, image | {"file_name": "b.jpg"}],
        "annotations": [],
        "categories": kinds,
    }
    (tmp_path / "instances.json").write_text(json.dumps(coco))
    with pytest.raises(BadData, match=r"instances\.json: image 7 stands twice; remove one"):
        preparation.prepare(tmp_path / "instances.json", tmp_path, tmp_path / "out", None, 1)
