"""Masks of COCO's categories are drawn into a table; what says two things or nothing is refused."""

import json

import pytest

from bench.cli.verbs import main
from bench.own.opening import open_data
from tests.shoes import draw_shoe, draw_shoes, words


@pytest.fixture
def shoes(tmp_path):
    return draw_shoes(tmp_path)


def opened(root, *said):
    assert main(words(root, *said, masks="coco.json")) == 0
    return open_data(root / "mine")


SQUARE = [2, 3, 10, 3, 10, 9, 2, 9]
IN_COCO = ("--groups", "none", "--unlabelled", "--category", "sole")


def coco_of(shoes):
    """Two photographs in COCO's format, a square on the first of them."""
    images = [
        {"id": number, "file_name": f"shoe{number}_0.jpg", "height": 0, "width": 0}
        for number in (0, 1)
    ]
    for image in images:
        image["height"], image["width"] = draw_shoe(image["id"], 0)[1].shape
    square = {"id": 1, "image_id": 0, "category_id": 7, "segmentation": [SQUARE]}
    return {"images": images, "annotations": [square], "categories": [{"id": 7, "name": "sole"}]}


def test_a_category_of_coco(shoes):
    (shoes / "coco.json").write_text(json.dumps(coco_of(shoes)))
    assert main(words(shoes, *IN_COCO[:3], masks="coco.json")) == 2  # which category?
    data = opened(shoes, *IN_COCO)
    assert len(data.train) == 2 and len(data.test) == 10
    mask = data.mask("right/shoe0_0")
    assert mask.sum() == 8 * 6 and mask[3:9, 2:10].all()
    assert not data.mask("left/shoe1_0").any()  # listed, with nothing on it


def test_all_categories_of_one_name_are_masked_and_a_name_goes_before_a_number(shoes):
    coco = coco_of(shoes)
    lower = [x + 20 for x in SQUARE]
    coco["annotations"].append(coco["annotations"][0] | {"category_id": 8, "segmentation": [lower]})
    coco["categories"] = [{"id": 7, "name": "9"}, {"id": 8, "name": "9"}, {"id": 9, "name": "8"}]
    (shoes / "coco.json").write_text(json.dumps(coco))
    for name, pixels in {"9": 2 * 8 * 6, "7": 8 * 6}.items():
        data = opened(shoes, *IN_COCO[:3], "--category", name)
        assert data.mask("right/shoe0_0").sum() == pixels


def second_image(**change):
    return lambda coco: coco["images"].append(coco["images"][0] | {"id": 5} | change)


def annotation(**change):
    return lambda coco: coco["annotations"].append(coco["annotations"][0] | {"id": 4} | change)


def outline(*polygons):
    return lambda coco: coco["annotations"][0].update(segmentation=list(polygons))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(second_image(id=0, file_name="b.jpg"), "image 0 stands twice", id="an id"),
        pytest.param(second_image(), "image shoe0_0.jpg stands twice", id="a file"),
        pytest.param(
            second_image(file_name="right/shoe0_0.jpg"), "are both ", id="a file by two names"
        ),
        pytest.param(
            annotation(image_id=999), "annotations.1 (id 4): is of image 999, which", id="no image"
        ),
        pytest.param(
            annotation(category_id=8), "annotations.1 (id 4): is of category 8", id="no category"
        ),
        pytest.param(outline(), "image 0 (shoe0_0.jpg): an object without an outline", id="a box"),
        pytest.param(outline([1, 2, 3, 4]), "(shoe0_0.jpg): a polygon of 2 points", id="a line"),
        pytest.param(outline([1, 2, 3, 4, 5, "x"]), "polygons.0.5: should be a number", id="text"),
    ],
)
def test_coco_that_says_two_things_or_nothing_is_refused(shoes, capsys, change, said):
    coco = coco_of(shoes)
    change(coco)
    (shoes / "coco.json").write_text(json.dumps(coco))
    assert main(words(shoes, *IN_COCO, masks="coco.json")) == 3
    error = capsys.readouterr().err
    assert "coco.json" in error and said in error
    assert not (shoes / "mine").exists()


def test_a_name_that_no_table_can_hold_is_refused_before_the_table_is_written(shoes, capsys):
    coco = coco_of(shoes)
    coco["images"][0]["file_name"] = "a, b.jpg"
    (shoes / "photos/right/shoe0_0.jpg").rename(shoes / "photos/right/a, b.jpg")
    (shoes / "coco.json").write_text(json.dumps(coco))
    assert main(words(shoes, *IN_COCO, masks="coco.json")) == 3
    assert "a, b.jpg: the name holds ,; rename it" in capsys.readouterr().err
    assert not (shoes / "mine").exists()
