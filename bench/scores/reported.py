"""Figures of Kaggle's private leaderboard, shown beside scores on real photographs alone."""

from pathlib import Path

import yaml

from bench.config.suite import Reported

PRIVATE_LEADERBOARD = Path(__file__).parent / "private_leaderboard.yaml"
NOTE = (
    "A local score is not a Kaggle score: reported figures are for Kaggle's test set, whose masks "
    "are not public."
)


def private_leaderboard() -> list[Reported]:
    """Published figures of the private leaderboard, best first."""
    rows = yaml.safe_load(PRIVATE_LEADERBOARD.read_text(encoding="utf-8"))
    return [Reported.model_validate(row) for row in rows]
