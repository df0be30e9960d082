"""One line in the table of columns is all that a figure needs to be seen everywhere."""

import json

import pandas as pd
import pytest

from bench.metrics.measures import measures
from bench.scores import columns, leaderboard, score
from bench.scores.columns import Column
from bench.scores.pairs import read_scores
from bench.system.errors import BadData
from tests.tiny import Made

pytestmark = pytest.mark.slow

TOY = Column("toy", "Toy score", "of a test", 3, table=165, page=85, averaged=True)


def toy_measures(predicted, truth, true_outline):
    return measures(predicted, truth, true_outline) | {"toy": float(predicted.mean())}


@pytest.fixture
def made(tiny_carvana, tmp_path):
    found = Made(tmp_path, tiny_carvana)
    found.draw(seed=0)
    return found


@pytest.fixture
def toy(made, monkeypatch):
    """A run whose code has one more measure and one more line in the table of columns."""
    monkeypatch.setattr(score, "measures", toy_measures)
    monkeypatch.setattr(columns, "LEADERBOARD", (*columns.LEADERBOARD, TOY))
    assert made.main("score") == 0
    assert made.main("leaderboard") == 0
    assert made.main("report") == 0
    return made.run_folder


def test_a_measure_with_a_line_is_in_every_table_and_on_the_page(toy):
    scores = pd.read_parquet(toy / "scores.parquet")
    means = scores.groupby("entry")["toy"].mean()
    board = pd.read_csv(toy / "leaderboard.csv").set_index("entry")
    assert board["toy"].to_dict() == pytest.approx(means.to_dict())
    records = json.loads((toy / "leaderboard.json").read_text())
    assert {row["entry"]: row["toy"] for row in records} == pytest.approx(means.to_dict())
    head = (toy / "leaderboard.md").read_text().splitlines()[0]
    assert "| boundary_iou | toy | hausdorff95_px |" in head
    assert "boundary\\_iou & toy & hausdorff95\\_px" in (toy / "leaderboard.latex").read_text()
    assert "toy" in pd.read_csv(toy / "by_view.csv")
    page = (toy / "report.html").read_text()
    assert 'title="of a test"' in page and "Toy score" in page
    assert f">{means['mean']:.3f}<" in page


def test_a_measure_without_a_line_is_refused_not_lost(made, monkeypatch):
    monkeypatch.setattr(score, "measures", toy_measures)
    with pytest.raises(ValueError, match=r"without a column: \['toy'\].*scores/columns.py"):
        made.main("score")


def test_a_line_without_its_measure_is_refused(made, monkeypatch):
    monkeypatch.setattr(columns, "LEADERBOARD", (*columns.LEADERBOARD, TOY))
    with pytest.raises(ValueError, match=r"without a figure: \['toy'\].*metrics/measures.py"):
        made.main("score")


def test_a_value_of_the_leaderboard_without_a_line_is_refused_not_lost(made, monkeypatch):
    assert made.main("score") == 0
    quality = leaderboard.quality
    monkeypatch.setattr(leaderboard, "quality", lambda scores: quality(scores) | {"toy": 1.0})
    with pytest.raises(ValueError, match=r"no column \['toy'\] in LEADERBOARD"):
        made.main("leaderboard")


def test_scores_of_an_older_version_are_refused_with_the_cure(made, monkeypatch, capsys):
    assert made.main("score") == 0
    monkeypatch.setattr(columns, "LEADERBOARD", (*columns.LEADERBOARD, TOY))
    with pytest.raises(BadData, match=r"no column toy; .* of an older version; remove"):
        read_scores(made.run_folder / "scores.parquet")
    (made.run_folder / "leaderboard.csv").unlink(missing_ok=True)
    assert made.main("leaderboard") == 3
    assert "run the stage `score` again" in capsys.readouterr().err
    assert made.main("errors", "--entry", "a", "--out", "unused") == 3


def test_keys_are_unique_and_what_is_shown_has_its_words():
    every = [*columns.LEADERBOARD, *columns.COMPARISON, *columns.TRIED]
    assert len({column.key for column in every}) == len(every)
    assert all(column.title and column.meaning for column in columns.on_page())
    assert all(column.write or column.decimals is not None for column in columns.on_page())


def test_a_column_of_the_report_alone_is_one_line(made, monkeypatch):
    """Here: `dice_fold_sd`, which so far only CSV and JSON hold."""
    shown = Column("dice_fold_sd", "Spread", "between folds", 5, page=55)
    lines = [shown if each.key == shown.key else each for each in columns.LEADERBOARD]
    monkeypatch.setattr(columns, "LEADERBOARD", tuple(lines))
    assert made.main("score") == 0
    assert made.main("report") == 0
    page = (made.run_folder / "report.html").read_text()
    assert page.index(">Worst 5 %<") < page.index(">Spread<") < page.index(">ms<")
