"""Scores of entries -> the table that ranks single models, ensembles and published figures.

Reads  scores.parquet, ceilings.json and the manifests of a run. Writes leaderboard.csv, .md, .json.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench.analysis import matrix
from bench.carvana import car_of
from bench.config import Reported
from bench.files import replacing, write_text
from bench.rules import Entry
from bench.stats import gain, interval

COLUMNS = (
    "rank", "entry", "kind", "members", "size", "params_m", "dice", "dice_low", "dice_high",
    "jaccard", "dice_worst", "dice_fold_sd", "gain", "gain_low", "gain_high", "gain_p", "ceiling",
    "train_s", "predict_ms", "leaky", "source",
)  # fmt: skip
SIX_DECIMALS = {
    "dice", "dice_low", "dice_high", "jaccard", "dice_worst", "dice_fold_sd", "gain", "gain_low",
    "gain_high", "ceiling",
}  # fmt: skip
DECIMALS = dict.fromkeys(SIX_DECIMALS, 6) | {
    "params_m": 2, "gain_p": 4, "train_s": 0, "predict_ms": 1,
}  # fmt: skip


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

    `dice_low` and `dice_high` are the 95 % interval of the mean over cars like these; `gain` is
    that of an ensemble over its best member on the same images, with its interval and the p-value
    of no gain (see stats.py). They are empty where a single car is scored.

    Args:
        scores: one row for every entry and image.
        leaky: whether scored cars were trained on.
    """
    dice = matrix(scores, [entry.name for entry in entries])
    cars = [car_of(image) for image in dice.columns]
    rows = [
        _row(entry, scores[scores["entry"] == entry.name], members) | _spread(entry, dice, cars)
        for entry in entries
    ]
    published = [
        {"entry": one.entry, "kind": "reported", "dice": one.dice, "source": one.source}
        for one in reported
    ]
    found = pd.DataFrame([{**row, "leaky": leaky} for row in rows] + published, columns=COLUMNS)
    found = found.sort_values(["dice", "entry"], ascending=[False, True], ignore_index=True)
    ours = found["kind"] != "reported"
    found["rank"] = found.loc[ours, "dice"].rank(method="min", ascending=False)
    return found.astype({"rank": "Int64", "members": "Int64"})


def _row(entry: Entry, scores: pd.DataFrame, members: Mapping[str, Member]) -> dict[str, Any]:
    made_of = [members[name] for name in entry.members]
    return {
        "entry": entry.name,
        "kind": entry.kind,
        "members": len(entry.members),
        "size": "" if entry.rule else made_of[0].size,
        "params_m": sum(one.params_m for one in made_of),
        "dice": scores["dice"].mean(),
        "jaccard": scores["jaccard"].mean(),
        "dice_worst": scores["dice"].min(),
        "dice_fold_sd": scores.groupby("fold")["dice"].mean().std(),
        "ceiling": max(one.ceiling for one in made_of),
        "train_s": sum(one.train_s for one in made_of),
        "predict_ms": sum(one.predict_ms for one in made_of),
    }


def _spread(entry: Entry, dice: pd.DataFrame, cars: Sequence[str]) -> dict[str, float]:
    """The interval of an entry's mean, and an ensemble's gain over its best member.

    Args:
        dice: one row an entry, one column an image; cars: the car of each column.
    """
    if len(set(cars)) < 2:
        return {}
    low, high = interval(dice.loc[entry.name], cars)
    found = {"dice_low": low, "dice_high": high}
    if entry.rule:
        best = max(entry.members, key=lambda member: dice.loc[member].mean())
        won = gain(dice.loc[entry.name], dice.loc[best], cars)
        found |= {"gain": won.mean, "gain_low": won.low, "gain_high": won.high, "gain_p": won.p}
    return found


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
