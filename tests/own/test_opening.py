"""Tables name photographs, and may leave out folders where that is clear; elsewhere it is said."""

import json
import shutil

import pytest

from bench.cli.verbs import main
from bench.masks import rle
from bench.own.opening import open_data
from tests.shoes import BOTH, BY_SHOE, draw_shoe, draw_shoes, words


@pytest.fixture
def shoes(tmp_path):
    """Shoe 1 has a photograph of the same name in either folder."""
    root = draw_shoes(tmp_path)
    for folder, suffix in {"photos": "jpg", "labels": "png"}.items():
        of_left = root / folder / f"left/shoe1_0.{suffix}"
        shutil.copy(of_left, root / folder / "right")
    return root


def named(root, *, of_both):
    """The names of all photographs, with their folders; of the two as one without, or each."""
    names = [str(path.relative_to(root / "photos")) for path in (root / "photos").rglob("*.jpg")]
    both = ["shoe1_0.jpg"] if of_both == "one name" else [f"{each}/shoe1_0.jpg" for each in SIDES]
    return [*both, *(name for name in sorted(names) if "shoe1_0" not in name)]


SIDES = ("left", "right")


def mask_of(name):
    number, shot = name.partition(".")[0].rpartition("shoe")[2].split("_")
    return draw_shoe(int(number), int(shot))[1] > 0


def masks(root, names):
    rows = [f"{name},{rle.encode(mask_of(name))}" for name in names]
    (root / "table.csv").write_text("\n".join(["img,rle_mask", *rows]))
    return words(root, *BY_SHOE, "--unlabelled", masks="table.csv")


def groups(root, names):
    rows = [f"{name},{name.partition('shoe')[2][:1]}" for name in names]
    (root / "table.csv").write_text("\n".join(["image,group", *rows]))
    return words(root, *BOTH, "--groups", str(root / "table.csv"))


def coco(root, names):
    sizes = {name: mask_of(name).shape for name in names}
    images = [
        {"id": number, "file_name": name, "height": height, "width": width}
        for number, (name, (height, width)) in enumerate(sizes.items(), start=2)
    ]
    sole = {"category_id": 7, "segmentation": [[2, 3, 10, 3, 10, 9, 2, 9]]}
    drawn = [{"id": each["id"], "image_id": each["id"], **sole} for each in images]
    told = {"images": images, "annotations": drawn, "categories": [{"id": 7, "name": "sole"}]}
    (root / "table.json").write_text(json.dumps(told))
    more = ("--unlabelled", "--category", "sole")
    return words(root, *BY_SHOE, *more, masks="table.json")


@pytest.mark.parametrize(
    ("table", "where"),
    [(masks, "table.csv, line 2"), (groups, "table.csv, line 2"), (coco, "table.json, image 2")],
)
def test_a_name_that_may_be_two_photographs_is_refused(shoes, table, where, capsys):
    assert main(table(shoes, named(shoes, of_both="one name"))) == 3
    said = f"{where}: shoe1_0.jpg may be left/shoe1_0.jpg or right/shoe1_0.jpg; write the folder"
    assert said in capsys.readouterr().err
    assert main(table(shoes, named(shoes, of_both="folders"))) == 0
    assert len(open_data(shoes / "mine").train) == 13


def test_a_table_of_masks_is_read_beside_test_photographs_elsewhere(shoes):
    """Those put a folder before all names; the names of the table are those of `images`."""
    (shoes / "other").mkdir()
    shutil.copy(shoes / "photos/left/shoe1_0.jpg", shoes / "other")
    said = masks(shoes, named(shoes, of_both="folders"))
    assert main([*said, "--test", str(shoes / "other/*.jpg")]) == 0
    data = open_data(shoes / "mine")
    assert len(data.mask_rows) == len(data.train) == 13 and len(data.test) == 1
    assert (data.mask("shoe1::photos/right/shoe1_0") == mask_of("shoe1_0")).all()
