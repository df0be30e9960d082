"""Kaggle's own leaderboard, fetched by its client, and the rank a score would have on it."""

import csv
import io
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.kaggle.client import COMPETITION, call
from bench.system.errors import BadData

TOP = 12


def run(score: float | None) -> dict[str, Any]:
    """The top of the leaderboard, the number of teams, and the rank of a score among them.

    Args:
        score: as Kaggle returned it for a submission.

    Raises:
        Missing: Kaggle's client or its credentials. BenchError: the client failed otherwise.
        BadData: what came is no leaderboard.
    """
    with TemporaryDirectory() as folder:
        call(["competitions", "leaderboard", COMPETITION, "--download", "--path", folder],
             "leaderboard")  # fmt: skip
        name, teams = _read(Path(folder))
    found: dict[str, Any] = {
        "file": name,  # Kaggle's name for it says whether it is the public or the private one
        "teams": len(teams),
        "top": [
            {"rank": rank_of(points, teams), "team": team, "score": points}
            for team, points in teams[:TOP]
        ],
    }
    if score is not None:
        found |= {"score": score, "would_rank": rank_of(score, teams)}
    return found


def rank_of(score: float, teams: list[tuple[str, float]]) -> int:
    """1 + the number of teams with a higher score: equal scores share a rank.

    >>> rank_of(0.99, [("a", 0.995), ("b", 0.99), ("c", 0.98)])
    2
    """
    return 1 + sum(points > score for _, points in teams)


def _read(folder: Path) -> tuple[str, list[tuple[str, float]]]:
    """Name of the table and (team, score), best first, of what the client left in a folder."""
    try:
        name, text = _table(folder)
        rows = csv.DictReader(io.StringIO(text))
        teams = [(row["TeamName"], float(row["Score"])) for row in rows]
    except (StopIteration, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise BadData(
            f"leaderboard: Kaggle's client brought no table with TeamName and Score ({error!r}); "
            "update the client: .venv/bin/pip install -U kaggle"
        ) from error
    return name, sorted(teams, key=lambda team: -team[1])


def _table(folder: Path) -> tuple[str, str]:
    for archive in folder.glob("*.zip"):
        with zipfile.ZipFile(archive) as opened:
            name = next(each for each in opened.namelist() if each.endswith(".csv"))
            return name, opened.read(name).decode("utf-8-sig")
    path = next(folder.glob("*.csv"))
    return path.name, path.read_text(encoding="utf-8-sig")
