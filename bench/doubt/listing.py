"""The list of cut-outs of a folder, the doubtful first: doubts.csv.

A result, the probability that its Dice is at least 0.99, its expected Dice, and the signs. The two
after the result are empty where the model's doubt is not calibrated. While a call lasts, its
results stand at the end as they come.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from bench.doubt.calibration import Calibration
from bench.doubt.signs import Signs
from bench.system.errors import BadFile
from bench.system.files import append_rows, row_end, write_bytes
from bench.system.text import several

DOUBTS = "doubts.csv"
HEADER = ("result", "sure", "expected_dice", "disagreement", "width")
SURE = 0.5  # from here on a cut-out is not called doubtful
UNCALIBRATED_SURE = 0.01  # of signs together, where nothing was calibrated
NAMED = 3  # doubtful results that a message names


@dataclass(frozen=True)
class Doubt:
    """How doubtful a result is; all but the signs is None where nothing was calibrated."""

    signs: Signs
    sure: float | None = None
    expected_dice: float | None = None

    @classmethod
    def of(cls, signs: Signs, calibration: Calibration | None) -> "Doubt":
        """What signs mean to a calibration; where nothing was found, nothing is sure."""
        if calibration is None:
            return cls(signs)
        if not signs.found:
            return cls(signs, sure=0.0, expected_dice=0.0)
        return cls(signs, calibration.sure(signs), calibration.expected_dice(signs))

    @property
    def doubtful(self) -> bool:
        """Whether a person should look at the result."""
        return sum(self.signs) > UNCALIBRATED_SURE if self.sure is None else self.sure < SURE

    @property
    def order(self) -> tuple[float, float]:
        """What a list is sorted by: the most doubtful first."""
        expected = 0.0 if self.expected_dice is None else self.expected_dice
        return (expected, -sum(self.signs))

    def __str__(self) -> str:
        if not self.signs.found:
            return "nothing was found"
        if self.sure is not None:
            return f"{self.sure:.0%} sure, expected Dice {self.expected_dice:.4f}"
        differ = self.signs.disagreement >= self.signs.width
        who = "members differ on" if differ else "the model is unsure of"
        return f"{who} {max(self.signs):.1%} of the cut-out, not calibrated"


def read_doubts(folder: Path) -> dict[str, Doubt]:
    """Return the doubt of each result of a folder, by its path there; empty if none is noted.

    A last row that is half written is left out; of two rows of a result, the later counts.

    Raises:
        BadFile: the list is damaged.
    """
    path = folder / DOUBTS
    if not path.exists():
        return {}
    try:
        content = path.read_bytes()
        text = content.decode(errors="surrogateescape")
        rows = list(csv.DictReader(StringIO(text, newline="")))
        whole = rows[:-1] if row_end(content) else rows
        return {row["result"]: _doubt_of(row) for row in whole}
    except (KeyError, TypeError, ValueError) as error:
        cure = "remove it; results that are there stay, without their doubt"
        raise BadFile(path, f"damaged ({error})", cure) from error


def write_doubts(folder: Path, doubts: Mapping[str, Doubt]) -> None:
    """Write the list of a folder anew, the doubtful first."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(HEADER)
    writer.writerows(_row(name, doubt) for name, doubt in in_order(doubts))
    write_bytes(folder / DOUBTS, text.getvalue().encode(errors="surrogateescape"))


def add_doubts(folder: Path, doubts: Mapping[str, Doubt]) -> None:
    """Add results to the list of a folder, which is there."""
    append_rows(folder / DOUBTS, [_row(name, doubt) for name, doubt in doubts.items()])


def in_order(doubts: Mapping[str, Doubt]) -> list[tuple[str, Doubt]]:
    """Return results with their doubt, the most doubtful first."""
    return sorted(doubts.items(), key=lambda each: (each[1].order, each[0]))


def summary(doubts: Mapping[str, Doubt]) -> str:
    """Say how many results are doubtful, and which are the worst."""
    doubtful = [(name, doubt) for name, doubt in in_order(doubts) if doubt.doubtful]
    if not doubtful:
        guessed = any(doubt.sure is None for doubt in doubts.values())
        how = ", by a doubt that is not calibrated" if guessed else ""
        return f"none of {several(len(doubts), 'cut-out')} is doubtful{how}"
    worst = "; ".join(f"{name} ({doubt})" for name, doubt in doubtful[:NAMED])
    return f"{len(doubtful)} of {several(len(doubts), 'cut-out')} may need a look, first {worst}"


def _row(name: str, doubt: Doubt) -> list[str]:
    return [name, *map(_cell, (doubt.sure, doubt.expected_dice, *doubt.signs))]


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"


def _doubt_of(row: Mapping[str, str]) -> Doubt:
    sure, expected, *shown = (float(row[name]) if row[name] else None for name in HEADER[1:])
    disagreement, width = (min(1.0, value or 0.0) for value in shown)  # once they had no end
    return Doubt(Signs(disagreement, width), sure, expected)
