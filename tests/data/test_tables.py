"""Tables as spreadsheets and pandas save them are read where clear, else refused by line."""

import bz2
import contextlib
import gzip
import io
import lzma
import os
import tracemalloc
import zipfile

import pandas as pd
import pytest

from bench.data.carvana import metadata, open_folder
from bench.data.dataset import read_mask_table
from bench.data.folds import read_folds
from bench.data.tables import read_table
from bench.kaggle import scoring, validation, writing
from bench.own.check import check_folder
from bench.system.errors import BadData, Missing
from tests.tiny import TRAIN_CARS

COLUMNS = ("img", "rle_mask")
SOUND = "img,rle_mask\na_01.jpg,1 3 10 5\na_02.jpg,\nb_01.jpg,7 1\n"
ROWS = [["a_01.jpg", "1 3 10 5"], ["a_02.jpg", ""], ["b_01.jpg", "7 1"]]
FRAME = pd.DataFrame(ROWS, columns=COLUMNS)


def zipped(text, name="TABLE.CSV", packed=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packed) as archive:
        archive.mkdir("x")
        archive.writestr(name, text)
    return buffer.getvalue()


CLEAR = {
    "as Kaggle writes it": SOUND,
    "byte order mark": b"\xef\xbb\xbf" + SOUND.encode(),
    "UTF-16": SOUND.encode("utf-16"),
    "UTF-16 of big ends": SOUND.encode("utf-16-be"),
    "UTF-16 without a mark": SOUND.encode("utf-16-le"),
    "semicolons": SOUND.replace(",", ";"),
    "tabs in UTF-16": SOUND.replace(",", "\t").encode("utf-16"),
    "a first line that says the delimiter": "sep=;\n" + SOUND.replace(",", ";"),
    "line ends of Windows": SOUND.replace("\n", "\r\n"),
    "old line ends": SOUND.replace("\n", "\r"),
    "blank last lines": SOUND + "\n \n,\n",
    "no last line end": SOUND.rstrip("\n"),
    "empty columns behind": SOUND.replace("\n", ",,\n"),
    "index of pandas": FRAME.to_csv(),
    "index with a name": FRAME.to_csv(index_label="number"),
    "swapped columns": FRAME[["rle_mask", "img"]].to_csv(index=False),
    "another column": FRAME.assign(area=3).to_csv(index=False),
    "all quoted": FRAME.to_csv(index=False, quoting=1),
    "header in capitals": SOUND.replace("img,rle_mask", " IMG, RLE_Mask "),
    "spaces": SOUND.replace(",", " , "),
    "gzip": gzip.compress(SOUND.encode()),
    "gzip of UTF-16": gzip.compress(SOUND.encode("utf-16")),
    "zip": zipped(SOUND),
    "zip of a folder": zipped(SOUND, "x/t.csv", zipfile.ZIP_LZMA),
}


@pytest.mark.parametrize("name", CLEAR)
def test_a_clear_table_is_read(tmp_path, name):
    path = tmp_path / "t.csv"
    content = CLEAR[name]
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert [values for _, values in read_table(path, COLUMNS)] == ROWS
    assert read_mask_table(path) == {"a_01": "1 3 10 5", "a_02": "", "b_01": "7 1"}


def test_rows_are_numbered_as_an_editor_numbers_them(tmp_path):
    text = 'sep=,\nimg,rle_mask\n\na,1 1\n"b\nc",2 2\nd,3 3\n'
    (tmp_path / "t.csv").write_text(text)
    assert [number for number, _ in read_table(tmp_path / "t.csv", COLUMNS)] == [4, 5, 7]


UNCLEAR = {
    "empty": ("", "line 1: '' is not 'img,rle_mask'; name the columns in the first line"),
    "no header": (SOUND.partition("\n")[2], "line 1: 'a_01.jpg,1 3 10 5' is not"),
    "web page": ("<!DOCTYPE html><html>", "line 1: .*this is a web page: sign in"),
    "picture": (b"GIF89a\x01\x00", "line 1: 'GIF89a"),
    "a column twice": ("img,img,rle_mask\na,b,1 1\n", "line 1: 'img,img,rle_mask' is not"),
    "no comma": (SOUND.replace("2.jpg,", "2.jpg"), "line 3: 1 values below 2 columns; restore"),
    "too many values": (SOUND.replace("7 1", "7 1,x"), "line 4: 3 values below 2 columns"),
    "not UTF-8": (
        SOUND.replace("b_01", "b\xeb_01").encode("latin-1"),
        "line 4: not UTF-8: byte 0xeb in 'b.*_01.jpg,7 1'; save the table as 'CSV UTF-8'",
    ),
    "cut off by a spreadsheet": (SOUND + f"c,{'1' * 32767}\n", "line 5: a value was cut off at 32"),
    "a quote without its end": (SOUND + '"c,1 1\n', "line 5: unexpected end of data"),
    "cut gzip": (gzip.compress(SOUND.encode())[:-9], "too early or is damaged"),
    "xz": (lzma.compress(SOUND.encode()), "holds xz data; pack it as"),
    "bzip2": (bz2.compress(SOUND.encode()), "holds bzip2 data; pack it as"),
    "cut zip": (zipped(SOUND)[:-30], "cannot be unpacked"),
}


@pytest.mark.parametrize("name", UNCLEAR)
def test_an_unclear_table_is_refused_by_line(tmp_path, name):
    content, words = UNCLEAR[name]
    path = tmp_path / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadData, match=rf"t\.csv[:,].*{words}"):
        list(read_table(path, COLUMNS))


@pytest.mark.parametrize("packed", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_damage_anywhere_in_a_zip_file_is_named(tmp_path, packed):
    content, path = zipped(SOUND * 9, "\xe4.csv", packed), tmp_path / "t.zip"
    path.write_bytes(content)
    whole = list(read_table(path, COLUMNS))
    for place in range(len(content)):
        path.write_bytes(content[:place] + b"\xff" + content[place + 1 :])
        with contextlib.suppress(BadData):  # nothing else is raised, and nothing else is read
            assert list(read_table(path, COLUMNS)) == whole


def test_a_line_without_end_is_not_held_in_memory(tmp_path):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(f"img,rle_mask\n{'1' * 2**27}".encode(), 1))
    tracemalloc.start()
    with pytest.raises(BadData, match=r"line 2: a line is longer than any mask"):
        list(read_table(path, COLUMNS))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**27


def test_a_table_that_is_not_there_or_may_not_be_read_is_named(tmp_path):
    with pytest.raises(Missing, match=r"t\.csv: no such file"):
        list(read_table(tmp_path / "t.csv", COLUMNS))
    (tmp_path / "t.csv").write_text(SOUND)
    (tmp_path / "t.csv").chmod(0)
    if not os.access(tmp_path / "t.csv", os.R_OK):  # root may read it
        with pytest.raises(BadData, match=r"t\.csv: .*Permission denied"):
            list(read_table(tmp_path / "t.csv", COLUMNS))


def test_a_mask_of_many_runs_is_one_value(tmp_path):
    text = " ".join(f"{start} 1" for start in range(1, 200_000, 2))
    (tmp_path / "t.csv").write_text(f"img,rle_mask\na.jpg,{text}\n")
    assert read_mask_table(tmp_path / "t.csv") == {"a": text}


def as_a_spreadsheet(path):
    """What a spreadsheet of a country with decimal commas leaves of a table."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    text = table.to_csv(sep=";", lineterminator="\r\n") + ";;\r\n\r\n"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())


def test_every_table_of_a_folder_may_come_from_a_spreadsheet(copy):
    before = open_folder(copy)
    rows, cars, images = before.mask_rows, metadata(before), writing.expected_images(before)
    for name in ("train_masks.csv", "metadata.csv", "sample_submission.csv"):
        as_a_spreadsheet(copy / name)
    after = open_folder(copy)
    assert (after.mask_rows, metadata(after)) == (rows, cars)
    assert writing.expected_images(after) == images
    assert check_folder(copy, deep=False, jobs=1).ok
    known = scoring.KnownMasks(copy / "train_masks.csv")
    assert {image: rle_of(known, image) for image in known} == rows


def rle_of(known, image):
    return " ".join(map(str, known[image].ravel()))


def test_folds_may_come_from_a_spreadsheet(tmp_path):
    (tmp_path / "folds.csv").write_text("car,fold\na,0\nb,1\n")
    as_a_spreadsheet(tmp_path / "folds.csv")
    assert read_folds(tmp_path / "folds.csv") == {"a": 0, "b": 1}


@pytest.mark.parametrize("name", ["semicolons", "UTF-16", "index of pandas", "swapped columns"])
def test_repair_mends_what_can_be_read(tmp_path, name):
    content = CLEAR[name]
    path, out = tmp_path / "t.csv", tmp_path / "mended.csv.gz"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    images = {name for name, _ in ROWS}
    assert not validation.check_submission(path, images, (80, 120)).sound  # Kaggle is strict
    assert writing.repair_submission(path, out) == 3
    assert validation.check_submission(out, images, (80, 120)).sound


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id,year,make,model\nx,2010,Citro\xebn,C4\n", r"metadata\.csv, line 2: not UTF-8"),
        ("id,year,make,model\nx,1,a,b\nx,2,a,b\n", r"metadata\.csv, line 3: a second row for x"),
        ("id,year,make\nx,1,a\n", r"metadata\.csv, line 1: 'id,year,make' is not 'id,year,make,mo"),
    ],
)
def test_damaged_metadata_are_named_by_line(copy, text, words):
    (copy / "metadata.csv").write_text(text, encoding="latin-1")
    with pytest.raises(BadData, match=words):
        metadata(open_folder(copy))
    problems = check_folder(copy, deep=False, jobs=1).problems
    assert [problem.file for problem in problems] == [f"{copy / 'metadata.csv'}, line {words[20]}"]


def test_a_car_that_the_metadata_lack_is_noted(copy):
    table = copy / "metadata.csv"  # a spreadsheet takes the ids for numbers
    table.write_text(table.read_text().replace(TRAIN_CARS[0], TRAIN_CARS[0].lstrip("0")))
    notes = check_folder(copy, deep=False, jobs=1).notes
    assert notes == [f"cars without a row in metadata.csv, first {TRAIN_CARS[0]}"]
