"""Pairs of entries: gains, their corrected p-values, and the best member of each image."""

import numpy as np
import pandas as pd
import pytest

from bench.metrics.power import cars_to_tell
from bench.metrics.statistics import Gain, paired_p
from bench.scores.pairs import correct_gains, gain_columns, holm_column, matrix, oracle, read_scores
from bench.system.errors import BadData


def test_holm_corrects_the_rows_that_have_a_p_value():
    table = pd.DataFrame({"gain_p": [0.01, np.nan, 0.04, 0.03]}, index=[3, 1, 2, 0])
    found = holm_column(table, "gain_p")["gain_p"]
    assert found.to_dict() == pytest.approx({3: 0.03, 1: np.nan, 2: 0.06, 0: 0.06}, nan_ok=True)
    assert table["gain_p"].iloc[0] == 0.01
    assert holm_column(table, "p") is table


def test_a_gain_that_cannot_be_told_says_how_many_cars_would():
    images = [f"{car:012x}_{view:02d}" for car in range(12) for view in (1, 2)]
    cars = np.repeat(np.arange(12), 2)
    own = np.random.default_rng(0).normal(0, 1, 24)
    gained = {"told": own * 0.1 + 1, "weak": own + 0.3, "none": own - own}
    differences = {name: pd.Series(gain, images) for name, gain in gained.items()}
    p = {name: paired_p(gain, 0 * gain, cars) for name, gain in gained.items()}
    table = pd.DataFrame({"entry": ["single", *gained], "gain_p": [np.nan, *p.values()]})
    found = correct_gains(table, differences).set_index("entry")
    assert found["gain_p"].tolist() == pytest.approx(
        [np.nan, 3 * p["told"], 2 * p["weak"], 1], nan_ok=True
    )
    weak = cars_to_tell([gained["weak"]], cars, 0.05 / 2)[0]  # as Holm corrects: for two
    assert found["gain_cars"].tolist() == pytest.approx([np.nan, np.nan, weak, np.nan], nan_ok=True)
    assert 12 < weak < 1000
    assert correct_gains(table[["entry"]], {}).equals(table[["entry"]])  # a single car was scored


def test_a_gain_has_four_columns_and_a_single_car_none():
    assert gain_columns(Gain(0.1, 0.05, 0.15, 0.01)) == {
        "gain": 0.1,
        "gain_low": 0.05,
        "gain_high": 0.15,
        "gain_p": 0.01,
    }
    assert gain_columns(None) == {}


def test_oracle_takes_the_best_member_of_each_image():
    rows = [("a", "x", 0.9), ("a", "y", 0.5), ("b", "y", 0.7), ("b", "x", 0.6), ("c", "x", 1.0)]
    scores = pd.DataFrame(rows, columns=["entry", "image", "dice"])
    table = matrix(scores, ["b", "a"])
    assert table.index.tolist() == ["b", "a"]
    assert table.loc["b"].tolist() == [0.6, 0.7]
    assert oracle(table).to_dict() == {"x": 0.9, "y": 0.7}
    with pytest.raises(ValueError, match="c has no dice of 1 images"):
        matrix(scores, ["a", "c"])
    with pytest.raises(ValueError, match="duplicate"):
        matrix(pd.concat([scores, scores]), ["a"])


def test_scores_of_which_some_are_lost_are_refused(tmp_path):
    path = tmp_path / "scores.parquet"
    rows = [{"entry": entry, "image": image, "dice": 0.9} for entry in "ab" for image in "xy"]
    for few in (rows[:3], [*rows[:3], rows[3] | {"image": "z"}]):
        pd.DataFrame(few).to_parquet(path)
        with pytest.raises(
            BadData, match=r"scores\.parquet: entries lack images .* remove it and run"
        ):
            read_scores(path, ["dice"])
