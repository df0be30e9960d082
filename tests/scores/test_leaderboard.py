"""The leaderboard follows from the scores, in every form."""

import json

import numpy as np
import pytest

from bench.data.image_ids import car_of
from bench.metrics.correction import holm
from bench.metrics.statistics import paired_p
from tests.tiny import MEMBERS

pytestmark = pytest.mark.slow


def test_leaderboard_columns_follow_from_the_scores(scores, board):
    mine = scores[scores["entry"] == "mean"]
    row = board.loc["mean"]
    worst = np.sort(mine["dice"])[:4].mean()  # 5 % of 64 images, rounded up
    assert row["dice_worst5"] == pytest.approx(worst)
    assert row["one_minus_jaccard"] == pytest.approx(1 - mine["jaccard"].mean())
    assert (row["fp_px"], row["fn_px"]) == pytest.approx((mine["fp"].mean(), mine["fn"].mean()))
    assert row["hausdorff95_px"] == pytest.approx(mine["hausdorff95_px"].mean())
    assert row["jaccard_low"] < row["jaccard"] < row["jaccard_high"]
    assert (row["rank"], row["group"]) == (1, 1)  # four cars tell nothing apart
    assert row["disk_mb"] == pytest.approx(3 * 0.004)
    assert row["gflops"] == pytest.approx(3 * board.loc["a", "gflops"])
    assert board.loc["a", "pareto"] and not board.loc["c", "pareto"]  # c is slower and worse


def test_p_values_of_the_leaderboard_are_corrected_over_the_table(made, scores, board):
    dice = scores.pivot(index="entry", columns="image", values="dice")
    cars = [car_of(image) for image in dice.columns]
    ensembles = board.index[board["kind"] == "ensemble"]
    raw = [paired_p(dice.loc[name], dice.loc["a"], cars) for name in ensembles]
    assert board.loc[ensembles, "gain_p"].tolist() == pytest.approx(holm(raw).tolist())
    assert board["p_best"].isna().tolist() == [True] + [False] * (len(board) - 1)
    assert (board["p_best"].iloc[1:] >= 0.125).all()  # the smallest p of four cars
    # four cars never tell; corrected for 55 pairs, the smallest p of ten cars is 0.11
    different = dice.mean(axis=1)[board.index] < dice.mean(axis=1).max()
    assert (board["cars_best"] >= 11).equals(different)
    assert (board.loc[ensembles, "gain_cars"] >= 6).sum() >= 7
    found = json.loads((made.run_folder / "analysis.json").read_text())
    assert found["statistics"]["pairs"] == len(board) * (len(board) - 1) // 2
    better = {
        each["entry"]
        for each in found["ensembles"]
        if each["over_plain_mean"]
        and each["over_plain_mean"]["low"] > 0
        and each["over_plain_mean"]["p"] < 0.05  # never, of four cars
    }
    assert set(found["beat_plain_mean"]) == better


@pytest.mark.parametrize(
    ("form", "text"),
    [("md", "| --- |"), ("csv", "dice_worst5"), ("json", '"entry": '), ("latex", r"\toprule")],
)
def test_leaderboard_in_every_form(made, form, text):
    found = (made.run_folder / f"leaderboard.{form}").read_text()
    assert text in found
    assert "private leaderboard" not in found  # these are no real photographs


def test_leaderboard_is_printed_as_latex(made, capsys):
    assert made.main("leaderboard", "--format", "latex") == 0
    found = capsys.readouterr().out
    assert found.count("\\\\\n") == 1 + len(MEMBERS) + 8
    assert "_" not in found.replace(r"\_", "")
