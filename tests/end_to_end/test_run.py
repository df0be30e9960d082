"""The whole road by the command line: four drawn cars in, leaderboard and submission out."""

import json
import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
from safetensors.torch import load_file

from bench.cli.verbs import main
from bench.masks.store import MapStore
from tests.tiny import TINY_SUITE, Road

pytestmark = pytest.mark.slow


def test_every_entry_is_scored_once_on_every_car_that_it_never_saw(road):
    scores = pd.read_parquet(road.made("scores.parquet"))
    assert list(scores.columns) == [
        "entry",
        "image",
        "car",
        "view",
        "fold",
        "tp",
        "fp",
        "fn",
        "dice",
        "jaccard",
        "boundary_iou",
        "hausdorff95_px",
        "surface_px",
    ]
    assert sorted(scores["entry"].unique()) == ["a", "b", "mean", "vote"]
    assert (scores.groupby("entry")["image"].nunique() == 64).all()
    assert len(scores) == 4 * 64
    folds = pd.read_csv(road.made("folds.csv")).set_index("car")["fold"]
    assert (scores["car"].map(folds) == scores["fold"]).all()
    assert (scores["dice"] == 2 * scores.tp / (2 * scores.tp + scores.fp + scores.fn)).all()


def test_leaderboard_ranks_what_the_scores_say(road):
    scores = pd.read_parquet(road.made("scores.parquet")).groupby("entry")["dice"].mean()
    board = pd.read_csv(road.made("leaderboard.csv"))
    ours = board[board["kind"] != "reported"].set_index("entry")
    assert ours["dice"].to_dict() == pytest.approx(scores.to_dict())
    assert (ours["rank"] == 1).all()  # four cars cannot tell any entries apart
    assert board["dice"].is_monotonic_decreasing
    gain = ours.loc["mean", "dice"] - max(ours.loc["a", "dice"], ours.loc["b", "dice"])
    assert ours.loc["mean", "gain"] == pytest.approx(gain)
    assert (ours["ceiling"] > ours["dice"]).all()
    assert ours.loc["a", "size"] == "32x48"
    assert ours["reported_dice"].dropna().to_dict() == {"a": pytest.approx(0.995)}
    assert not ours["leaky"].astype(bool).any()
    assert "| paper | reported |" in road.made("leaderboard.md").read_text()
    assert len(json.loads(road.made("leaderboard.json").read_text())) == 5


def test_every_entry_has_a_submission_that_passes_the_check(road, capsys):
    files = sorted(path.name for path in (road.folder / "out").iterdir())
    wanted = [
        f"tiny-{entry}{end}" for entry in ("a", "b", "mean", "vote") for end in (".csv.gz", ".json")
    ]
    assert files == sorted(wanted)
    sidecar = json.loads((road.folder / "out" / "tiny-mean.json").read_text())
    assert [member["recipe"] for member in sidecar["members"]] == ["a", "b"]
    assert sidecar["rows"] == 16
    file = str(road.folder / "out" / "tiny-mean.csv.gz")
    against = ["--against", str(road.data / "train_masks")]
    assert main(["submit", "--check", file, "--data", str(road.data)]) == 0
    assert main(["submit", "--check", file, "--data", str(road.data), *against]) == 3
    assert "none of its 16 images has a known mask" in capsys.readouterr().err


def test_a_second_run_does_nothing(road, monkeypatch):
    def forbidden(*_):
        raise AssertionError("masks are read again")

    monkeypatch.setattr("bench.data.folds.mask_areas", forbidden)

    def state():
        return {path: path.stat().st_mtime_ns for path in road.made("a").rglob("*")} | {
            path: path.stat().st_mtime_ns for path in (road.folder / "out").iterdir()
        }

    before = state()
    assert road.run("run") == 0
    assert state() == before


def test_ensemble_maps_are_written_when_asked_for(road):
    assert road.run("ensemble", "--split", "test") == 0
    with (
        MapStore.open(road.made("ensembles/mean/maps-test.sqlite")) as mean,
        MapStore.open(road.made("a/maps-test.sqlite")) as a,
        MapStore.open(road.made("b/maps-test.sqlite")) as b,
    ):
        image = mean.ids()[0]
        exact = (a.read(image).astype(int) + b.read(image) + 1) // 2
        assert (mean.read(image) == exact).all()


def test_a_killed_run_goes_on_to_the_same_scores(road, tiny_carvana, tmp_path):
    again = Road(tmp_path, tiny_carvana)
    command = [sys.executable, "-m", "bench", *again.words("run")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    while not list(again.made("b/fold0").glob("training.attempt-*/state.pt")):
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert again.run("run") == 0
    tables = [pd.read_parquet(each.made("scores.parquet")) for each in (road, again)]
    pd.testing.assert_frame_equal(*tables)
    weights = [load_file(each.made("b/fold1/weights.safetensors")) for each in (road, again)]
    assert all((weights[0][key] == weights[1][key]).all() for key in weights[0])


def test_an_image_split_is_called_leaky_everywhere(road, tiny_carvana, tmp_path):
    leaky = Road(tmp_path, tiny_carvana)
    leaky.recipes = leaky.recipes[:1]
    leaky.write(
        TINY_SUITE
        | {"split": "image_random", "ensembles": {}, "folds": {"count": 2, "valid_cars": 1}}
    )
    assert leaky.run("run") == 0
    assert str(pd.read_csv(leaky.made("leaderboard.csv"))["leaky"].iloc[-1]) == "True"
    assert "LEAKY" in leaky.made("leak_audit.json").read_text()
    assert "LEAKY" in leaky.made("log.txt").read_text()
