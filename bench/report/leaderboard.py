"""The leaderboard as the page shows it: text, what to sort by, and intervals drawn to one scale."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.report.facts import Facts
from bench.report.svg import dice_ticks, errors_of
from bench.scores.columns import Column, on_page
from bench.system.text import number

WIDTH = 180  # of the drawn intervals, CSS pixels
MARGIN = 8.0


@dataclass(frozen=True)
class Line:
    """An entry's line of the table."""

    entry: str
    kind: str
    source: str  # of a published figure
    rank: str
    group: int  # 0: not ranked
    opens: bool  # whether it is the first of its group
    cells: list[tuple[str, str]]  # text, and what to sort by: empty where there is none
    low: float | None  # places on the drawn scale
    high: float | None
    mean: float
    interval: str  # the same in words
    front: bool  # on the Pareto front


class Scale:
    """Dice -> place on the drawn scale: logarithmic in what is missing to 1."""

    def __init__(self, dice: Sequence[float]) -> None:
        found = errors_of([each for each in dice if np.isfinite(each)])
        self.low, self.high = float(found.min()) / 1.05, float(found.max()) * 1.05

    def __call__(self, dice: float) -> float:
        """Place in CSS pixels from the left; better is further right."""
        share = np.log(self.high / errors_of(dice)) / np.log(self.high / self.low)
        return round(float(MARGIN + (WIDTH - 2 * MARGIN) * share), 1)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Places of round Dice, and these; at least 44 pixels apart."""
        kept: list[tuple[float, str]] = []
        for error in sorted(dice_ticks(self.low, self.high), reverse=True):
            place = self(1 - error)
            inside = 16 <= place <= WIDTH - 16
            if inside and (not kept or place - kept[-1][0] >= 44):
                kept.append((place, f"{1 - error:.6g}"))
        return kept


def columns(facts: Facts) -> list[Column]:
    """The columns that say anything in this run."""
    return [
        each
        for each in on_page()
        if each.key in facts.board and facts.board[each.key].notna().any()
    ]


def lines(facts: Facts) -> tuple[list[Line], Scale]:
    """The lines of the table, best first, and the scale of their intervals."""
    board = facts.board.fillna({"pareto": False})
    ends = [board[name] for name in ("dice", "dice_low", "dice_high") if name in board]
    scale = Scale(np.concatenate([each.dropna().to_numpy(dtype=float) for each in ends]).tolist())
    shown = columns(facts)
    found, last = [], 0
    for _, row in board[board["dice"].notna()].iterrows():
        group = 0 if pd.isna(row["group"]) else int(row["group"])
        opens = bool(group) and group != last
        found.append(_line(facts, row, group, opens, shown, scale))
        last = group or last
    return found, scale


def _line(
    facts: Facts, row: "pd.Series[Any]", group: int, opens: bool, shown: Sequence[Column],
    scale: Scale,
) -> Line:  # fmt: skip
    told = "dice_low" in row and np.isfinite(row["dice_low"])
    cells = [_cell(row, column) for column in shown]
    return Line(
        entry=facts.label(str(row["entry"])),
        kind=str(row["kind"]),
        source="" if pd.isna(row["source"]) else str(row["source"]),
        rank="" if pd.isna(row["rank"]) else str(int(row["rank"])),
        group=group,
        opens=opens,
        cells=cells,
        low=scale(row["dice_low"]) if told else None,
        high=scale(row["dice_high"]) if told else None,
        mean=scale(row["dice"]),
        interval=f"{number(row['dice_low'], 5)} to {number(row['dice_high'], 5)}" if told else "",
        front=bool(row["pareto"]),
    )


def _cell(row: "pd.Series[Any]", column: Column) -> tuple[str, str]:
    value = row.get(column.key)
    if value is None or pd.isna(value):
        return "", ""
    return column.text(float(value)), repr(float(value))
