"""Figures of Kaggle's private leaderboard, shown beside scores on real photographs alone."""

from collections.abc import Sequence
from pathlib import Path

from bench.config.strict import load_yaml
from bench.config.suite import Reported
from bench.system.environment import slowed_by
from bench.system.text import listed

PRIVATE_LEADERBOARD = Path(__file__).parent / "private_leaderboard.yaml"
NOTE = (
    "A local score is not a Kaggle score: reported figures are for Kaggle's test set, whose masks "
    "are not public."
)


def notes(real: bool, other_cores: float, in_int8: Sequence[str]) -> str:
    """Return what stands below a leaderboard, a paragraph each.

    Args:
        real: the photographs are the competition's.
        other_cores: that other programs kept busy while times were taken.
        in_int8: the recipes that predicted in it.
    """
    int8 = f"Predicted in int8, on a CPU: {listed(in_int8)}." if in_int8 else ""
    return "\n\n".join(filter(None, [NOTE if real else "", slowed_by(other_cores), int8]))


def private_leaderboard() -> list[Reported]:
    """Published figures of the private leaderboard, best first."""
    rows = load_yaml(PRIVATE_LEADERBOARD)
    return [Reported.model_validate(row) for row in rows]
