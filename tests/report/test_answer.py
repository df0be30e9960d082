"""The answer of a report is made of the tables, and needs two kinds of evidence."""

import json

import numpy as np
import pandas as pd
import pytest

from bench.ensembles.rules import RULES
from bench.metrics.power import MOST_CARS
from bench.report.answer import _cars_to_tell, answer, verdict


def test_answer_is_made_of_the_tables(made, run_facts):
    board = pd.read_csv(made.run_folder / "leaderboard.csv").set_index("entry")
    ensembles = board[board["kind"] == "ensemble"]
    best = ensembles.loc[ensembles["dice"].idxmax()]
    analysis = json.loads((made.run_folder / "analysis.json").read_text())
    member = board.loc[analysis["best_member"]]
    first = answer(run_facts).paragraphs[0]
    assert f"{best['dice']:.6f}" in first
    assert f"{member['dice']:.6f}" in first
    assert f"{best['predict_ms']:.0f} ms" in first
    assert f"{abs(best['gain']):.6f} [95 % interval" in first.replace("−", "").replace("+", "")
    assert "64 held-out photographs of 4 cars" in first
    assert f"four times in five takes {best['gain_cars']:,.0f} held-out cars" in first
    learned = answer(run_facts).paragraphs[1]
    for each in analysis["ensembles"]:
        if each["entry"] in analysis["beat_plain_mean"]:
            assert (each["entry"] in learned) == RULES[each["rule"]].learns
            assert each["over_plain_mean"]["low"] > 0


@pytest.mark.parametrize(
    ("cars", "expected"),
    [
        (140, " takes 140 held-out cars."),
        (MOST_CARS, " takes 10,000 held-out cars or more."),
        (pd.NA, ""),
        (None, ""),  # a leaderboard of an older version
    ],
)
def test_the_answer_says_how_many_cars_would_tell(cars, expected):
    found = _cars_to_tell({"gain_cars": cars})
    assert found.endswith(expected) and bool(found) == bool(expected)


@pytest.mark.parametrize(
    ("p", "low", "high", "expected"),
    [
        (0.01, 0.001, 0.002, "Yes."),
        (0.01, -0.002, -0.001, "No, it is worse."),
        (0.06, 0.001, 0.002, "These cars cannot tell."),
        (np.nan, np.nan, np.nan, "One car cannot tell."),
    ],
)
def test_verdict_needs_both_the_interval_and_the_corrected_p(p, low, high, expected):
    assert verdict({"gain_p": p, "gain_low": low, "gain_high": high}) == expected
