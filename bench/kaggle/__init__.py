"""Kaggle submission files: write, check, score, mend, and hand to Kaggle's own client."""

from bench.kaggle.scoring import KnownMasks, Scores, score
from bench.kaggle.validation import Problem, Report, check
from bench.kaggle.writing import Writer, expected_images, repair, upload, write, write_sidecar

__all__ = [
    "KnownMasks", "Problem", "Report", "Scores", "Writer", "check", "expected_images", "repair",
    "score", "upload", "write", "write_sidecar",
]  # fmt: skip
