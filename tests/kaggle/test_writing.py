"""Submission files: written, mended, scored offline, and handed to Kaggle's client."""

import dataclasses
import gzip
import json

import pytest

from bench.data.carvana import open_folder
from bench.data.tables import Unreadable
from bench.kaggle import validation, writing
from bench.system.errors import BadConfig, BadData, Missing

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
    with writing.SubmissionWriter(path) as writer:
        writer.write_row("a_01.jpg", "1 1")
        writer.write_row("a_02.jpg", "")
    writing.write_sidecar(writer, {"entry": "mean", "threshold": 128})
    sidecar = writing.sidecar_of(path)
    assert sidecar == tmp_path / "demo-mean.json"
    facts = json.loads(sidecar.read_text())
    assert (facts["file"], facts["rows"], facts["entry"]) == ("demo-mean.csv.gz", 2, "mean")
    assert facts["empty_masks"] == 1
    assert len(facts["sha256"]) == 64
    assert facts["date"].endswith("+00:00")


def test_expected_images_are_those_of_the_sample_else_of_the_test_folder(tiny_carvana):
    data = open_folder(tiny_carvana)
    names = {f"{image}.jpg" for image in data.test}
    assert writing.expected_images(data) == names
    assert writing.expected_images(dataclasses.replace(data, sample=None)) == names
    with pytest.raises(Missing, match="sample_submission"):
        writing.expected_images(dataclasses.replace(data, sample=None, test={}))


def test_rows_are_named_as_kaggles_table_names_them(tiny_carvana):
    data = open_folder(tiny_carvana)
    capitals = {image: path.with_suffix(".JPG") for image, path in data.test.items()}
    names = {image: f"{image}.jpg" for image in data.test}
    assert writing.names_to_submit(data) == names
    assert writing.names_to_submit(dataclasses.replace(data, test=capitals)) == names
    alone = dataclasses.replace(data, test=capitals, sample=None)
    assert writing.names_to_submit(alone) == {image: f"{image}.JPG" for image in data.test}


def test_repair_mends_what_is_certain(tmp_path):
    broken = tmp_path / "broken.csv"
    broken.write_text(
        '\ufeff"img","rle_mask"\r\n"00087a6bd4dc_01.png","10 5  1 3 "\r\n\r\n'
        "a_02,\r\na_03.jpg,2455040 1",
        encoding="utf-8",
        newline="",
    )
    mended = tmp_path / "mended.csv.gz"
    assert writing.repair_submission(broken, mended) == 3
    renamed = "00087a6bd4dc_01.jpg"
    assert validation.check_submission(mended, [renamed, *NAMES[1:]]).sound
    assert gzip.decompress(mended.read_bytes()).decode() == SOUND.replace(NAMES[0], renamed)


def test_repair_leaves_a_sound_file_as_it_is(tmp_path):
    names = ["red_01.png", "left/0042.JPG", "shoe.jpeg", "a.tif", "b.webp", "00087a6bd4dc_01.jpg"]
    sound, mended = tmp_path / "sound.csv.gz", tmp_path / "mended.csv.gz"
    writing.write_submission(sound, ((name, "1 3 10 5") for name in names))
    writing.repair_submission(sound, mended)
    assert mended.read_bytes() == sound.read_bytes()


@pytest.mark.parametrize(
    "text",
    [
        *("1 2 3", "1 5 3 2", "0 4", "1 -1", "1 x", "1.5 2", "1_0 5", "\uff11 5"),
        *(f"{'9' * 20} 1", "1 " + "9" * 20, "7", "1 1\na_02,", "1 1\na_01.jpg,"),
    ],
)
def test_repair_refuses_to_guess(tmp_path, text):
    (tmp_path / "broken.csv").write_text(SOUND.replace("a_02.jpg,", f"a_02.jpg,{text}"))
    with pytest.raises(
        BadData, match=r"line (3, a_02\.jpg|4: a second row for a_0[12]\.jpg.*line [23])"
    ):
        writing.repair_submission(tmp_path / "broken.csv", tmp_path / "mended.csv.gz")
    assert not (tmp_path / "mended.csv.gz").exists()


def test_repair_writes_what_the_name_says(tmp_path):
    for name in ("mended.csv", "mended.zip"):
        with pytest.raises(BadConfig, match=rf"{name}: .*name it \*\.csv\.gz"):
            writing.repair_submission(tmp_path / "none.csv", tmp_path / name)


def test_repair_needs_the_header(tmp_path):
    (tmp_path / "broken.csv").write_text(SOUND.removeprefix(HEADER))
    with pytest.raises(Unreadable, match="first line"):
        writing.repair_submission(tmp_path / "broken.csv", tmp_path / "mended.csv.gz")
