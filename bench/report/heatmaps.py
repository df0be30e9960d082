"""Tables whose cells are shaded by their value: numbers to read and a picture at once."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.data.image_ids import car_of, view_of
from bench.report.facts import Facts
from bench.system.text import MISSING

ERROR_UNIT = 1e-4  # 1 - Dice is written in ten-thousandths


@dataclass(frozen=True)
class Cell:
    """A number in a table, and the shade behind it."""

    text: str
    share: int  # 0..100: how dark


@dataclass(frozen=True)
class HeatMap:
    """A shaded table of the page."""

    name: str
    title: str
    caption: str
    corner: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]
    upright: bool = False  # whether the columns' names are long and stand on end


def by_view(facts: Facts) -> HeatMap | None:
    """The table of 1 - Dice of every entry, by view; None where photographs are no views."""
    if facts.unit != "car":
        return None
    views = {image: view_of(image) for image in facts.dice.columns}
    return _errors(
        facts,
        views,
        "by-view",
        "By view",
        "1 − Dice in ten-thousandths; the lower, the better. The camera goes round the car in 16 "
        "steps.",
    )


def by_make(facts: Facts) -> HeatMap | None:
    """The table of 1 - Dice of every entry, by make; None where no make is known."""
    makes = {
        image: facts.names.cars[car_of(image)][1]
        for image in facts.dice.columns
        if car_of(image) in facts.names.cars
    }
    if not makes:
        return None
    cars = {car: facts.names.cars[car][1] for car in map(car_of, makes)}
    caption = (
        f"1 − Dice in ten-thousandths, of {len(cars)} cars; each make with its number of them."
    )
    table = _errors(facts, makes, "by-make", "By make", caption)
    counts = Counter(cars.values())
    columns = [f"{make} · {counts[make]}" for make in table.columns]
    return replace(table, columns=columns, upright=True)


def _errors(
    facts: Facts, groups: Mapping[str, Any], name: str, title: str, caption: str
) -> HeatMap:
    """The table of 1 - Dice of every entry, by the group (view, make) of each image."""
    means = (1 - facts.dice).T.groupby(pd.Series(groups)).mean().T / ERROR_UNIT
    shares = shades(np.log(np.maximum(means.to_numpy(), 1e-3)))
    rows = [
        (facts.names.label(entry), list(map(Cell, map(_short, values), row)))
        for entry, values, row in zip(means.index, means.to_numpy(), shares, strict=True)
    ]
    return HeatMap(name, title, caption, "entry", list(map(str, means.columns)), rows)


def disagreement(facts: Facts) -> HeatMap:
    """The table of the share of pixels on which two members differ."""
    share = np.array(facts.analysis.disagreement, dtype=float)
    return _pairs(
        facts,
        share * 1e4,
        "disagreement",
        "Disagreement",
        "Pixels on which two members' masks differ, in ten-thousandths of all pixels. Members that "
        "never differ have nothing to vote on.",
        decimals=1,
    )


def correlation(facts: Facts) -> HeatMap:
    """The table of the correlation (phi) of two members' errors."""
    phi = np.array(facts.analysis.error_correlation, dtype=float)  # None becomes NaN
    return _pairs(
        facts,
        phi,
        "correlation",
        "Correlation of errors",
        "1: both err on the same pixels, and together they gain nothing. 0: unrelated.",
        decimals=2,
    )


def _pairs(
    facts: Facts, values: NDArray[Any], name: str, title: str, caption: str, decimals: int
) -> HeatMap:
    """A square table of members; its diagonal is left blank."""
    values = values.copy()
    np.fill_diagonal(values, np.nan)
    texts = [[_fixed(value, decimals) for value in row] for row in values]
    for place in range(len(texts)):
        texts[place][place] = ""
    members = facts.analysis.members
    rows = [
        (facts.names.numbered(member), list(map(Cell, row, shares)))
        for member, row, shares in zip(members, texts, shades(values), strict=True)
    ]
    columns = [str(facts.names.number(member)) for member in members]
    return HeatMap(name, title, caption, "member", columns, rows)


def shades(values: NDArray[Any]) -> NDArray[np.int64]:
    """Whole numbers 0..100 from the least to the greatest value; 0 where a value is NaN."""
    if not np.isfinite(values).any():
        return np.zeros(values.shape, dtype=np.int64)
    low, high = np.nanmin(values), np.nanmax(values)
    spread = high - low if high > low else 1.0
    return np.nan_to_num(100 * (values - low) / spread).round().astype(np.int64)


def _short(value: float) -> str:
    if not math.isfinite(value):
        return MISSING
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def _fixed(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}" if math.isfinite(value) else MISSING
