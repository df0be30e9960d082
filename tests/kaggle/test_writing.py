"""Submission files: written, mended, scored offline, and handed to Kaggle's client."""

import dataclasses
import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from bench.data.carvana import open_folder
from bench.kaggle import scoring, validation, writing
from bench.kaggle.reading import Unreadable
from bench.masks import rle
from bench.metrics.overlap import counts, dice, jaccard
from bench.system.errors import BadData, BenchError, Missing

NAMES = ["a_01.jpg", "a_02.jpg", "a_03.jpg"]
HEADER = "img,rle_mask\n"
SOUND = HEADER + "a_01.jpg,1 3 10 5\na_02.jpg,\na_03.jpg,2455040 1\n"


def test_the_same_rows_give_the_same_bytes_under_any_name(tmp_path):
    rows = [("a_01.jpg", "1 3 10 5"), ("a_02.jpg", ""), ("a_03.jpg", "2455040 1")]
    first, second = tmp_path / "one.csv.gz", tmp_path / "other.csv.gz"
    assert writing.write_submission(first, rows) == 3
    writing.write_submission(second, iter(rows))
    assert first.read_bytes() == second.read_bytes()
    assert gzip.decompress(first.read_bytes()).decode() == SOUND


def test_a_writer_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "file.csv.gz"
    writing.write_submission(path, [])
    before = path.read_bytes()

    def rows():
        yield "a_01.jpg", "1 1"
        raise RuntimeError

    with pytest.raises(RuntimeError):
        writing.write_submission(path, rows())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_sidecar_says_what_the_file_is_and_what_made_it(tmp_path):
    path = tmp_path / "demo-mean.csv.gz"
    writing.write_submission(path, [("a_01.jpg", "1 1"), ("a_02.jpg", "")])
    sidecar = writing.write_sidecar(path, 2, {"entry": "mean", "threshold": 128})
    assert sidecar == tmp_path / "demo-mean.json"
    facts = json.loads(sidecar.read_text())
    assert (facts["file"], facts["rows"], facts["entry"]) == ("demo-mean.csv.gz", 2, "mean")
    assert len(facts["sha256"]) == 64
    assert facts["date"].endswith("+00:00")


def test_expected_images_are_those_of_the_sample_else_of_the_test_folder(tiny_carvana):
    data = open_folder(tiny_carvana)
    names = {f"{image}.jpg" for image in data.test}
    assert writing.expected_images(data) == names
    assert writing.expected_images(dataclasses.replace(data, sample=None)) == names
    with pytest.raises(Missing, match="sample_submission"):
        writing.expected_images(dataclasses.replace(data, sample=None, test={}))


def test_repair_mends_what_is_certain(tmp_path):
    broken = tmp_path / "broken.csv"
    broken.write_text(
        '\ufeff"img","rle_mask"\r\n"a_01.png","10 5  1 3 "\r\n\r\na_02,\r\na_03.jpg,2455040 1',
        encoding="utf-8",
        newline="",
    )
    mended = tmp_path / "mended.csv.gz"
    assert writing.repair_submission(broken, mended) == 3
    assert validation.check_submission(mended, NAMES).sound
    assert gzip.decompress(mended.read_bytes()).decode() == SOUND


@pytest.mark.parametrize("text", ["1 2 3", "1 5 3 2", "0 4", "1 -1", "1 x", "1.5 2"])
def test_repair_refuses_to_guess(tmp_path, text):
    (tmp_path / "broken.csv").write_text(SOUND.replace("a_02.jpg,", f"a_02.jpg,{text}"))
    with pytest.raises(BadData, match=r"line 3, a_02.jpg"):
        writing.repair_submission(tmp_path / "broken.csv", tmp_path / "mended.csv.gz")
    assert not (tmp_path / "mended.csv.gz").exists()


def test_repair_needs_the_header(tmp_path):
    (tmp_path / "broken.csv").write_text(SOUND.removeprefix(HEADER))
    with pytest.raises(Unreadable, match="first line"):
        writing.repair_submission(tmp_path / "broken.csv", tmp_path / "mended.csv.gz")


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
    assert found.per_image()[-1]["image"] == "car_05"  # two empty masks agree: the best
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


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(
            SOUND.replace("2.jpg,", "2.jpg,1 2 3"), "line 3, a_02.jpg: token 3", id="broken row"
        ),
        pytest.param(SOUND + "a_01.jpg,1 1\n", "line 5, a_01.jpg: .*already", id="doubled row"),
        pytest.param(HEADER + "b_01.jpg,1 1\n", "none of its 1 images", id="other images"),
        pytest.param(SOUND.replace(",", ";"), "';'", id="not a submission"),
    ],
)
def test_what_cannot_be_scored_is_named(tmp_path, content, words):
    (tmp_path / "truth.csv").write_text(SOUND)
    (tmp_path / "file.csv").write_text(content)
    with pytest.raises(BadData, match=words):
        scoring.score_submission(tmp_path / "file.csv", scoring.KnownMasks(tmp_path / "truth.csv"))


def test_masks_that_are_not_there_are_an_error(tmp_path):
    with pytest.raises(Missing, match="no masks"):
        scoring.KnownMasks(tmp_path)


@pytest.fixture
def kaggle(tmp_path, monkeypatch):
    """A stand-in for Kaggle's client on the search path; returns a setter of its behaviour."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def install(body):
        program = folder / "kaggle"
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)

    return install


def test_upload_hands_the_file_to_kaggle_s_client(tmp_path, kaggle, capfd):
    path = tmp_path / "file.csv.gz"
    writing.write_submission(path, [])
    kaggle('echo "progress" >&2; for word in "$@"; do echo "<$word>"; done')
    words = writing.upload_submission(path, "five models; $(touch no)").splitlines()
    assert words == [
        "<competitions>",
        "<submit>",
        "<carvana-image-masking-challenge>",
        "<-f>",
        f"<{path}>",
        "<-m>",
        "<five models; $(touch no)>",
    ]
    assert capfd.readouterr().err == "progress\n"


def test_upload_says_when_kaggle_s_client_fails(tmp_path, kaggle, capfd):
    path = tmp_path / "file.csv.gz"
    writing.write_submission(path, [])
    kaggle("echo '401 - Unauthorized' >&2; exit 3")
    with pytest.raises(BenchError, match="code 3"):
        writing.upload_submission(path, "")
    assert capfd.readouterr().err == "401 - Unauthorized\n"


def test_upload_needs_the_client_and_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with pytest.raises(Missing, match="no such file"):
        writing.upload_submission(Path("none.csv.gz"), "")
    writing.write_submission(tmp_path / "file.csv.gz", [])
    with pytest.raises(Missing, match=r"pip install kaggle"):
        writing.upload_submission(tmp_path / "file.csv.gz", "")
