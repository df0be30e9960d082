"""Submissions scored on known masks, without a picture of them."""

import json

import numpy as np
import pytest

from bench.cli.verbs import main
from bench.kaggle import scoring, writing
from bench.masks import rle
from bench.metrics.overlap import counts, dice, jaccard
from bench.system.errors import BadData, Missing

HEADER = "img,rle_mask\n"


SOUND = HEADER + "a_01.jpg,1 3 10 5\na_02.jpg,\na_03.jpg,2455040 1\n"


def test_scores_equal_those_of_the_pixels(tmp_path):
    random = np.random.default_rng(0)
    truth = {f"car_{view:02d}": random.random((80, 120)) > 0.6 for view in range(1, 5)}
    truth["car_05"] = np.zeros((80, 120), dtype=bool)
    predicted = {image: mask ^ (random.random(mask.shape) > 0.95) for image, mask in truth.items()}
    predicted["car_05"] = truth["car_05"]
    table, path = tmp_path / "train_masks.csv.gz", tmp_path / "file.csv.gz"
    writing.write_submission(table, ((f"{image}.jpg", rle.encode(truth[image])) for image in truth))
    rows = [(f"{image}.jpg", rle.encode(mask)) for image, mask in predicted.items()]
    writing.write_submission(path, [*rows, ("other_01.jpg", "1 1")])
    found = scoring.score_submission(path, scoring.KnownMasks(table))
    expected = {image: counts(predicted[image], truth[image]) for image in truth}
    assert found.counts == expected
    assert (found.unknown, found.without_row) == (1, 0)
    assert found.dice == pytest.approx(np.mean([dice(each) for each in expected.values()]))
    assert found.jaccard == pytest.approx(np.mean([jaccard(each) for each in expected.values()]))
    assert dice(found.counts["car_05"]) == 1  # two empty masks agree
    assert found.to_json()["images"] == 5


def test_masks_may_be_pictures_and_rows_may_lack(tiny_carvana, tmp_path):
    known = scoring.KnownMasks(tiny_carvana / "train_masks")
    table = scoring.KnownMasks(tiny_carvana / "train_masks.csv")
    assert sorted(known) == sorted(table)
    rows = [(f"{image}.jpg", rle.format_runs(known[image])) for image in sorted(known)[:5]]
    writing.write_submission(tmp_path / "file.csv.gz", rows)
    for masks in (known, table):
        found = scoring.score_submission(tmp_path / "file.csv.gz", masks)
        assert (found.dice, found.jaccard, len(found.counts)) == (1.0, 1.0, 5)
        assert found.without_row == len(known) - 5


def test_a_file_that_cannot_be_scored_has_a_report(tiny_carvana, tmp_path, capsys):
    path, masks = tmp_path / "file.csv", tiny_carvana / "train_masks.csv"
    path.write_text(f"{HEADER}{next(iter(scoring.KnownMasks(masks)))}.jpg,1 2 3\n")
    words = ["--check", str(path), "--data", str(tiny_carvana), "--against", str(masks)]
    assert main(["submit", *words, "--json"]) == 3
    out, error = capsys.readouterr()
    assert json.loads(out)["counts"]["odd"] == 1 and "line 2" in error
    assert main(["submit", *words]) == 3
    assert "without a length" in capsys.readouterr().out


def test_each_picture_is_read_once(tiny_carvana, tmp_path, monkeypatch):
    known = scoring.KnownMasks(tiny_carvana / "train_masks")
    rows = [(f"{image}.jpg", "") for image in known]
    writing.write_submission(tmp_path / "file.csv.gz", rows)
    read = []
    monkeypatch.setattr(
        scoring, "read_mask", lambda path: read.append(path) or np.eye(4, dtype=bool)
    )
    scoring.score_submission(tmp_path / "file.csv.gz", known)
    assert len(read) == len(set(read)) == len(rows)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(
            SOUND.replace("2.jpg,", "2.jpg,1 2 3"), "line 3, a_02.jpg: token 3", id="broken row"
        ),
        pytest.param(SOUND + "a_01.jpg,1 1\n", "line 5, a_01.jpg: .*already", id="doubled row"),
        pytest.param(HEADER + "b_01.jpg,1 1\n", "none of its 1 image has", id="other images"),
        pytest.param(SOUND.replace(",", ";"), "';'", id="not a submission"),
        pytest.param(
            SOUND[: SOUND.index(",\na_03")], "line 3: no comma in 'a_02.jpg'", id="cut off"
        ),
        pytest.param("\ufeff" + SOUND, "byte order mark", id="byte order mark"),
        pytest.param(f'"img","rle_mask"{SOUND[len(HEADER) - 1 :]}', "quoted", id="quoted header"),
    ],
)
def test_what_cannot_be_scored_is_named(tmp_path, content, words):
    (tmp_path / "truth.csv").write_text(SOUND)
    (tmp_path / "file.csv").write_text(content)
    with pytest.raises(BadData, match=words):
        scoring.score_submission(tmp_path / "file.csv", scoring.KnownMasks(tmp_path / "truth.csv"))


def test_a_blank_line_is_no_image(tmp_path):
    (tmp_path / "file.csv").write_text(SOUND + "\n")
    found = scoring.score_submission(tmp_path / "file.csv", {"a_01": np.array([[1, 3]])})
    assert (len(found.counts), found.unknown) == (1, 2)


def test_masks_that_are_not_there_are_an_error(tmp_path):
    with pytest.raises(Missing, match="no masks"):
        scoring.KnownMasks(tmp_path)
