"""The answer of a report is made of the tables, and needs two kinds of evidence."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from bench.ensembles.rules import RULES
from bench.metrics.power import MOST_CARS
from bench.metrics.statistics import Gain
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
    assert f"the best of {(ensembles['members'] > 1).sum()} ensembles" in first
    learning = sum(RULES[each["rule"]].learns for each in analysis["ensembles"])
    learned = f"Of the ensembles whose rule learns ({learning}), none surely beats the plain mean."
    assert answer(run_facts).paragraphs[1] == learned  # four cars are too few for that


def test_the_answer_names_the_rules_that_surely_beat_the_plain_mean(run_facts):
    analysis = run_facts.analysis.model_copy(deep=True)
    for each in analysis.ensembles:
        mean = 0.004 if each.entry == "greedy" else 0.002
        each.over_plain_mean = Gain(mean, 0.001, 0.003, p=0.01)
    for better in (["greedy"], ["stacking", "greedy"]):
        analysis.beat_plain_mean = better
        facts = dataclasses.replace(run_facts, analysis=analysis)
        said = answer(facts).paragraphs[1]
        assert ("alone" in said) == (len(better) == 1)
        assert "+0.004000 [95 % interval +0.001000 to +0.003000; p = 0.01" in said
        assert f"corrected for {len(analysis.ensembles)} such gains]." in said


@pytest.mark.parametrize("ensemble", [True, False])
def test_the_answer_names_entries_that_found_nothing(run_facts, ensemble):
    scores, board = run_facts.scores.copy(), run_facts.leaderboard
    scores.loc[scores["entry"].isin(["a", "c"]), ["tp", "fp"]] = 0
    if not ensemble:
        board = board[board["kind"] != "ensemble"]
    facts = dataclasses.replace(run_facts, scores=scores, leaderboard=board)
    said = "the Dice is that of empty masks: a and c."
    assert sum(said in each for each in answer(facts).paragraphs) == 1
    assert not any("empty masks" in each for each in answer(run_facts).paragraphs)


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
    found = _cars_to_tell({"gain_cars": cars}, "car")
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
    assert verdict({"gain_p": p, "gain_low": low, "gain_high": high}, "car") == expected
