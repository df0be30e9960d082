"""Two runs on the same cars -> one ranking of both, and the second run's gains over the first.

Reads  scores.parquet and leaderboard.csv of both run folders. Writes nothing.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from bench.config.layout import Layout
from bench.data.dataset import unit_of
from bench.scores.pairs import (
    correct_gains,
    gain_columns,
    matrix,
    paired_gain,
    read_scores,
)
from bench.scores.ranking import pareto_front, ranks
from bench.scores.tables import read_leaderboard
from bench.system.errors import BadConfig, BadData, Missing

RANKS = ("rank", "group", "p_best", "cars_best")  # what depends on the other rows of a table


class Comparison(NamedTuple):
    """Entries of both runs in one ranking, and the second run's gains over the first."""

    entries: pd.DataFrame  # as leaderboard.csv, with the column `run`
    gains: pd.DataFrame  # of the best entries, of entries that both have, of students' teachers
    unit: str  # of what is held out together: "car" or "group"


def run(first: Path, second: Path) -> Comparison:
    """Rank the entries of two runs together, by paired tests on the same cars.

    Raises:
        Missing: a folder has no scores or no leaderboard.
        BadConfig: both are the same folder.
        BadData: the runs scored different photographs.
    """
    if first.resolve() == second.resolve():
        raise BadConfig(f"{first}: the same run twice; name two")
    names = [first.name, second.name] if first.name != second.name else [str(first), str(second)]
    scores = [_read(Layout(folder).scores) for folder in (first, second)]
    images = [set(each["image"]) for each in scores]
    if images[0] != images[1]:
        raise BadData(
            f"{first} scored {len(images[0])} photographs and {second} {len(images[1])}, of which "
            f"{len(images[0] & images[1])} are the same; compare runs on the same data and folds"
        )
    renamed = [
        table.assign(entry=name + "/" + table["entry"])
        for name, table in zip(names, scores, strict=True)
    ]
    together = pd.concat(renamed, ignore_index=True)
    boards = [
        _board(Layout(folder), name) for name, folder in zip(names, (first, second), strict=True)
    ]
    both = pd.concat(boards, ignore_index=True)
    ranked = ranks(together)
    ranked = ranked[[name for name in RANKS if name in ranked]]
    keys = both["run"] + "/" + both["entry"]
    teachers = dict(zip(keys, both.get("teacher", keys), strict=True))
    entries = both.merge(ranked, left_on=keys, right_index=True)
    entries["pareto"] = pareto_front(entries["predict_ms"], entries["dice"])
    entries = entries.sort_values(["dice", "run", "entry"], ascending=[False, True, True])
    columns = ["run", *ranked.columns, *both.columns.drop(["run", "pareto"]), "pareto"]
    gains = _gains(names, together, teachers)
    return Comparison(entries[columns].reset_index(drop=True), gains, unit_of(together.columns))


def _gains(names: list[str], scores: pd.DataFrame, teachers: Mapping[str, str]) -> pd.DataFrame:
    """The gains of the second run's entries; p-values are Holm-corrected over the table.

    Args:
        names: of the runs.
        teachers: of entries, by their names behind those of their runs.
    """
    dice = matrix(scores, list(scores["entry"].unique())).T
    own = [[each for each in dice.columns if each.startswith(f"{name}/")] for name in names]
    best = [str(dice[entries].mean().idxmax()) for entries in own]
    pairs = [(f"best: {best[1]} over {best[0]}", *best)]
    for entry in own[0]:
        short = entry.removeprefix(f"{names[0]}/")
        if f"{names[1]}/{short}" in own[1]:
            pairs.append((short, entry, f"{names[1]}/{short}"))
    for student, teacher in teachers.items():
        if teacher in dice.columns and teacher != student:
            pairs.append((f"{student} over its teacher {teacher}", teacher, student))
    rows = [_row(label, dice[before], dice[after]) for label, before, after in pairs]
    gained = {label: dice[after] - dice[before] for label, before, after in pairs}
    return correct_gains(pd.DataFrame(rows), gained)


def _row(label: str, before: "pd.Series[float]", after: "pd.Series[float]") -> dict[str, Any]:
    means = {"entry": label, "dice_a": before.mean(), "dice_b": after.mean()}
    return means | gain_columns(paired_gain(after, before))


def _board(layout: Layout, name: str) -> pd.DataFrame:
    """The scored rows of a run's leaderboard, without ranks, which depend on the other rows."""
    path = layout.leaderboard("csv")
    if not path.exists():
        raise Missing(f"{path}: no leaderboard yet; run the stage `leaderboard` first")
    board = read_leaderboard(path)
    return (
        board[board["kind"] != "reported"]
        .drop(columns=list(RANKS), errors="ignore")
        .assign(run=name)
    )


def _read(path: Path) -> pd.DataFrame:
    if not path.exists():
        raise Missing(f"{path}: no scores; name a run's folder, as runs/demo, that has them")
    return read_scores(path, ["dice"])
