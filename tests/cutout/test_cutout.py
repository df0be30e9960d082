"""The command cutout: photographs in, cars without background out."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from bench.cli.verbs import main
from tests.cutting_out import HEIC, noise, opened, words


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


def test_every_damaged_photograph_is_named_in_its_order(exported, folder, tmp_path, capsys):
    """And the pictures of other formats at the end alone, where they are counted at first."""
    damaged = [(folder / "first.jpeg").read_bytes()[:900], b"", b"text"] * 2
    broken = [folder / f"broken{number}.jpg" for number in range(6)]
    for path, content in zip(broken, damaged, strict=True):
        path.write_bytes(content)
    (folder / "IMG_1.HEIC").write_bytes(HEIC)
    assert main(words(exported, folder, tmp_path / "out")) == 5
    *lines, last = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[0] for line in lines if "copy it again" in line] == [*map(str, broken)]
    assert f"6 of 8 photographs cannot be cut out, any others are; the first: {broken[0]}" in last
    assert "left out 1 picture that cannot be read (1 .heic); left out 1 other file" in lines[0]
    assert not any("IMG_1.HEIC" in line for line in lines) and "IMG_1.HEIC" in last


def test_photographs_of_other_formats_are_named_with_a_cure(exported, folder, tmp_path, capsys):
    (folder / "IMG_1.HEIC").write_bytes(HEIC)
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
