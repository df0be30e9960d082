"""The worst photographs of an entry are drawn, worst first."""

import pandas as pd
import pytest

pytestmark = pytest.mark.slow


def test_errors_are_drawn_worst_first(made, scores, tmp_path, capsys):
    words = ["--worst", "3", "--out", str(tmp_path)]
    assert made.main("errors", "--entry", "mean", *words) == 0
    table = pd.read_csv(tmp_path / "errors.csv")
    expected = scores[scores["entry"] == "mean"].nsmallest(3, "dice")["image"].tolist()
    assert table["image"].tolist() == expected
    pictures = sorted(path.name for path in tmp_path.glob("*.[jp]*g"))
    assert pictures[:2] == [f"01-{expected[0]}-crop.png", f"01-{expected[0]}.jpg"]
    assert len(pictures) == 6
    assert made.main("errors", "--entry", "maen", *words) == 2
    assert "has no entry 'maen'" in capsys.readouterr().err
