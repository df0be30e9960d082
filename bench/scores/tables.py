"""Tables as CSV, JSON, Markdown and LaTeX, and a leaderboard read back from CSV."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.scores import columns
from bench.system.files import read_csv

WORDS = ("entry", "kind", "size", "teacher", "source")  # columns that hold no numbers
LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }
)


def to_markdown(table: pd.DataFrame, shown: Sequence[str] | None = None, unit: str = "car") -> str:
    """The table in Markdown.

    Args:
        shown: keys of its columns, from the left; None: those that `columns.in_tables` lists.
        unit: what headings call that which is held out together: "car" or "group".
    """
    names, rows = _cells(table, columns.in_tables() if shown is None else shown)
    names = [columns.worded(name, unit) for name in names]
    lines = [names, ["---"] * len(names), *rows]
    escaped = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    return "".join("| " + " | ".join(line) + " |\n" for line in escaped)


def to_latex(table: pd.DataFrame, unit: str = "car") -> str:
    """The table as a LaTeX tabular with the package booktabs; numbers are aligned to the right."""
    names, rows = _cells(table, columns.in_tables())
    sides = "".join("r" if name in columns.decimals() else "l" for name in names)
    names = [columns.worded(name, unit) for name in names]
    lines = [" & ".join(cell.translate(LATEX) for cell in line) + r" \\" for line in [names, *rows]]
    start = [rf"\begin{{tabular}}{{{sides}}}", r"\toprule", lines[0], r"\midrule"]
    return "\n".join([*start, *lines[1:], r"\bottomrule", r"\end{tabular}", ""])


def to_records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The table as one dictionary for each row; NaN becomes None."""
    records: list[dict[str, Any]] = json.loads(table.to_json(orient="records", double_precision=15))
    return records


def to_json(table: pd.DataFrame) -> str:
    """All columns of the table, as a list of records."""
    return json.dumps(to_records(table), indent=2, ensure_ascii=False) + "\n"


def to_csv(table: pd.DataFrame) -> str:
    """All columns of the table, with every digit."""
    return table.to_csv(index=False)


def read_leaderboard(path: Path) -> pd.DataFrame:
    """Read leaderboard.csv with the types that it was written with.

    Raises:
        Missing: there is none yet.
        BadFile: the file is damaged.
    """
    needed = ("entry", "kind", "members", "dice", "predict_ms")
    dtypes = columns.dtypes() | dict.fromkeys(WORDS, "str")
    return read_csv(path, needed, "run the stage `leaderboard` again", dtypes)


IN_WORDS = ("md", "latex")  # forms whose headings say the unit; keys of the others never change
WRITERS: dict[str, Callable[..., str]] = {
    "md": to_markdown,
    "csv": to_csv,
    "json": to_json,
    "latex": to_latex,
}


def _cells(table: pd.DataFrame, shown: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Headings and rows of the shown columns, as text; a column without any text is left out."""
    decimals = columns.decimals()
    cells = {
        name: [_cell(value, decimals.get(name)) for value in table[name]]
        for name in shown
        if name in table
    }
    full = {name: column for name, column in cells.items() if any(column)}
    return list(full), [list(row) for row in zip(*full.values(), strict=True)]


def _cell(value: Any, decimals: int | None) -> str:
    if pd.isna(value):
        return ""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else ""
    return str(value) if decimals is None else f"{value:.{decimals}f}"
