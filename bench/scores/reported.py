"""Figures of Kaggle's private leaderboard, shown beside scores on real photographs alone."""

from pathlib import Path

from bench.config.strict import load_yaml
from bench.config.suite import Reported

PRIVATE_LEADERBOARD = Path(__file__).parent / "private_leaderboard.yaml"
NOTE = (
    "A local score is not a Kaggle score: reported figures are for Kaggle's test set, whose masks "
    "are not public."
)


def private_leaderboard() -> list[Reported]:
    """Published figures of the private leaderboard, best first."""
    rows = load_yaml(PRIVATE_LEADERBOARD)
    return [Reported.model_validate(row) for row in rows]
