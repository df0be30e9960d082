"""A leaderboard in its forms, and the front of cost against quality."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.metrics.statistics import Gain
from bench.scores.pairs import gain_columns, holm_column
from bench.scores.ranking import pareto_front, quality
from bench.scores.tables import WRITERS, read_leaderboard

TABLE = pd.DataFrame(
    {
        "rank": pd.array([1, None], dtype="Int64"),
        "entry": ["a|b_1", "50 % & more"],
        "kind": ["single", "reported"],
        "dice": [0.99612345678, 0.99],
        "surface_px": [1.25, np.nan],
        "pareto": [True, np.nan],
        "leaky": [False, np.nan],
    }
)


def test_markdown_shows_what_people_read():
    head, line, first, second = WRITERS["md"](TABLE).splitlines()
    assert head == "| rank | entry | kind | dice | pareto |"  # nothing leaks: no such column
    assert line == "| --- | --- | --- | --- | --- |"
    assert first == r"| 1 | a\|b_1 | single | 0.996123 | yes |"
    assert second == "|  | 50 % & more | reported | 0.990000 |  |"


def test_latex_escapes_what_it_would_misread():
    found = WRITERS["latex"](TABLE)
    assert r"a|b\_1 & single & 0.996123" in found
    assert r"50 \% \& more" in found


def test_json_and_csv_keep_every_digit_and_column():
    first, second = json.loads(WRITERS["json"](TABLE))
    assert first["dice"] == 0.99612345678
    assert second["surface_px"] is None
    assert WRITERS["csv"](TABLE).splitlines()[1] == "1,a|b_1,single,0.99612345678,1.25,True,False"


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=8))
def test_nobody_on_the_front_is_beaten(points):
    front = pareto_front(*zip(*points, strict=True))
    for (cost, score), on_front in zip(points, front, strict=True):
        beaten = any(c <= cost and s >= score and (c, s) != (cost, score) for c, s in points)
        assert on_front == (not beaten)


def test_an_unknown_cost_is_not_on_the_front():
    assert pareto_front([np.nan, 2], [0.9, 0.8]).tolist() == [False, True]


def test_distances_that_do_not_exist_are_left_out_of_means():
    scores = pd.DataFrame(
        {
            "dice": [1.0, 0.0, 0.5],
            "jaccard": [1.0, 0.0, 1 / 3],
            "fold": 0,
            "fp": 3,
            "fn": 0,
            "boundary_iou": [1.0, 0.0, 0.2],
            "hausdorff95_px": [0.0, np.nan, 3.0],
            "surface_px": [0.0, np.nan, 1.0],
        }
    )
    found = quality(scores)
    assert (found["hausdorff95_px"], found["surface_px"]) == (1.5, 0.5)
    assert (found["dice"], found["boundary_iou"]) == pytest.approx((0.5, 0.4))
    assert found["dice_worst5"] == 0


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


def test_a_leaderboard_is_read_with_the_types_it_was_written_with(tmp_path):
    table = TABLE.astype({"pareto": "boolean", "leaky": "boolean"})
    path = tmp_path / "leaderboard.csv"
    path.write_text(WRITERS["csv"](table))
    found = read_leaderboard(path)
    pd.testing.assert_frame_equal(found, table, check_dtype=False)
    types = {key: str(found[key].dtype) for key in ("rank", "pareto", "leaky")}
    assert types == {"rank": "Int64", "pareto": "boolean", "leaky": "boolean"}
    assert found["pareto"].tolist() == [True, pd.NA]
