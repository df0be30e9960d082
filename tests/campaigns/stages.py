"""A finished run, brought back to an earlier stage."""

import shutil
from pathlib import Path

from tests.campaigns.common import run_of, start, words


def nothing(folder: Path) -> None:
    """Leave a finished run as it is."""


def forget_submissions(folder: Path) -> None:
    """Leave everything but the submission files."""
    shutil.rmtree(folder / "submissions")


def forget_results(folder: Path) -> None:
    """Leave the trainings and maps of a run."""
    for name in ("scores.parquet", "ceilings.json", "analysis.json", "report.html"):
        (run_of(folder) / name).unlink()
    for path in run_of(folder).glob("leaderboard.*"):
        path.unlink()
    forget_submissions(folder)


def forget_maps(folder: Path) -> None:
    """Leave the trainings of a run alone."""
    forget_results(folder)
    for path in run_of(folder).glob("*/maps-*"):
        path.unlink()


def forget_trainings(folder: Path) -> None:
    """Leave the cache of shrunk samples, and how the run began."""
    forget_maps(folder)
    for name in ("one", "two", "ensembles"):
        shutil.rmtree(run_of(folder) / name)


def stop_in_training(folder: Path) -> None:
    """Leave a run that was killed in its first training, after the first epoch."""
    shutil.rmtree(folder / "runs")
    forget_submissions(folder)
    started = start(folder, words(folder))
    while "epoch 1/4: loss" not in started.said():
        pass
    started.kill()
