"""Where a score stands: Kaggle's own leaderboard, and what was published of it."""

import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.cli.verbs import main
from bench.kaggle.standings import fetch_standings
from bench.system.errors import BadData, BenchError, Missing

CLIENT = """#!{python}
import shutil, sys
from pathlib import Path
assert sys.argv[1:4] == ["competitions", "leaderboard", "carvana-image-masking-challenge"]
store, folder = Path({store!r}), sys.argv[sys.argv.index("--path") + 1]
failure = store / "failure.txt"
if failure.exists():
    sys.exit(failure.read_text())
shutil.copy(store / "carvana.zip", folder)
"""


BOARD = """\ufeffRank,TeamId,TeamName,LastSubmissionDate,Score
1,7,"last, but best",2017-09-27,0.9973
2,8,twin,2017-09-27,0.9971
2,9,other twin,2017-09-27,0.9971
4,5,fourth,2017-09-27,0.9000
"""


@pytest.fixture
def kaggle(tmp_path: Path, install_client: Callable[..., None]) -> Path:
    """The folder of a stand-in for Kaggle's client, first on the path."""
    put(tmp_path, BOARD)
    install_client(tmp_path, CLIENT.format(python=sys.executable, store=str(tmp_path)))
    return tmp_path


def put(folder, board):
    with zipfile.ZipFile(folder / "carvana.zip", "w") as archive:
        archive.writestr("carvana-publicleaderboard.csv", board)


@pytest.mark.parametrize(("score", "rank"), [(0.9974, 1), (0.9971, 2), (0.99, 4), (0.1, 5)])
def test_a_score_is_placed_among_the_teams(kaggle, score, rank):
    found = fetch_standings(score)
    assert found["would_rank"] == rank
    assert (found["teams"], found["file"]) == (4, "carvana-publicleaderboard.csv")
    assert [each["rank"] for each in found["top"]] == [1, 2, 2, 4]
    assert found["top"][0]["team"] == "last, but best"


def test_the_board_is_shown_without_a_suite(kaggle, capsys):
    assert main(["leaderboard", "--kaggle", "--score", "0.99"]) == 0
    assert "would_rank: 4" in capsys.readouterr().out
    assert main(["leaderboard"]) == 2
    assert "name a SUITE" in capsys.readouterr().err


def test_what_goes_wrong_is_named(kaggle, monkeypatch):
    for words, error in (("401 Unauthorized", Missing), ("Connection reset", BenchError)):
        (kaggle / "failure.txt").write_text(words)
        with pytest.raises(error, match="leaderboard: "):
            fetch_standings(None)
    (kaggle / "failure.txt").unlink()
    header = BOARD.partition("\n")[0]
    for board in (
        *("", "TeamName\nsomeone\n", header, f"{BOARD}2,b", BOARD.replace("0.9973", "nan")),
        BOARD.replace("fourth", "4" * (2**25 + 1)),  # more than a value of a CSV may have
    ):
        put(kaggle, board)
        with pytest.raises(BadData, match="no table with TeamName and Score"):
            fetch_standings(None)
    monkeypatch.setenv("PATH", str(kaggle / "nothing"))
    monkeypatch.setattr("sys.executable", str(kaggle / "nothing" / "python"))
    with pytest.raises(Missing, match=r"Kaggle's client needs .*extra 'kaggle'"):
        fetch_standings(None)
