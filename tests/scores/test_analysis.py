"""The analysis says why an ensemble gains, and where it is hard."""

import json

import numpy as np
import pandas as pd
import pytest

from bench.scores.analysis import _is_better
from tests.tiny import MEMBERS

pytestmark = pytest.mark.slow


def test_analysis_says_why_the_ensemble_gains(made, scores, board):
    found = json.loads((made.run_folder / "analysis.json").read_text())
    table = scores.pivot(index="entry", columns="image", values="dice")
    assert found["oracle"]["dice"] == pytest.approx(table.loc[list(MEMBERS)].max().mean())
    assert found["best_member"] == "a"
    assert np.allclose(found["disagreement"], np.array(found["disagreement"]).T)
    assert sum(row["pixels"] for row in found["calibration"]) == 64 * 80 * 120
    ensembles = {each["entry"]: each for each in found["ensembles"]}
    assert ensembles["vote"]["over_best_member"]["mean"] == pytest.approx(board.loc["vote", "gain"])
    pair = ensembles["greedy"]["over_plain_mean"]["mean"]
    assert pair == pytest.approx(board.loc["greedy", "dice"] - board.loc["mean", "dice"])
    assert [each["member"] for each in ensembles["mean"]["leave_one_out"]] == list(MEMBERS)
    assert ensembles["stacking"]["leave_one_out"] == []
    assert found["disputed_px"].keys() == set(scores["image"])


@pytest.mark.parametrize(
    ("low", "p", "better"), [(0.1, 0.01, True), (0.1, 0.06, False), (-0.1, 0.01, False)]
)
def test_a_gain_counts_where_interval_and_p_agree(low, p, better):
    assert _is_better({"mean": 0.2, "low": low, "high": 0.3, "p": p}) == better
    assert not _is_better(None)


def test_tables_by_view_and_by_make(made, scores):
    by_view = pd.read_csv(made.run_folder / "by_view.csv")
    assert by_view.groupby("entry")["view"].nunique().eq(16).all()
    mine = scores[(scores["entry"] == "a") & (scores["view"] == 5)]
    row = by_view[(by_view["entry"] == "a") & (by_view["view"] == 5)].iloc[0]
    assert row["dice"] == pytest.approx(mine["dice"].mean())
    by_make = pd.read_csv(made.run_folder / "by_make.csv")
    assert by_make["make"].unique().tolist() == ["Make"]
    assert (by_make["images"] == 64).all()
