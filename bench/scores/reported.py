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


def notes(
    real: bool, other_cores: float, in_int8: Sequence[str], with_empty_masks: Sequence[str]
) -> str:
    """Return what stands below a leaderboard, a paragraph each.

    Args:
        real: the photographs are the competition's.
        other_cores: that other programs kept busy while times were taken.
        in_int8: the recipes that predicted in it.
        with_empty_masks: the entries that `ranking.with_empty_masks` returns.
    """
    int8 = f"Predicted in int8, on a CPU: {listed(in_int8)}." if in_int8 else ""
    said = [NOTE if real else "", slowed_by(other_cores), int8, found_nothing(with_empty_masks)]
    return "\n\n".join(filter(None, said))


def found_nothing(entries: Sequence[str]) -> str:
    """Say of entries that all their masks are empty; nothing where there are none."""
    if not entries:
        return ""
    return (
        "Found nothing in any held-out photograph, so that the Dice is that of empty masks: "
        f"{listed(entries)}."
    )


def private_leaderboard() -> list[Reported]:
    """Published figures of the private leaderboard, best first."""
    rows = load_yaml(PRIVATE_LEADERBOARD)
    return [Reported.model_validate(row) for row in rows]
