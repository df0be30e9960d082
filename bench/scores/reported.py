"""Figures of Kaggle's private leaderboard, shown beside scores on real photographs alone."""

from pathlib import Path

from bench.config.strict import load_yaml
from bench.config.suite import Reported
from bench.system.environment import slowed_by

PRIVATE_LEADERBOARD = Path(__file__).parent / "private_leaderboard.yaml"
NOTE = (
    "A local score is not a Kaggle score: reported figures are for Kaggle's test set, whose masks "
    "are not public."
)


def notes(real: bool, other_cores: float) -> str:
    """Return what stands below a leaderboard, a paragraph each.

    Args:
        real: the photographs are the competition's.
        other_cores: that other programs kept busy while times were taken.
    """
    return "\n\n".join(filter(None, [NOTE if real else "", slowed_by(other_cores)]))


def private_leaderboard() -> list[Reported]:
    """Published figures of the private leaderboard, best first."""
    rows = load_yaml(PRIVATE_LEADERBOARD)
    return [Reported.model_validate(row) for row in rows]
