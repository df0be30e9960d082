"""Scores of entries on the same images, side by side, and what one entry gains over another."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from bench.data.carvana import car_of
from bench.metrics import statistics
from bench.metrics.statistics import Gain
from bench.scores.columns import GAIN, averaged
from bench.system.errors import BadFile
from bench.system.files import read_parquet

SCORE = "run the stage `score` again"


def read_scores(path: Path, figures: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a run's scores.parquet.

    Args:
        figures: that it must hold; None: every one that the tables average.

    Raises:
        Missing: the run is not scored yet.
        BadFile: the file is damaged, or an older version scored the run and a figure is missing.
    """
    needed = ["entry", "image", *(averaged() if figures is None else figures)]
    scores = read_parquet(path, needed, ("entry", "image", "car"), SCORE)
    per_image = scores.groupby("image")["entry"]
    if per_image.nunique().nunique() > 1 or scores.duplicated(["entry", "image"]).any():
        raise BadFile(path, "entries lack images that others have", f"remove it and {SCORE}")
    return scores


def matrix(scores: pd.DataFrame, entries: Sequence[str], column: str = "dice") -> pd.DataFrame:
    """Return the scores of entries on the same images: one row an entry, one column an image.

    Args:
        scores: as in scores.parquet: entry, image and the wanted column.

    Raises:
        ValueError: an entry lacks an image that another has, or has it twice.
    """
    wanted = scores[scores["entry"].isin(entries)]
    table = wanted.pivot(index="entry", columns="image", values=column).reindex(list(entries))
    holes = table.isna().sum(axis=1)
    if holes.any():
        raise ValueError(f"{holes.idxmax()} has no {column} of {holes.max()} images others have")
    return table


def oracle(table: pd.DataFrame) -> "pd.Series[float]":
    """Return the score on each image of the member that is best there.

    No choice of one member for each image reaches more.

    Args:
        table: `matrix` of the members.
    """
    return table.max(axis=0)


def gain_over_best(
    table: pd.DataFrame, ensemble: "pd.Series[float]", members: Sequence[str]
) -> tuple[str, Gain | None]:
    """Return the best of some members, and an ensemble's gain over that member on the same images.

    Args:
        table: `matrix` with (at least) the members.
        ensemble: score on each image of the table.

    Returns:
        The member's name, and the gain, or None where the images show a single car.
    """
    means = table.mean(axis=1)
    best = max(members, key=lambda member: float(means[member]))
    return best, paired_gain(ensemble, table.T[best])


def paired_gain(one: "pd.Series[float]", other: "pd.Series[float]") -> Gain | None:
    """Return the gain of one entry over another on the same images; None if these show one car."""
    cars = [car_of(image) for image in one.index]
    return statistics.gain(one, other, cars) if len(set(cars)) > 1 else None


def gain_columns(gain: Gain | None) -> dict[str, float]:
    """Return the four columns of a gain in a table's row; none where a single car gives no gain."""
    return dict(zip(GAIN, gain, strict=True)) if gain else {}


def holm_column(table: pd.DataFrame, key: str) -> pd.DataFrame:
    """Return the table with a column of p-values Holm-corrected over the rows that have one.

    A table without the column is returned as it is.
    """
    if key not in table:
        return table
    known = table[key].dropna()
    corrected = pd.Series(statistics.holm(known), known.index, dtype=float)
    return table.assign(**{key: corrected.reindex(table.index)})
