"""Pairs of entries: gains, their corrected p-values, and the best member of each image."""

import numpy as np
import pandas as pd
import pytest

from bench.metrics.statistics import Gain
from bench.scores.pairs import gain_columns, holm_column, matrix, oracle, read_scores
from bench.system.errors import BadData


def test_holm_corrects_the_rows_that_have_a_p_value():
    table = pd.DataFrame({"gain_p": [0.01, np.nan, 0.04, 0.03]}, index=[3, 1, 2, 0])
    found = holm_column(table, "gain_p")["gain_p"]
    assert found.to_dict() == pytest.approx({3: 0.03, 1: np.nan, 2: 0.06, 0: 0.06}, nan_ok=True)
    assert table["gain_p"].iloc[0] == 0.01
    assert holm_column(table, "p") is table


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
    pd.DataFrame(rows[:3]).to_parquet(path)
    with pytest.raises(BadData, match=r"scores\.parquet: entries lack images .* remove it and run"):
        read_scores(path, ["dice"])
