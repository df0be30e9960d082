"""A model or a submission is scored on any labelled folder, with the table that a run has."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bench.cli.verbs import main
from bench.data.content import SEEN
from bench.evaluation import evaluate
from bench.masks import rle
from bench.own.opening import open_data
from bench.run.record import read_record
from tests.shoes import BOTH, BY_SHOE, draw_shoe, draw_shoes, words


@pytest.fixture(scope="module")
def shoes(tmp_path_factory):
    root = draw_shoes(tmp_path_factory.mktemp("shoes"))
    assert main(words(root, *BY_SHOE, *BOTH)) == 0
    return root


def copied(shoes, folder):
    """A copy of the pictures, which nobody has described."""
    shutil.copytree(shoes, folder)
    (folder / "mine" / "data.yaml").unlink()
    return folder


def submitted(root, name, change, left_out=()):
    """A submission of the true masks, changed."""
    rows = ["img,rle_mask"]
    data = open_data(root / "mine")
    for image, photograph in data.own.names.items():
        if image not in left_out:
            rows.append(f"{photograph},{rle.encode(change(data.mask(image)))}")
    path = root / f"{name}.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def evaluated(root, *more):
    return main(["evaluate", "--data", str(root / "mine"), "--jobs", "1", "--device", "cpu", *more])


def test_two_submissions_are_ranked_side_by_side(shoes, capsys):
    right = submitted(shoes, "right", lambda mask: mask)
    shifted = submitted(shoes, "shifted", lambda mask: np.roll(mask, 2, axis=1))
    out = shoes / "evaluation"
    assert evaluated(shoes, "--submission", str(right), str(shifted), "--out", str(out)) == 0
    table = capsys.readouterr().out
    assert "dice_low" in table and "cars" not in table
    board = pd.read_csv(out / "leaderboard.csv").set_index("entry")
    assert board.loc["right", "dice"] == 1 and 0.8 < board.loc["shifted", "dice"] < 1
    assert board.loc["shifted", "dice_low"] < board.loc["shifted", "dice"]
    scores = pd.read_parquet(out / "scores.parquet")
    assert scores["group"].nunique() == 6 and "view" not in scores
    assert len(list((out / "shifted").glob("*.jpg"))) == 10
    assert main(["compare", str(out), str(out)]) == 2
    again = shutil.copytree(out, shoes / "again")
    assert main(["compare", str(out), str(again)]) == 0


def test_evaluations_on_other_masks_of_the_same_names_are_not_compared(shoes, tmp_path, capsys):
    right = submitted(shoes, "right", lambda mask: mask)
    root = copied(shoes, tmp_path / "copy")
    mask = root / "labels" / "left" / "shoe1_0.png"
    shutil.copy(root / "labels" / "right" / "shoe4_0.png", mask)  # of the same size
    assert main(words(root, *BY_SHOE, *BOTH)) == 0
    outs = [str(tmp_path / name) for name in ("before", "mended")]
    for folder, out in zip((shoes, root), outs, strict=True):
        assert evaluated(folder, "--submission", str(right), "--out", out) == 0
    assert main(["compare", *outs]) == 3
    assert "scored on different masks of held-out cars: shoe1; score" in capsys.readouterr().err


def test_only_photographs_with_a_row_are_scored(shoes, capsys):
    some = submitted(shoes, "some", lambda mask: mask, left_out=["shoe0::right/shoe0_1"])
    assert evaluated(shoes, "--submission", str(some), "--json") == 0
    out, error = capsys.readouterr()
    assert json.loads(out)[0]["dice"] == 1 and "1 labelled photograph without a row" in error


def test_rows_may_leave_out_folders_where_that_is_clear(shoes, tmp_path, capsys):
    right = submitted(shoes, "right", lambda mask: mask)
    short = tmp_path / "short.csv"
    short.write_text(re.sub("left/|right/", "", right.read_text()))
    root = copied(shoes, tmp_path / "copy")
    other = root / "other" / "left" / "shoe1_0.jpg"
    other.parent.mkdir(parents=True)
    shutil.copy(root / "photos" / "left" / "shoe3_0.jpg", other.with_name("shoe9_0.jpg"))
    described = words(root, *BY_SHOE, *BOTH, "--test", str(root / "other/**/*.jpg"))
    assert main(described) == 0  # which puts a folder before all names
    for path in (right, short):
        assert evaluated(root, "--submission", str(path)) == 0
        assert "without a row" not in capsys.readouterr().err
    other.with_name("shoe9_0.jpg").rename(other)
    assert evaluated(root, "--submission", str(short)) == 3
    said = "shoe1_0.jpg may be photos/left/shoe1_0.jpg or other/left/shoe1_0.jpg; write the folder"
    assert re.search(rf"short.csv, line \d+: {said}", capsys.readouterr().err)


def test_a_row_of_another_size_is_named(shoes, capsys):
    height, width = draw_shoe(0, 0)[1].shape
    path = submitted(shoes, "large", lambda mask: mask)
    beyond = rf"\g<1>{height * width} 2"
    path.write_text(re.sub(r"(right/shoe0_0\.jpg,).*", beyond, path.read_text()))
    assert evaluated(shoes, "--submission", str(path)) == 3
    assert f"photograph of {height}x{width}" in capsys.readouterr().err


def test_a_submission_that_is_cut_off_is_named(shoes, capsys):
    path = submitted(shoes, "cut", lambda mask: mask)
    rows = path.read_text().splitlines()
    path.write_text("\n".join([*rows[:-1], rows[-1].partition(",")[0]]))
    assert evaluated(shoes, "--submission", str(path)) == 3
    assert f"cut.csv, line {len(rows)}: no comma in" in capsys.readouterr().err


def test_nothing_to_judge_and_a_full_folder_are_refused(shoes, capsys):
    assert evaluated(shoes) == 2
    assert "--model" in capsys.readouterr().err
    right = submitted(shoes, "right", lambda mask: mask)
    assert evaluated(shoes, "--submission", str(right), "--out", str(shoes)) == 2
    assert "name a new folder" in capsys.readouterr().err


def test_a_held_out_list_is_kept_to(shoes, tmp_path, capsys):
    (tmp_path / "heldout.csv").write_text("group\nshoe1\nshoe2\n")
    root = copied(shoes, tmp_path / "copy")
    assert main(words(root, *BY_SHOE, *BOTH, "--heldout", str(tmp_path / "heldout.csv"))) == 0
    right = submitted(root, "right", lambda mask: mask)
    assert evaluated(root, "--submission", str(right), "--out", str(tmp_path / "out")) == 0
    scores = pd.read_parquet(tmp_path / "out" / "scores.parquet")
    assert set(scores["group"]) == {"shoe1", "shoe2"}
    limited = ["--limit", "2", "--out", str(tmp_path / "limited")]
    assert evaluated(root, "--submission", str(right), *limited) == 0
    scores = pd.read_parquet(tmp_path / "limited" / "scores.parquet")
    assert set(scores["group"]) == {"shoe1"}
    capsys.readouterr()
    assert evaluated(root, "--submission", str(right), "--limit", "1") == 3
    assert "lists no group that is used" in capsys.readouterr().err


def test_an_exported_model_says_on_what_it_was_trained(exported, tiny_carvana, tmp_path, capsys):
    words = ["--data", str(tiny_carvana), "--jobs", "1", "--device", "cpu"]
    out = tmp_path / "out"
    assert main(["evaluate", "--model", str(exported), "--out", str(out), *words]) == 0
    error = capsys.readouterr().err
    assert "LEAKY: 2 of 4 cars trained it" in error
    board = pd.read_csv(out / "leaderboard.csv")
    assert list(board["kind"]).count("single") == 2 and board["leaky"].all()
    assert board["gain"].notna().sum() == 1


def test_photographs_under_other_names_are_recognised(exported, tiny_carvana, tmp_path, capsys):
    """A pattern of test photographs puts a folder before all names; a copy has others anyway."""
    for number, path in enumerate(sorted((tiny_carvana / "train").iterdir(), reverse=True)):
        mask = tiny_carvana / "train_masks" / f"{path.stem}_mask.gif"
        shutil.copy(path, tmp_path / f"{path.stem[:-3]} {number}.jpg")
        shutil.copy(mask, tmp_path / f"{path.stem[:-3]} {number}.gif")
    tests = ["--test", str(tiny_carvana / "test" / "*.jpg")]
    for folder, mask, more in [
        (tiny_carvana / "train", "../train_masks/{stem}_mask.gif", tests),
        (tmp_path, "{stem}.gif", []),
    ]:
        places = ["--images", str(folder / "*.jpg"), "--masks", str(folder / mask)]
        groups = ["--group-by", "(\\w+)[_ ][0-9]+", "--jobs", "1", *more]
        out = str(tmp_path / f"described {len(more)}")
        assert main(["prepare", *places, "--out", out, *groups]) == 0
        words = ["--data", out, "--jobs", "1", "--device", "cpu"]
        assert main(["evaluate", "--model", str(exported), *words]) == 0
        assert "LEAKY: 2 of 4 groups trained it" in capsys.readouterr().err


def test_models_of_trainings_that_noted_hashes_with_ids_are_still_judged(
    exported, tiny_carvana, tmp_path, capsys
):
    """And such trainings, of an earlier version, are not taken for changed."""
    home = shutil.copytree(exported.parent, tmp_path / "home")
    for path in (home / "runs" / "tiny").rglob("made.json"):
        record = read_record(path)
        assert record.made_from.keys() & {SEEN}
        earlier = {kind: each for kind, each in record.made_from.items() if kind != SEEN}
        replace(record, made_from=earlier).write(path)
    places = ["--data", str(tiny_carvana), "--device", "cpu"]
    assert main(["train", str(home / "tiny.yaml"), "--runs", str(home / "runs"), *places]) == 0
    run, out = str(home / "runs" / "tiny"), str(home / "model")
    assert main(["export", "--run", run, "--entry", "mean", "--out", out]) == 0
    capsys.readouterr()
    assert main(["evaluate", "--model", out, "--jobs", "1", *places]) == 0
    assert "LEAKY: 2 of 4 cars trained it" in capsys.readouterr().err


def test_whether_some_views_of_a_car_trained_a_model_is_not_known(
    exported, tiny_carvana, tmp_path, capsys
):
    for folder in ("train", "train_masks"):
        (tmp_path / folder).mkdir()
        for path in (tiny_carvana / folder).glob("*_0[12]*"):
            shutil.copy(path, tmp_path / folder)
    words = ["--data", str(tmp_path), "--jobs", "1", "--device", "cpu"]
    assert main(["evaluate", "--model", str(exported), *words]) == 0
    assert "mean: no car here is known to have trained it" in capsys.readouterr().err


def test_two_whose_pictures_would_lie_in_one_folder_are_refused(exported, shoes, tmp_path, capsys):
    shutil.copytree(exported, tmp_path / "tiny")
    right = submitted(shoes, "tiny-mean", lambda mask: mask)
    assert evaluated(shoes, "--submission", str(right), "--model", str(tmp_path / "tiny")) == 2
    assert "would lie in one folder, tiny-mean; rename one" in capsys.readouterr().err


def test_an_evaluation_that_was_interrupted_begins_again(shoes, tmp_path, monkeypatch):
    right = submitted(shoes, "right", lambda mask: mask)
    words = ["--submission", str(right), "--out", str(tmp_path / "out")]

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(evaluate, "_draw", interrupted)
        assert evaluated(shoes, *words) == 130
    assert evaluated(shoes, *words) == 0
    assert (tmp_path / "out" / "right" / "errors.csv").is_file()
