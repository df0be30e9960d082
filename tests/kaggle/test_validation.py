"""The validator: what is sound passes, every known mistake is named with its line and cure."""

import gzip
import io
import json
import tracemalloc
import zipfile

import pytest

from bench.kaggle import validation, writing
from bench.system.errors import Missing

NAMES = ["a_01.jpg", "a_02.jpg", "a_03.jpg"]
HEADER = "img,rle_mask\n"
SOUND = HEADER + "a_01.jpg,1 3 10 5\na_02.jpg,\na_03.jpg,2455040 1\n"


def with_row(text):
    """A sound file but for its line 3."""
    return SOUND.replace("a_02.jpg,", f"a_02.jpg,{text}")


def zipped(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in members.items():
            archive.writestr(f"{name}.csv", text)
    return buffer.getvalue()


def gzipped(text):
    return gzip.compress(text.encode(), mtime=0)


def check(folder, content, name="file.csv"):
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return validation.check_submission(path, NAMES)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("file.csv", SOUND, id="plain"),
        pytest.param("file.csv", SOUND.rstrip("\n"), id="no newline at the end"),
        pytest.param("file.csv", SOUND.replace("\n", "\r\n"), id="line ends of Windows"),
        pytest.param("file.csv", with_row("1 2 3 4"), id="runs that touch"),
        pytest.param("file.csv", with_row("1 2455040"), id="full mask"),
        pytest.param("file.csv.gz", gzipped(SOUND), id="gzip"),
        pytest.param("file.csv.gz", gzipped(SOUND[:30]) + gzipped(SOUND[30:]), id="gzip in parts"),
        pytest.param("file.zip", zipped(file=SOUND), id="zip"),
        pytest.param(
            "file.csv",
            "".join([HEADER, *sorted(SOUND.splitlines(True)[1:])[::-1]]),
            id="rows in any order",
        ),
    ],
)
def test_a_sound_file_has_no_problem(tmp_path, name, content):
    report = check(tmp_path, content, name)
    assert report.sound, report
    assert report.rows == 3
    assert not report.problems


BROKEN = [
    # id, content, kind, line, words of what is said
    ("no mask column", HEADER + "a_01.jpg\n", "columns", 2, "no comma"),
    ("empty line", SOUND.replace("\na_03", "\n\na_03"), "columns", 4, "empty"),
    ("semicolon in a row", SOUND.replace("02.jpg,", "02.jpg;1 1"), "columns", 3, "no comma"),
    ("three columns", with_row("1 2,0.9"), "number", 3, "token 2 ('2,0.9')"),
    ("nan for an empty mask", with_row("nan"), "number", 3, "token 1 ('nan')"),
    ("brackets", with_row("[1 2]"), "number", 3, "'[1'"),
    ("two spaces", with_row("1  2"), "number", 3, "token 2 ('')"),
    ("space in front", with_row(" 1 2"), "number", 3, "token 1 ('')"),
    ("space behind", with_row("1 2 "), "number", 3, "token 3 ('')"),
    ("tab", with_row("1\t2"), "number", 3, "single spaces"),
    ("decimal", with_row("1.0 2"), "number", 3, "'1.0'"),
    ("exponent", with_row("1e3 2"), "number", 3, "'1e3'"),
    ("negative start", with_row("-1 2"), "number", 3, "'-1'"),
    ("negative length", with_row("1 -2"), "number", 3, "'-2'"),
    ("plus sign", with_row("1 +2"), "number", 3, "'+2'"),
    ("letters", with_row("1 2 x 4"), "number", 3, "token 3 ('x')"),
    ("not ASCII", with_row("1 ２"), "number", 3, "token 2"),
    ("null byte", with_row("1 2\0"), "number", 3, "token 2"),
    ("start 0", with_row("0 5"), "zero", 3, "count from 1"),
    ("length 0", with_row("5 0"), "zero", 3, "token 2 ('0')"),
    ("odd number of tokens", with_row("1 2 3"), "odd", 3, "token 3 ('3')"),
    ("one token", with_row("12"), "odd", 3, "without a length"),
    ("unsorted", with_row("10 2 1 2"), "unsorted", 3, "token 3 ('1')"),
    ("overlap", with_row("10 5 14 2"), "overlap", 3, "token 3 ('14')"),
    ("the same run twice", with_row("10 5 10 5"), "overlap", 3, "overlap"),
    ("one pixel too far", with_row("2455040 2"), "range", 3, "behind the last pixel"),
    ("start too far", with_row("2455041 1"), "range", 3, "last pixel"),
    ("huge number", with_row("1 99999999999999999999999"), "range", 3, "last pixel"),
    ("doubled row", SOUND + "a_01.jpg,1 1\n", "doubled", 5, "line 2"),
    ("missing row", SOUND.replace("a_02.jpg,\n", ""), "missing", None, "no row"),
    ("no rows", HEADER, "missing", None, "no row"),
    ("unknown image", SOUND + "b_01.jpg,1 1\n", "unknown", 5, "no such photograph"),
    (".png name", SOUND.replace("a_02.jpg", "a_02.png"), "name", 3, "called a_02.jpg"),
    ("name without ending", SOUND.replace("a_02.jpg", "a_02"), "name", 3, "a_02.jpg"),
    ("name with folder", SOUND.replace("a_02", "test/a_02"), "name", 3, "a_02.jpg"),
    ("name with space", SOUND.replace("a_02.jpg", " a_02.jpg"), "name", 3, "a_02.jpg"),
    ("quoted row", SOUND.replace("a_02.jpg,", 'a_02.jpg,"1 2"'), "quotes", 3, "quoted"),
    ("quoted name", SOUND.replace("a_02.jpg", '"a_02.jpg"'), "quotes", 3, "quoted"),
    ("quoted header", SOUND.replace(HEADER, '"img","rle_mask"\n'), "quotes", 1, "quoted"),
    ("no header", SOUND.removeprefix(HEADER), "header", 1, "missing"),
    ("swapped columns", SOUND.replace(HEADER, "rle_mask,img\n"), "header", 1, "swapped"),
    ("index column", "," + SOUND, "header", 1, "index column"),
    ("other header", SOUND.replace("img", "image"), "header", 1, "'image,rle_mask'"),
    ("capital header", SOUND.replace("img", "Img"), "header", 1, "exactly"),
    ("space in header", SOUND.replace("img,", "img, "), "header", 1, "exactly"),
    ("third column", SOUND.replace("_mask", "_mask,p"), "header", 1, "no others"),
    ("old line ends", SOUND.replace("\n", "\r"), "header", 1, "first line"),
    ("semicolons", SOUND.replace(",", ";"), "delimiter", 1, "';'"),
    ("tabs", SOUND.replace(",", "\t"), "delimiter", 1, "comma"),
    ("byte order mark", "\ufeff" + SOUND, "encoding", 1, "byte order mark"),
    ("UTF-16", SOUND.encode("utf-16"), "encoding", 1, "UTF-16"),
    ("empty file", b"", "empty", 1, "empty"),
    ("web page", "<!DOCTYPE html><html><body>Sign in</body></html>", "html", 1, "web page"),
    ("web page behind blanks", "\n\n  <html>", "html", 1, "sign in"),
    ("gzip named .csv", gzipped(SOUND), "container", 1, "*.csv.gz"),
    ("zip named .csv", zipped(file=SOUND), "container", 1, "*.zip"),
    ("picture", b"GIF89a\x01\x00\x01\x00", "header", 1, "GIF89a"),
]


@pytest.mark.parametrize(
    ("content", "kind", "line", "words"),
    [pytest.param(*case[1:], id=case[0]) for case in BROKEN],
)
def test_a_broken_file_is_named_with_line_reason_and_cure(tmp_path, content, kind, line, words):
    report = check(tmp_path, content)
    assert not report.sound
    found = next(problem for problem in report.problems if problem.kind == kind)
    assert found.line == line
    assert words in str(found)
    assert found.cure
    others = report.counts.total() - report.counts[kind]
    assert not others or kind in {"columns", "unknown", "name"}, report  # no consequential noise


@pytest.mark.parametrize(
    ("name", "content", "kind", "words"),
    [
        pytest.param("f.csv.gz", gzipped(SOUND)[:-12], "damaged", "too early", id="cut gzip"),
        pytest.param(
            "f.csv.gz", gzipped(SOUND)[:-8] + bytes(8), "damaged", "", id="wrong checksum"
        ),
        pytest.param("f.csv.gz", gzipped(SOUND) + b"junk", "damaged", "", id="junk behind gzip"),
        pytest.param("f.csv.gz", SOUND.encode(), "container", "*.csv", id="plain named .gz"),
        pytest.param("f.csv.gz", b"<html>", "html", "web page", id="web page named .gz"),
        pytest.param("f.zip", zipped(a=SOUND, b=SOUND), "container", "2 files", id="two in a zip"),
        pytest.param("f.zip", zipped(a=SOUND)[:-30], "damaged", "unpacked", id="cut zip"),
        pytest.param("f.zip", zipped(), "container", "0 files", id="empty zip"),
    ],
)
def test_a_broken_container_is_named(tmp_path, name, content, kind, words):
    report = check(tmp_path, content, name)
    assert kind in report.counts
    assert words in str(report)


def test_rows_before_the_damage_are_checked_and_none_is_called_missing(tmp_path):
    text = " ".join(f"{start} 5" for start in range(1, 2_000, 10))
    content = (
        HEADER + "a_01.jpg,0 1\n" + "".join(f"{number}.jpg,{text}\n" for number in range(2_000))
    )
    report = check(tmp_path, gzipped(content)[:-1000], "cut.csv.gz")
    assert 0 < report.rows < 2_000
    assert report.counts["zero"] == 1
    assert report.counts["damaged"] == 1
    assert report.problems[0].line == report.rows + 2
    assert "missing" not in report.counts


def test_a_line_without_end_is_not_held_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.kaggle.reading.MAX_VALUE", 2**21)
    report = check(tmp_path, HEADER + "1" * 2**23)
    assert report.counts == {"line": 1}


def test_every_kind_is_counted_and_the_first_are_shown(tmp_path):
    lines = [f"{name},{text}\n" for name in NAMES for text in ["1 2"] + ["3 0"] * 40]
    report = check(tmp_path, HEADER + "".join(lines))
    assert report.counts == {"zero": 120, "doubled": 120}
    assert [problem.line for problem in report.problems[:4]] == [3, 3, 4, 4]
    assert len(report.problems) == 20
    shown = json.loads(json.dumps(report.to_json()))
    assert (shown["rows"], shown["sound"], len(shown["problems"])) == (123, False, 20)


@pytest.mark.parametrize("text", ["", "1 2"])
def test_a_file_of_empty_masks_alone_is_sound_and_called_so(tmp_path, text):
    report = check(tmp_path, HEADER + "".join(f"{name},{text}\n" for name in NAMES))
    assert report.sound and report.to_json()["empty_masks"] == (0 if text else 3)
    assert str(report).endswith(
        "3 rows, no problem" + ("" if text else ", but every mask is empty")
    )


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(Missing, match="no such file"):
        validation.check_submission(tmp_path / "none.csv", NAMES)


def test_memory_does_not_grow_with_the_file(tmp_path):
    row = " ".join(f"{start} 5" for start in range(1, 15_000, 12))
    names = [f"{number}.jpg" for number in range(4_000)]
    path = tmp_path / "large.csv.gz"
    writing.write_submission(path, ((name, row) for name in names))
    assert validation.check_submission(path, names).sound  # compiles
    tracemalloc.start()
    report = validation.check_submission(path, names)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert report.sound
    assert peak < 20e6 < len(row) * len(names) / 1.5


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("tst/t0.jpg", "tst/t0.png"),
        ("t0.jpg", "tst/t0.png"),
        ("other/t0", "tst/t0.png"),
        ("t1.jpeg", "t1.JPEG"),
        ("t1", "t1.JPEG"),
        ("v1.0.png", "v1.0.jpg"),
        ("v1.0", "v1.0.jpg"),
        ("cafe\u0301.jpg", "caf\u00e9.jpg"),
        ("left/b.jpg", "left/b.png"),
        ("b.jpg", None),  # left or right
        ("t2.jpg", None),
    ],
)
def test_a_wrong_name_is_cured_by_that_of_the_photograph(tmp_path, written, meant):
    names = ["tst/t0.png", "t1.JPEG", "v1.0.jpg", "caf\u00e9.jpg", "left/b.png", "right/b.png"]
    path = tmp_path / "file.csv"
    path.write_text(f"{HEADER}{written},\n", encoding="utf-8")
    problem = validation.check_submission(path, names).of_rows[0]
    assert problem.kind == ("name" if meant else "unknown")
    assert not meant or problem.what == f"the photograph is called {meant}"


def test_a_long_name_is_compared_whole_and_shown_short(tmp_path):
    long = "folder/" * 40
    names = [f"{long}a.jpg", f"{long}b.jpg"]
    path = tmp_path / "file.csv.gz"
    writing.write_submission(path, ((name, "1 2") for name in names))
    assert validation.check_submission(path, names).sound
    writing.write_submission(path, ((name, "0 2") for name in names))
    (first, second) = validation.check_submission(path, names).problems
    assert first.image == second.image == long[:200]


def test_blank_lines_are_named_once_and_are_no_images(tmp_path):
    report = check(tmp_path, SOUND + "\n\n")
    assert report.counts == {"columns": 2}
    assert str(report.problems[1]) == "line 6: the line is empty; remove it"


def test_each_mask_is_read_at_the_size_of_its_photograph(tmp_path):
    sizes = {"small.jpg": (4, 6), "large.jpg": (40, 60)}
    path = tmp_path / "file.csv"
    path.write_text("img,rle_mask\nsmall.jpg,23 2\nlarge.jpg,2400 1\n")
    assert validation.check_submission(path, sizes, sizes).sound
    path.write_text("img,rle_mask\nlarge.jpg,2400 1\nsmall.jpg,24 2\n")
    report = validation.check_submission(path, sizes, sizes)
    (problem,) = report.problems
    assert (problem.kind, problem.line, problem.image) == ("range", 3, "small.jpg")
