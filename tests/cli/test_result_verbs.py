"""A mended submission file is checked: what no mending cures is told by the exit code."""

import json
import shutil

import cv2
import numpy as np
import pytest

from bench.cli.verbs import main
from bench.data.carvana import SIZE
from bench.kaggle.writing import write_submission
from bench.masks import rle
from tests.tiny import TEST_CAR, draw_car


def encoded(masks, change=lambda mask: mask):
    return [rle.encode(np.ascontiguousarray(change(mask))) for mask in masks]


def padded(mask):
    return np.pad(mask, ((0, 0), (1, 1)))


WRITTEN = {  # how masks were written, and the kind of what is left of that
    "as they should be": (encoded, None),
    "column by column": (lambda masks: encoded(masks, np.transpose), "column-major"),
    "padded": (lambda masks: encoded(masks, padded), "1920-wide"),
    "rows lacking": (lambda masks: encoded(masks[1:]), "missing"),
    "past the end": (lambda masks: [f"{text} 2455040 2" for text in encoded(masks)], "range"),
}


@pytest.fixture
def data(copy):
    """A folder whose test photographs, which are not in it, are of the competition's size."""
    shutil.rmtree(copy / "test")
    return ["--data", str(copy)]


@pytest.mark.parametrize("how", WRITTEN)
@pytest.mark.parametrize("more", [[], ["--json"]])
def test_what_repair_cannot_mend_ends_it_as_the_check_ends(how, more, tmp_path, data, capsys):
    drawn = [draw_car(4, view)[1].astype(np.uint8) for view in range(1, 17)]
    masks = [cv2.resize(mask, SIZE[::-1], interpolation=cv2.INTER_NEAREST) > 0 for mask in drawn]
    write, kind = WRITTEN[how]
    texts = write(masks)
    names = [f"{TEST_CAR}_{view:02d}" for view in range(1, len(texts) + 1)]  # lacks .jpg
    file, out = tmp_path / "file.csv.gz", tmp_path / "out.csv.gz"
    write_submission(file, zip(names, texts, strict=True))
    assert main(["submit", "--repair", str(file), str(out), *data, *more]) == (3 if kind else 0)
    shown, said = capsys.readouterr()
    assert f"{len(texts)} rows written to {out}" in said
    assert (f"{out}: Kaggle would refuse or misread it; see above" in said) == bool(kind)
    if more:
        result = json.loads(shown)
        assert (result["made"], [*result["counts"]]) == ([str(out)], [kind] if kind else [])
    else:
        assert (kind or "no problem") in shown
    assert main(["submit", "--check", str(out), *data]) == (3 if kind else 0)


def test_without_data_to_check_by_nothing_is_mended(tmp_path, capsys):
    file, out = tmp_path / "file.csv.gz", tmp_path / "out.csv.gz"
    write_submission(file, [("a_01", "1 1")])
    words = ["submit", "--repair", str(file), str(out), "--data", str(tmp_path / "none")]
    assert main(words) == 4
    assert "none: no such folder" in capsys.readouterr().err and not out.exists()
