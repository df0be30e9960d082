"""Tables whose cells are shaded by their value: numbers to read and a picture at once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.data.carvana import car_of, view_of
from bench.report.facts import Facts
from bench.scores.pairs import matrix
from bench.system.text import MISSING

ERROR_UNIT = 1e-4  # 1 - Dice is written in ten-thousandths


@dataclass(frozen=True)
class Cell:
    """A number, and how dark it lies in its table."""

    text: str
    share: int  # 0..100


@dataclass(frozen=True)
class Heat:
    """A shaded table of the page."""

    name: str
    title: str
    caption: str
    corner: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]
    upright: bool = False  # whether the columns' names are long and stand on end


def by_view(facts: Facts) -> Heat:
    """What is missing to a Dice of 1, of every entry from each side."""
    views = {image: view_of(image) for image in facts.dice.columns}
    return _errors(
        facts, views, "by-view", "By view",
        "1 − Dice in ten-thousandths; the lower, the better. The camera goes round the car in 16 "
        "steps.",
    )  # fmt: skip


def by_make(facts: Facts) -> Heat | None:
    """What is missing to a Dice of 1, of every entry on each make; None where none is known."""
    makes = {
        image: facts.cars[car_of(image)][1]
        for image in facts.dice.columns if car_of(image) in facts.cars
    }  # fmt: skip
    if not makes:
        return None
    counted = len({car_of(image) for image in makes})
    return _errors(
        facts, makes, "by-make", "By make",
        f"1 − Dice in ten-thousandths, of {counted} cars; each make with its number of them.",
        upright=True,
    )  # fmt: skip


def _errors(
    facts: Facts,
    part: dict[str, Any],
    name: str,
    title: str,
    caption: str,
    upright: bool = False,
) -> Heat:
    """1 - Dice of every entry on each part of the images."""
    means = (1 - matrix(facts.scores, facts.entries)).T.groupby(
        pd.Series(part)
    ).mean().T / ERROR_UNIT
    shares = shades(np.log(np.maximum(means.to_numpy(), 1e-3)))
    rows = [
        (facts.label(entry), [Cell(_short(one), share) for one, share in zip(*both, strict=True)])
        for entry, *both in zip(means.index, means.to_numpy(), shares, strict=True)
    ]  # fmt: skip
    columns = [str(each) for each in means.columns]
    if upright:
        sizes = {str(each): len({car_of(i) for i, of in part.items() if of == each})
                 for each in means.columns}  # fmt: skip
        columns = [f"{each} · {sizes[each]}" for each in columns]
    return Heat(name, title, caption, "entry", columns, rows, upright)


def disagreement(facts: Facts) -> Heat:
    """The share of pixels on which two members differ."""
    share = np.array(facts.analysis["disagreement"], dtype=float)
    return _pairs(
        facts, share * 1e4, "disagreement", "Disagreement",
        "Pixels on which two members' masks differ, in ten-thousandths of all pixels. Members that "
        "never differ have nothing to vote on.",
        decimals=1,
    )  # fmt: skip


def correlation(facts: Facts) -> Heat:
    """How far two members err on the same pixels."""
    found = np.array(facts.analysis["error_correlation"], dtype=float)  # None becomes NaN
    return _pairs(
        facts, found, "correlation", "Correlation of errors",
        "1: both err on the same pixels, and together they gain nothing. 0: unrelated.",
        decimals=2,
    )  # fmt: skip


def _pairs(facts: Facts, values: Any, name: str, title: str, caption: str, decimals: int) -> Heat:
    """A square table of members; its diagonal is left blank."""
    hidden = np.array(values, dtype=float)
    np.fill_diagonal(hidden, np.nan)
    shares = shades(hidden)
    members = facts.analysis["members"]
    rows = []
    for place, member in enumerate(members):
        cells = [
            Cell("" if place == other else _fixed(hidden[place, other], decimals),
                 int(shares[place, other]))
            for other in range(len(members))
        ]  # fmt: skip
        rows.append((f"{facts.number(member)}  {facts.label(member)}", cells))
    columns = [str(facts.number(member)) for member in members]
    return Heat(name, title, caption, "member", columns, rows)


def shades(values: Any) -> Any:
    """Whole numbers 0..100 from the least to the greatest value; 0 where there is none."""
    found = np.asarray(values, dtype=float)
    if not np.isfinite(found).any():
        return np.zeros(found.shape, dtype=int)
    low, high = np.nanmin(found), np.nanmax(found)
    spread = high - low if high > low else 1.0
    return np.nan_to_num(100 * (found - low) / spread).round().astype(int)


def _short(value: float) -> str:
    if not math.isfinite(value):
        return MISSING
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def _fixed(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}" if math.isfinite(value) else MISSING
