"""What was reached on Kaggle, as rows to compare with: shown only beside real photographs."""

from pathlib import Path

import yaml

from bench.config.suite import Reported

PRIVATE_LEADERBOARD = Path(__file__).parent / "private_leaderboard.yaml"
NOTE = (
    "A local score is not a Kaggle score: reported figures are of other photographs, the test "
    "set's, whose masks Kaggle keeps."
)


def private_leaderboard() -> list[Reported]:
    """Published figures of the private leaderboard, best first."""
    rows = yaml.safe_load(PRIVATE_LEADERBOARD.read_text(encoding="utf-8"))
    return [Reported.model_validate(row) for row in rows]
