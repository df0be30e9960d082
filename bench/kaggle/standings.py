"""Fetch Kaggle's own leaderboard by its client, and rank a score on it."""

import csv
import io
import math
import sys
import zipfile
from pathlib import Path
from typing import Any

from bench.data.tables import DAMAGE_ERRORS
from bench.kaggle.client import COMPETITION, run_client
from bench.system.errors import BadData
from bench.system.temporaries import temporary_folder

TOP_TEAMS = 12


def fetch_standings(score: float | None) -> dict[str, Any]:
    """Return the top of the leaderboard, the number of teams, and a score's rank among them.

    Args:
        score: of a submission, as Kaggle returned it.

    Raises:
        Missing: Kaggle's client or its credentials. BenchError: the client failed otherwise.
        BadData: the downloaded file is not a leaderboard.
    """
    with temporary_folder("standings") as folder:
        arguments = [
            "competitions",
            "leaderboard",
            COMPETITION,
            "--download",
            "--path",
            str(folder),
        ]
        run_client(arguments, "leaderboard")
        name, teams = _read(folder)
    standings: dict[str, Any] = {
        "file": name,  # Kaggle's name for it says whether it is the public or the private one
        "teams": len(teams),
        "top": [
            {"rank": rank_of(points, teams), "team": team, "score": points}
            for team, points in teams[:TOP_TEAMS]
        ],
    }
    if score is not None:
        standings |= {"score": score, "would_rank": rank_of(score, teams)}
    return standings


def rank_of(score: float, teams: list[tuple[str, float]]) -> int:
    """Return 1 + the number of teams with a higher score: equal scores share a rank.

    >>> rank_of(0.99, [("a", 0.995), ("b", 0.99), ("c", 0.98)])
    2
    """
    return 1 + sum(points > score for _, points in teams)


def _read(folder: Path) -> tuple[str, list[tuple[str, float]]]:
    """Read the downloaded table: its file name, and (team, score) from the best on."""
    try:
        name, text = _table(folder)
        rows = csv.DictReader(io.StringIO(text))
        teams = [(row["TeamName"], float(row["Score"])) for row in rows]
        if not teams or not all(math.isfinite(points) for _, points in teams):
            raise ValueError("no teams, or a score that is no number")
    except (StopIteration, KeyError, TypeError, ValueError, csv.Error, *DAMAGE_ERRORS) as error:
        raise BadData(
            f"leaderboard: Kaggle's client brought no table with TeamName and Score ({error!r}); "
            f"update the client: {sys.executable} -m pip install -U kaggle"
        ) from error
    return name, sorted(teams, key=lambda team: -team[1])


def _table(folder: Path) -> tuple[str, str]:
    for archive in folder.glob("*.zip"):
        with zipfile.ZipFile(archive) as opened:
            name = next(member for member in opened.namelist() if member.endswith(".csv"))
            return name, opened.read(name).decode("utf-8-sig")
    path = next(folder.glob("*.csv"))
    return path.name, path.read_text(encoding="utf-8-sig")
