"""A folder that is filled by several calls: what is done is known, and nothing else is lost."""

import json
import os

import pytest
from PIL import Image

from bench.cli.verbs import main
from bench.cutout.cutout import CLAIM
from bench.system.claims import claimed
from tests.cutting_out import noise, opened, words


def test_goes_on_where_it_stopped(exported, folder, tmp_path, capsys):
    out = tmp_path / "out"
    main(words(exported, folder, out))
    (out / "first.png").unlink()
    before = (out / "more" / "phone.png").stat().st_mtime_ns
    assert main(words(exported, folder, out)) == 0
    assert "1 photograph cut out" in capsys.readouterr().err
    assert (out / "first.png").exists()
    assert (out / "more" / "phone.png").stat().st_mtime_ns == before


@pytest.mark.parametrize("found", [b"", b"half", b"a person's own work"])
def test_a_result_that_is_not_what_was_written_is_made_again_and_what_lay_there_is_kept(
    exported, folder, tmp_path, capsys, found
):
    out = tmp_path / "out"
    result, aside = out / "more" / "phone.png", out / "more" / "phone.png.changed"
    assert main(words(exported, folder, out)) == 0
    made = result.read_bytes()
    found = made[: len(made) // 2] if found == b"half" else found
    result.write_bytes(found)
    capsys.readouterr()
    assert main(words(exported, folder, out)) == 0
    said = capsys.readouterr().err
    assert f"1 result not what was written there, the first: {result}; cut out again" in said
    assert "1 photograph cut out" in said
    assert (result.read_bytes(), aside.read_bytes()) == (made, found)
    assert main(words(exported, folder, out)) == 0
    assert "0 photographs cut out" in capsys.readouterr().err


def test_a_folder_of_an_earlier_version_which_noted_no_hashes_of_results(
    exported, folder, tmp_path, capsys
):
    out = tmp_path / "out"
    record = out / "photographs.csv"
    assert main(words(exported, folder, out)) == 0
    rows = [row.split(",") for row in record.read_text().splitlines()]
    assert [len(row) for row in rows] == [4, 4]
    record.write_text("".join(",".join(row[:3]) + "\n" for row in rows))
    (out / "first.png").write_bytes(b"anything")
    (out / "more" / "phone.png").unlink()
    assert main(words(exported, folder, out)) == 0
    assert "1 photograph cut out" in capsys.readouterr().err
    assert (out / "first.png").read_bytes() == b"anything"
    assert [len(row.split(",")) for row in record.read_text().splitlines()] == [3, 3, 4]


def test_another_photograph_of_the_same_name_is_neither_taken_for_done_nor_overwritten(
    exported, folder, tmp_path, capsys
):
    out = tmp_path / "out"
    first, other = folder / "first.jpeg", tmp_path / "first.jpg"
    assert main(words(exported, first, out)) == 0
    Image.open(first).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(other)
    made = (out / "first.png").read_bytes()
    for source, said in ((other, f"of {first}"), (first, "before it changed")):
        if source == first:
            first.write_bytes(other.read_bytes())
        assert main(words(exported, source, out)) == 2
        message = capsys.readouterr().err
        assert f"{out}/first.png was cut out of another photograph than {source}" in message
        assert said in message and "name another --out, or remove it" in message
        assert (out / "first.png").read_bytes() == made
    (out / "first.png").unlink()  # the cure
    assert main(words(exported, first, out)) == 0
    assert main(words(exported, other, out)) == 0  # the same bytes
    assert (out / "first.png").read_bytes() != made


def test_a_file_that_is_no_result_of_ours_is_not_overwritten(exported, folder, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "first.png").write_bytes(b"somebody's own")
    assert main(words(exported, folder, out)) == 2
    assert "does not say what it was cut out of; name another --out" in capsys.readouterr().err
    assert (out / "first.png").read_bytes() == b"somebody's own"


@pytest.mark.parametrize("missing", [9, 75])  # of the hash; of the path in quotes, too
def test_goes_on_behind_a_line_that_a_killed_process_left_half_written(
    exported, folder, tmp_path, missing
):
    out, doubts = tmp_path / "out", tmp_path / "out" / "doubts.csv"
    folder = folder.rename(folder.with_name("photo, graphs"))
    assert main(words(exported, folder, out)) == 0
    listed = doubts.read_bytes()
    record = out / "photographs.csv"
    record.write_bytes(record.read_bytes()[:-missing])
    (out / "more" / "phone.png").unlink()  # a line is written before its result
    for _ in range(2):
        assert main(words(exported, folder, out)) == 0
    assert (out / "more" / "phone.png").exists()
    assert doubts.read_bytes() == listed


def test_one_call_at_a_time_fills_a_folder(exported, folder, tmp_path, capsys):
    out = tmp_path / "out"
    with claimed(out / CLAIM, out):
        assert main(words(exported, folder, out)) == 1
    assert f"{out}: in use: process {os.getpid()}" in capsys.readouterr().err
    assert not list(out.iterdir())


def test_a_background_that_changed_needs_another_folder(exported, folder, tmp_path, capsys):
    sky = tmp_path / "sky.png"
    for colour, code in (((10, 200, 30), 0), ((10, 20, 200), 2)):
        Image.new("RGB", (30, 20), colour).save(sky)
        more = ("--background", str(sky))
        assert main(words(exported, folder, tmp_path / "out", *more)) == code
    assert "other options (background_sha256); name another --out" in capsys.readouterr().err


def test_the_same_steps_and_background_in_other_words_fill_a_folder_further(
    exported, folder, tmp_path, monkeypatch
):
    """Also a folder of an earlier version, which noted steps as a person had named them."""
    out, sky = tmp_path / "out", tmp_path / "sky.png"
    noted = out / "cutouts.json"
    Image.new("RGB", (30, 20), (10, 200, 30)).save(sky)
    monkeypatch.chdir(tmp_path)
    given = ["denoise", "fill_holes", "denoise"]
    for background, steps in ((str(sky), given), ("sky.png", sorted(given, reverse=True))):
        more = ("--background", background, "--steps", *steps)
        assert main(words(exported, folder, out, *more)) == 0
        made_by = json.loads(noted.read_text())
        assert made_by["steps"] == ["fill_holes", "denoise"]
        noted.write_text(json.dumps(made_by | {"steps": given}))
    assert main(words(exported, folder, out, *more[:2], "--steps", "denoise")) == 2


def test_a_damaged_record_is_named(exported, folder, tmp_path, capsys):
    out = tmp_path / "out"
    main(words(exported, folder, out))
    for text in ("", "[]", "[" * 99_999):
        (out / "cutouts.json").write_text(text)
        assert main(words(exported, folder, out)) == 3
        assert f"{out}/cutouts.json: damaged" in capsys.readouterr().err


def test_other_options_need_another_folder(exported, folder, tmp_path, capsys):
    out = tmp_path / "out"
    main(words(exported, folder, out))
    assert main(words(exported, folder, out, "--background", "white")) == 2
    assert "name another --out" in capsys.readouterr().err


def test_doubtful_results_come_first_and_stay_known_when_it_goes_on(
    exported, folder, tmp_path, capsys
):
    """A photograph of noise is no car; a page shows it, and a second call keeps both lines."""
    noise().save(folder / "zebra & co.png")
    out = tmp_path / "out"
    assert main(words(exported, folder / "zebra & co.png", out, "--review")) == 0
    assert main(words(exported, folder, out, "--review")) == 0
    said = capsys.readouterr().err
    listed = [line.split(",") for line in (out / "doubts.csv").read_text().splitlines()[1:]]
    signs = [float(disagreement) + float(width) for *_, disagreement, width in listed]
    assert signs == sorted(signs, reverse=True)
    assert {name for name, *_ in listed} == {"first.png", "more/phone.png", "zebra & co.png"}
    differ = float(listed[0][-2]) >= float(listed[0][-1])
    heaviest = "members differ on" if differ else "the model is unsure of"
    assert f"of 3 cut-outs may need a look, first {listed[0][0]} ({heaviest} " in said
    assert f"open {out}/review/index.html" in said
    page = (out / "review" / "index.html").read_text()
    assert "<b>zebra &amp; co.png</b>" in page and 'src="../zebra%20%26%20co.png"' in page
    assert "doubt is not calibrated: that takes a scored run of at least 4 held-out cars" in page
    assert opened(out / "review" / "zebra & co.png.jpg").shape == (80, 120, 3)
    assert main(words(exported, folder, tmp_path / "again")) == 0
    assert not (tmp_path / "again" / "review").exists()
    again = (tmp_path / "again" / "doubts.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in again[1:]] == [name for name, *_ in listed]


def test_a_review_of_results_of_before_draws_what_is_doubtful_in_them(
    exported, folder, tmp_path, capsys
):
    """And says how, of photographs that this call does not name."""
    noise().save(folder / "noise.png")
    assert main(words(exported, folder, tmp_path / "at once", "--review")) == 0
    out = tmp_path / "out"
    assert main(words(exported, folder, out)) == 0
    made = {path: path.read_bytes() for path in (*out.glob("*.png"), out / "doubts.csv")}
    assert main(words(exported, folder / "first.jpeg", out, "--review")) == 0
    page = out / "review" / "index.html"
    assert "cut its photograph out again with it, and this is drawn" in page.read_text()
    capsys.readouterr()
    assert main(words(exported, folder, out, "--review")) == 0
    assert "0 photographs cut out" in capsys.readouterr().err
    review = tmp_path / "at once" / "review"
    names = sorted(path.relative_to(review) for path in review.rglob("*.*"))
    assert names == sorted(path.relative_to(page.parent) for path in page.parent.rglob("*.*"))
    assert all((review / each).read_bytes() == (page.parent / each).read_bytes() for each in names)
    assert made == {path: path.read_bytes() for path in made}
