"""Scores of entries -> the table that ranks single models, ensembles and published figures.

Reads  scores.parquet, ceilings.json and the manifests of a run. Writes leaderboard.csv, .md, .json.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench.config import Reported
from bench.files import replacing, write_text
from bench.rules import Entry

COLUMNS = (
    "rank", "entry", "kind", "members", "size", "params_m", "dice", "jaccard", "dice_worst",
    "dice_fold_sd", "gain", "ceiling", "train_s", "predict_ms", "leaky", "source",
)  # fmt: skip
DECIMALS = {"dice": 6, "jaccard": 6, "dice_worst": 6, "dice_fold_sd": 6, "gain": 6, "ceiling": 6,
            "params_m": 2, "train_s": 0, "predict_ms": 1}  # fmt: skip


@dataclass(frozen=True)
class Member:
    """What a single model costs and can reach at best."""

    size: str
    ceiling: float  # mean Dice of a perfect network at this size
    params_m: float  # millions
    train_s: float
    predict_ms: float


def table(
    scores: pd.DataFrame,
    entries: Sequence[Entry],
    members: Mapping[str, Member],
    reported: Sequence[Reported],
    leaky: bool,
) -> pd.DataFrame:
    """The leaderboard, best first; published figures stand where their score would, unranked.

    Args:
        scores: one row for every entry and image.
        leaky: whether scored cars were trained on.
    """
    means = scores.groupby("entry")["dice"].mean()
    rows = [_row(entry, scores[scores["entry"] == entry.name], members, means) for entry in entries]
    published = [
        {"entry": one.entry, "kind": "reported", "dice": one.dice, "source": one.source}
        for one in reported
    ]
    found = pd.DataFrame([{**row, "leaky": leaky} for row in rows] + published, columns=COLUMNS)
    found = found.sort_values(["dice", "entry"], ascending=[False, True], ignore_index=True)
    ours = found["kind"] != "reported"
    found["rank"] = found.loc[ours, "dice"].rank(method="min", ascending=False)
    return found.astype({"rank": "Int64"})


def _row(
    entry: Entry, scores: pd.DataFrame, members: Mapping[str, Member], means: "pd.Series[float]"
) -> dict[str, Any]:
    made_of = [members[name] for name in entry.members]
    single = entry.rule is None
    fold_means = scores.groupby("fold")["dice"].mean()
    return {
        "entry": entry.name,
        "kind": entry.kind,
        "members": len(entry.members),
        "size": made_of[0].size if single else "",
        "params_m": sum(one.params_m for one in made_of),
        "dice": scores["dice"].mean(),
        "jaccard": scores["jaccard"].mean(),
        "dice_worst": scores["dice"].min(),
        "dice_fold_sd": fold_means.std(),
        "gain": None if single else means[entry.name] - max(means[name] for name in entry.members),
        "ceiling": max(one.ceiling for one in made_of),
        "train_s": sum(one.train_s for one in made_of),
        "predict_ms": sum(one.predict_ms for one in made_of),
    }


def write(found: pd.DataFrame, csv: Path, markdown: Path, as_json: Path) -> None:
    """Write the table in its three forms; full precision in CSV and JSON."""
    with replacing(csv) as temporary:
        found.to_csv(temporary, index=False)
    write_text(markdown, to_markdown(found))
    records = json.loads(found.to_json(orient="records"))
    write_text(as_json, json.dumps(records, indent=2, ensure_ascii=False) + "\n")


def to_markdown(found: pd.DataFrame) -> str:
    """The table for people; columns that are empty everywhere are left out."""
    shown = found.dropna(axis="columns", how="all")
    lines = ["| " + " | ".join(shown.columns) + " |", "|" + " --- |" * len(shown.columns)]
    for _, row in shown.iterrows():
        cells = [_cell(name, row[name]) for name in shown.columns]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(column: str, value: Any) -> str:
    if pd.isna(value):
        return ""
    if column in DECIMALS:
        return f"{value:.{DECIMALS[column]}f}"
    return str(value).replace("|", "\\|")
