"""A leaderboard in its forms, and read back from CSV."""

import json

import numpy as np
import pandas as pd

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


def test_a_leaderboard_is_read_with_the_types_it_was_written_with(tmp_path):
    table = TABLE.astype({"pareto": "boolean", "leaky": "boolean"})
    table = table.assign(members=[1, 0], predict_ms=[12.5, float("nan")])
    path = tmp_path / "leaderboard.csv"
    path.write_text(WRITERS["csv"](table))
    found = read_leaderboard(path)
    pd.testing.assert_frame_equal(found, table, check_dtype=False)
    types = {key: str(found[key].dtype) for key in ("rank", "pareto", "leaky")}
    assert types == {"rank": "Int64", "pareto": "boolean", "leaky": "boolean"}
    assert found["pareto"].tolist() == [True, pd.NA]
