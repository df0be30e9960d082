"""A leaderboard as CSV, JSON, Markdown and LaTeX."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

SHOWN = (  # to people; CSV and JSON hold every column
    "run", "rank", "entry", "kind", "size", "params_m", "gflops", "predict_ms",
    "dice_a", "dice_b", "dice", "dice_low", "dice_high", "p_best", "dice_worst5",
    "boundary_iou", "hausdorff95_px", "fp_px", "fn_px", "gain",
    "gain_low", "gain_high", "gain_p", "pareto", "leaky", "one_minus_jaccard",
    "reported_dice", "reported_one_minus_jaccard", "source",
)  # fmt: skip
DECIMALS = {
    "dice": 6, "dice_low": 6, "dice_high": 6, "dice_worst5": 6, "boundary_iou": 4, "gain": 6,
    "gain_p": 4, "p_best": 4, "hausdorff95_px": 2, "fp_px": 0, "fn_px": 0, "params_m": 2,
    "gflops": 1, "predict_ms": 1, "dice_a": 6, "dice_b": 6, "gain_low": 6, "gain_high": 6,
    "one_minus_jaccard": 5, "reported_dice": 6, "reported_one_minus_jaccard": 5,
    "jaccard": 6, "surface_px": 3, "changed_px": 0, "refine_ms": 1,
}  # fmt: skip
LATEX = str.maketrans({
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
})  # fmt: skip


def to_markdown(found: pd.DataFrame, columns: Sequence[str] = SHOWN) -> str:
    """The table for people: of its columns those named."""
    names, rows = _cells(found, columns)
    lines = [names, ["---"] * len(names), *rows]
    escaped = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    return "".join("| " + " | ".join(line) + " |\n" for line in escaped)


def to_latex(found: pd.DataFrame) -> str:
    """The same as a tabular of the package booktabs; numbers to the right."""
    names, rows = _cells(found, SHOWN)
    sides = "".join("r" if name in DECIMALS else "l" for name in names)
    lines = [" & ".join(cell.translate(LATEX) for cell in line) + r" \\" for line in [names, *rows]]
    return "\n".join(
        [rf"\begin{{tabular}}{{{sides}}}", r"\toprule", lines[0], r"\midrule", *lines[1:],
         r"\bottomrule", r"\end{tabular}", ""]
    )  # fmt: skip


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


FORMATS = {"md": to_markdown, "csv": to_csv, "json": to_json, "latex": to_latex}


def _cells(found: pd.DataFrame, shown: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Names and rows of what is shown, as text; a column without any text is left out."""
    columns = {
        name: [_cell(name, value) for value in found[name]] for name in shown if name in found
    }
    full = {name: column for name, column in columns.items() if any(column)}
    return list(full), [list(row) for row in zip(*full.values(), strict=True)]


def _cell(column: str, value: Any) -> str:
    if pd.isna(value):
        return ""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else ""
    return f"{value:.{DECIMALS[column]}f}" if column in DECIMALS else str(value)
