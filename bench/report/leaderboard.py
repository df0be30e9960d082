"""The leaderboard as the page shows it: texts, values to sort by, and intervals on one scale."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from bench.report.facts import Facts
from bench.report.svg import dice_ticks, errors_of
from bench.scores.columns import Column, on_page, worded
from bench.system.text import number

SCALE_WIDTH = 180  # of the drawn intervals, CSS pixels
SCALE_MARGIN = 8.0
TICK_MARGIN, TICK_GAP = 16, 44  # keep labels of ticks on the scale and apart, CSS pixels


@dataclass(frozen=True)
class DrawnInterval:
    """The drawn interval of an entry's mean Dice."""

    low: float  # place on the drawn scale
    high: float
    text: str  # in words


@dataclass(frozen=True)
class BoardRow:
    """An entry's row of the table."""

    entry: str
    kind: str
    source: str  # of a published figure; else empty
    rank: str
    group: int  # 0: not ranked
    starts_group: bool  # whether it is the first of its group
    cells: list[tuple[str, str]]  # text, and the value to sort by; both empty where there is none
    mean: float  # its Dice, as a place on the drawn scale
    interval: DrawnInterval | None
    on_pareto_front: bool


class Scale:
    """Dice -> place on the drawn scale, which is logarithmic in 1 - Dice."""

    def __init__(self, dice: Sequence[float]) -> None:
        errors = errors_of([each for each in dice if np.isfinite(each)])
        self.low, self.high = float(errors.min()) / 1.05, float(errors.max()) * 1.05

    def __call__(self, dice: float) -> float:
        """Place in CSS pixels from the left; better is further right."""
        share = np.log(self.high / errors_of(dice)) / np.log(self.high / self.low)
        return round(float(SCALE_MARGIN + (SCALE_WIDTH - 2 * SCALE_MARGIN) * share), 1)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Places of round Dice, at least TICK_GAP apart, and their labels."""
        kept: list[tuple[float, str]] = []
        for error in sorted(dice_ticks(self.low, self.high), reverse=True):
            place = self(1 - error)
            inside = TICK_MARGIN <= place <= SCALE_WIDTH - TICK_MARGIN
            if inside and (not kept or place - kept[-1][0] >= TICK_GAP):
                kept.append((place, f"{1 - error:.6g}"))
        return kept


def columns(facts: Facts) -> list[Column]:
    """The columns that have a value in this run."""
    board = facts.leaderboard
    unit = facts.unit
    return [
        replace(each, title=worded(each.title, unit), meaning=worded(each.meaning, unit))
        for each in on_page()
        if each.key in board and board[each.key].notna().any()
    ]


def rows(facts: Facts) -> tuple[list[BoardRow], Scale]:
    """The rows of the table, best first, and the scale of their intervals."""
    board = facts.leaderboard.fillna({"group": 0, "pareto": False})
    ends = [board[key] for key in ("dice", "dice_low", "dice_high") if key in board]
    scale = Scale(pd.concat(ends).dropna().tolist())
    shown = columns(facts)
    table, last = [], 0
    for _, line in board[board["dice"].notna()].iterrows():
        group = int(line["group"])
        row = BoardRow(
            entry=facts.names.label(str(line["entry"])),
            kind=str(line["kind"]),
            source="" if pd.isna(line["source"]) else str(line["source"]),
            rank="" if pd.isna(line["rank"]) else str(int(line["rank"])),
            group=group,
            starts_group=group not in (0, last),
            cells=[_cell(line, column) for column in shown],
            mean=scale(line["dice"]),
            on_pareto_front=bool(line["pareto"]),
            interval=_interval(line, scale),
        )
        table.append(row)
        last = group or last
    return table, scale


def _interval(line: "pd.Series[Any]", scale: Scale) -> DrawnInterval | None:
    low, high = line.get("dice_low", math.nan), line.get("dice_high", math.nan)
    if not math.isfinite(low):
        return None
    return DrawnInterval(scale(low), scale(high), f"{number(low, 5)} to {number(high, 5)}")


def _cell(line: "pd.Series[Any]", column: Column) -> tuple[str, str]:
    value = line[column.key]
    if pd.isna(value):
        return "", ""
    return column.text(float(value)), repr(float(value))
