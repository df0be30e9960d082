"""The worst photographs of an entry are drawn, worst first."""

import numpy as np
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
    distances = pd.read_csv(tmp_path / "distances.csv").set_index("car")
    of_entry = scores[scores["entry"] == "mean"]
    assert distances["dice"]["all"] == pytest.approx(of_entry["dice"].mean(), rel=1e-5)
    wrong = (of_entry["fp"] + of_entry["fn"]).mean()
    assert distances["wrong_px"]["all"] == pytest.approx(wrong, rel=1e-5)
    assert distances["dice"][:-1].is_monotonic_increasing
    assert (np.diff(distances.drop(columns="dice"), axis=1) >= 0).all()
    for verb in ("errors", "refine"):  # pictures of two entries never lie in one folder
        assert made.main(verb, "--entry", "a", "--out", str(tmp_path)) == 2
        assert "not empty; name a new folder with --out" in capsys.readouterr().err
    elsewhere = tmp_path / "elsewhere"
    assert made.main("errors", "--entry", "maen", "--out", str(elsewhere)) == 2
    assert "has no entry 'maen'" in capsys.readouterr().err
    assert not elsewhere.exists()
