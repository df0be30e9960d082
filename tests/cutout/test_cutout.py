"""The command cutout: photographs in, cars without background out."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from bench.cli.verbs import main
from bench.cutout.cutout import CLAIM
from bench.system.claims import claimed
from tests.tiny import TRAIN_CARS


@pytest.fixture
def folder(tiny_carvana, tmp_path):
    """Two photographs, one in a folder of its own, one rotated by EXIF, and a letter."""
    root = tmp_path / "photographs"
    (root / "more").mkdir(parents=True)
    first = Image.open(tiny_carvana / "train" / f"{TRAIN_CARS[0]}_01.jpg")
    first.save(root / "first.jpeg", quality=95)
    exif = Image.Exif()
    exif[0x0112] = 6
    first.transpose(Image.Transpose.ROTATE_90).save(root / "more" / "phone.jpg", exif=exif)
    (root / "letter.jpg.txt").write_text("not a photograph")
    return root


def words(exported, folder, out, *more):
    model = ["--model", str(exported), "--device", "cpu", "--jobs", "2"]
    return ["cutout", str(folder), *model, "--out", str(out), *more]


def opened(path):
    return np.asarray(Image.open(path))


def test_every_photograph_in_its_own_size_and_name(exported, folder, tmp_path):
    out = tmp_path / "out"
    assert main(words(exported, folder, out)) == 0
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    notes = {"cutouts.json", "photographs.csv", "doubts.csv"}
    assert names == {"first.png", "more/phone.png", *notes}
    for name in ("first.png", "more/phone.png"):
        cut = opened(out / name)
        assert cut.shape == (80, 120, 4)  # upright
        assert cut[48, 60, 3] == 255 and cut[2, 2, 3] == 0


def test_goes_on_where_it_stopped(exported, folder, tmp_path, capsys):
    out = tmp_path / "out"
    main(words(exported, folder, out))
    (out / "first.png").unlink()
    before = (out / "more" / "phone.png").stat().st_mtime_ns
    assert main(words(exported, folder, out)) == 0
    assert "1 photograph cut out" in capsys.readouterr().err
    assert (out / "first.png").exists()
    assert (out / "more" / "phone.png").stat().st_mtime_ns == before


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


@pytest.mark.slow
@pytest.mark.parametrize("form", ["png", "jpeg", "webp"])
def test_backgrounds_and_formats(exported, folder, tmp_path, form):
    picture = tmp_path / "sky.png"
    Image.new("RGB", (30, 20), (10, 200, 30)).save(picture)
    for background, corner in (
        ("white", (255,) * 3),
        ("#0a14c8", (10, 20, 200)),
        (str(picture), (10, 200, 30)),
        ("blur", (215,) * 3),
    ):
        out = tmp_path / background.strip("#").replace("/", "-")
        more = ("--background", background, "--format", form)
        assert main(words(exported, folder, out, *more)) == 0
        suffix = "jpg" if form == "jpeg" else form
        made = opened(out / f"first.{suffix}")
        assert made.shape == (80, 120, 3)
        assert np.abs(made[1, 1].astype(int) - corner).max() < 12


def test_model_straight_from_a_run(exported, folder, tmp_path):
    run = exported.parent / "runs" / "tiny"
    given = ["cutout", str(folder / "first.jpeg"), "--run", str(run), "--device", "cpu"]
    assert main([*given, "--entry", "mean", "--out", str(tmp_path / "run")]) == 0
    assert main(words(exported, folder, tmp_path / "model")) == 0
    same = [(tmp_path / which / "first.png").read_bytes() for which in ("run", "model")]
    assert same[0] == same[1]
    assert main([*given, "--out", str(tmp_path / "none")]) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "code"),
    [
        pytest.param(["--background", "mauvish"], 2, id="no such colour"),
        pytest.param(["--background", "none.jpg"], 4, id="no such picture"),
        pytest.param(["--format", "jpeg"], 2, id="a transparent JPEG"),
        pytest.param(["--steps", "polish"], 2, id="no such step"),
    ],
)
def test_refuses_before_the_first_photograph(exported, folder, tmp_path, more, code):
    assert main(words(exported, folder, tmp_path / "out", *more)) == code
    assert not (tmp_path / "out").exists()


def test_damaged_photographs_do_not_stop_the_others(exported, folder, tmp_path, capsys):
    """Nor do those that are too large for the format, which leave no trace in the lists."""
    (folder / "broken.jpg").write_bytes((folder / "first.jpeg").read_bytes()[:900])
    Image.new("RGB", (16_384, 2)).save(folder / "wide.png")
    for form, count in (("png", 1), ("webp", 2), ("png", 1)):  # of all, not of what was left
        out = tmp_path / form
        assert main(words(exported, folder, out, "--format", form)) == 5
        said = capsys.readouterr().err
        assert f"{count} of 4 photographs cannot be cut out" in said
        assert "broken.jpg" in said or "wide.png: 16384x2 pixels, and a WebP" in said
        assert (out / f"first.{form}").exists()
        assert ("wide" in (out / "doubts.csv").read_text()) == (form == "png")


def test_photographs_of_other_formats_are_named_with_a_cure(exported, folder, tmp_path, capsys):
    (folder / "IMG_1.HEIC").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    assert main([*words(exported, folder, tmp_path / "out"), "--quiet", "--json"]) == 5
    result, said = capsys.readouterr()
    assert json.loads(result)["incomplete"] in said
    assert (
        f"left out 1 picture that cannot be read (1 .heic), the first: {folder}/IMG_1.HEIC" in said
    )
    assert "save it as JPEG or PNG" in said
    assert (tmp_path / "out" / "first.png").exists()


def test_two_photographs_never_become_one_file(exported, folder, tmp_path, capsys):
    (folder / "first.png").write_bytes((folder / "first.jpeg").read_bytes())
    assert main(words(exported, folder, tmp_path / "out")) == 2
    assert "would both become" in capsys.readouterr().err
    assert main(words(exported, folder / "nowhere", tmp_path / "out")) == 4
    assert main(words(exported, tmp_path / "photographs" / "more", tmp_path / "o")) == 0


def test_results_inside_the_folder_are_no_photographs(exported, folder, capsys):
    out = folder / "cut"
    assert main(words(exported, folder, out)) == 0
    assert main(words(exported, folder, out)) == 0
    assert "0 photographs cut out" in capsys.readouterr().err
    assert json.loads((out / "cutouts.json").read_text())["entry"] == "mean"


@pytest.mark.slow
def test_photographs_are_never_taken_for_results_nor_results_for_photographs(
    exported, folder, tmp_path, capsys, monkeypatch
):
    """However sources and results are named: from elsewhere, from the folder, or from above it."""
    (folder / "more" / "phone.jpg").rename(folder / "phone.png")
    assert main(words(exported, folder / "phone.png", folder)) == 2
    assert "would take its place" in capsys.readouterr().err
    assert main(words(exported, folder, folder)) == 2
    assert "among the photographs" in capsys.readouterr().err
    monkeypatch.chdir(folder.parent)
    for source, out in ((folder.name, "."), (str(folder), f"{folder.name}/cut")):
        assert main(words(exported, source, out)) == 0
        assert "2 photographs cut out" in capsys.readouterr().err
        assert main(words(exported, source, out)) == 0
        assert "0 photographs cut out" in capsys.readouterr().err


def test_background_s_file_needs_no_suffix(exported, folder, tmp_path):
    Image.new("RGB", (30, 20), (10, 200, 30)).save(tmp_path / "sky", "PNG")
    source, out = folder / "first.jpeg", tmp_path / "out"
    assert main(words(exported, source, out, "--background", str(tmp_path / "sky"))) == 0
    assert tuple(opened(out / "first.png")[1, 1]) == (10, 200, 30)


def test_steps_change_the_result(exported, folder, tmp_path):
    main(words(exported, folder, tmp_path / "plain"))
    assert main(words(exported, folder, tmp_path / "opened", "--steps", "denoise")) == 0
    plain, changed = (opened(tmp_path / name / "first.png") for name in ("plain", "opened"))
    assert not np.array_equal(plain, changed)


def noise():
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (80, 120, 3), np.uint8))


def test_names_that_are_no_utf_8(exported, folder, tmp_path):
    name, out = os.fsdecode(b"caf\xe9"), tmp_path / "out"
    noise().save(folder / f"{name}.png")
    noise().save(tmp_path / f"{name}.jpg")
    more = ("--review", "--background", str(tmp_path / f"{name}.jpg"))
    for _ in range(2):
        assert main(words(exported, folder, out, *more)) == 0
    page = (out / "review" / "index.html").read_text()
    assert "<b>caf?.png</b>" in page and 'src="../caf%E9.png"' in page
    assert json.loads((out / "cutouts.json").read_text())["background"].endswith("caf\\udce9.jpg")


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
