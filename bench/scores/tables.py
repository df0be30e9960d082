"""A leaderboard as CSV, JSON, Markdown and LaTeX."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.scores import columns

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


def to_markdown(found: pd.DataFrame, shown: Sequence[str] | None = None) -> str:
    """The table for people: of its columns those named, or those of any leaderboard."""
    names, rows = _cells(found, columns.in_tables() if shown is None else shown)
    lines = [names, ["---"] * len(names), *rows]
    escaped = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    return "".join("| " + " | ".join(line) + " |\n" for line in escaped)


def to_latex(found: pd.DataFrame) -> str:
    """The same as a tabular of the package booktabs; numbers to the right."""
    names, rows = _cells(found, columns.in_tables())
    sides = "".join("r" if name in columns.decimals() else "l" for name in names)
    lines = [" & ".join(cell.translate(LATEX) for cell in line) + r" \\" for line in [names, *rows]]
    return "\n".join(
        [
            rf"\begin{{tabular}}{{{sides}}}",
            r"\toprule",
            lines[0],
            r"\midrule",
            *lines[1:],
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def to_records(found: pd.DataFrame) -> list[dict[str, Any]]:
    """One dictionary a row, NaN as None."""
    records: list[dict[str, Any]] = json.loads(found.to_json(orient="records", double_precision=15))
    return records


def to_json(found: pd.DataFrame) -> str:
    """The whole table as a list of records."""
    return json.dumps(to_records(found), indent=2, ensure_ascii=False) + "\n"


def to_csv(found: pd.DataFrame) -> str:
    """The whole table with every digit."""
    return found.to_csv(index=False)


def read_leaderboard(path: Path) -> pd.DataFrame:
    """The table of leaderboard.csv with its types: whole numbers and truth values, or NA."""
    return pd.read_csv(path, dtype=columns.dtypes())  # type: ignore[arg-type]


FORMATS = {"md": to_markdown, "csv": to_csv, "json": to_json, "latex": to_latex}


def _cells(found: pd.DataFrame, shown: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Names and rows of what is shown, as text; a column without any text is left out."""
    decimals = columns.decimals()
    cells = {
        name: [_cell(value, decimals.get(name)) for value in found[name]]
        for name in shown
        if name in found
    }
    full = {name: column for name, column in cells.items() if any(column)}
    return list(full), [list(row) for row in zip(*full.values(), strict=True)]


def _cell(value: Any, decimals: int | None) -> str:
    if pd.isna(value):
        return ""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else ""
    return str(value) if decimals is None else f"{value:.{decimals}f}"
