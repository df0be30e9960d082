"""Scores of entries on the same images, side by side, and what one entry gains over another."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from bench.data.dataset import UNITS
from bench.data.image_ids import car_of
from bench.metrics import statistics
from bench.metrics.correction import holm, holm_levels
from bench.metrics.power import cars_to_tell
from bench.metrics.statistics import SIGNIFICANT, Gain
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
    scores = read_parquet(path, needed, ("entry", "image", *UNITS), SCORE)
    pairs = scores["entry"].nunique() * scores["image"].nunique()
    if len(scores) != pairs or scores.duplicated(["entry", "image"]).any():
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
    corrected = pd.Series(holm(known), known.index, dtype=float)
    return table.assign(**{key: corrected.reindex(table.index)})


def correct_gains(
    table: pd.DataFrame, differences: Mapping[str, "pd.Series[float]"]
) -> pd.DataFrame:
    """Return a table with its `gain_p` Holm-corrected, and with `gain_cars` beside it.

    These are the held-out cars that would tell a gain from none, where the table's do not; NaN
    where a mean gain is zero. A table without p-values is returned as it is.

    Args:
        table: with the columns `entry` and, unless a single car is scored, `gain_p`.
        differences: of each entry that has a p-value, what it gains on each image.
    """
    if "gain_p" not in table:
        return table
    known = table.dropna(subset="gain_p")
    levels = pd.Series(holm_levels(known["gain_p"], SIGNIFICANT), known.index)
    corrected = holm_column(table, "gain_p")
    unclear = corrected[corrected["gain_p"] >= SIGNIFICANT]
    gains = pd.DataFrame(differences).T.loc[unclear["entry"]]
    needed = cars_to_tell(gains, list(map(car_of, gains.columns)), levels[unclear.index])
    return corrected.assign(gain_cars=pd.Series(needed, unclear.index))
