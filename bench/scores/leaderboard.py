"""Scores of entries -> the tables that rank single models, ensembles and published figures.

Reads  scores.parquet, ceilings.json and the manifests of a run, metadata.csv of the data.
Writes leaderboard.csv, .md, .json, .latex, by_view.csv and by_make.csv of cars.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench.config.suite import Reported
from bench.ensembles.entry import Entry
from bench.scores.columns import averaged, check_leaderboard, dtypes, in_leaderboard
from bench.scores.pairs import correct_gains, gain_columns, gain_over_best, matrix
from bench.scores.ranking import pareto_front, quality, ranks
from bench.scores.tables import IN_WORDS, WRITERS
from bench.system.files import update_text


@dataclass(frozen=True)
class MemberCost:
    """What a single model costs, can reach at best, and reached in its paper."""

    size: str
    ceiling: float  # mean Dice of its training targets, grown back
    params_m: float  # millions
    gflops: float  # of one forward pass
    disk_mb: float  # of its weights
    train_s: float
    predict_ms: float
    reported_dice: float | None  # by its paper, on other photographs
    reported_one_minus_jaccard: float | None
    base: Entry | None = None  # whose maps it sharpens
    teacher: str = ""  # of soft labels, behind the name of its run
    untaught: str | None = None  # the same network without a teacher, if it has a row


COSTS = (
    "params_m",
    "gflops",
    "disk_mb",
    "train_s",
    "predict_ms",
)  # sums over what an entry needs
REPORTED = ("reported_dice", "reported_one_minus_jaccard")


def table(
    scores: pd.DataFrame,
    entries: Sequence[Entry],
    members: Mapping[str, MemberCost],
    reported: Sequence[Reported],
    leaky: bool,
) -> pd.DataFrame:
    """The leaderboard, best first; published figures are sorted in by their Dice, without a rank.

    Entries that cannot be told from the best of their group share its rank (`ranking.ranks`).
    `dice_low` and `dice_high` are the 95 % interval of the mean over cars like these; `gain` is
    that of an ensemble over its best member on the same images, that of a taught network over the
    same one untaught, and that of an edge network over the entry that it sharpens, with its
    interval and the p-value of no gain, Holm-corrected over all gains; `p_best` compares with the
    table's best. They are empty where a single car is scored. `cars_best` and `gain_cars` are how
    many held-out cars would tell, where these do not. `pareto`: no other entry is as good and
    faster.

    Args:
        scores: one row for every entry and image.
        members: by name.
        leaky: whether scored cars were trained on.
    """
    dice = matrix(scores, [entry.name for entry in entries])
    rivals = {each.name: _rivals(each, members) for each in entries}
    gains = {
        name: gain_over_best(dice, dice.T[name], rivals[name]) for name in rivals if rivals[name]
    }
    rows = [
        _row(entry, members)
        | quality(scores[scores["entry"] == entry.name])
        | (gain_columns(gains[entry.name][1]) if entry.name in gains else {})
        | {"leaky": leaky}
        for entry in entries
    ]
    ours = pd.DataFrame(rows).merge(ranks(scores), left_on="entry", right_index=True)
    ours = correct_gains(
        ours, {name: dice.T[name] - dice.T[best] for name, (best, _) in gains.items()}
    )
    ours["pareto"] = pareto_front(ours["predict_ms"], ours["dice"])
    check_leaderboard(str(key) for key in ours)
    published = [
        {"entry": figure.entry, "kind": "reported", "dice": figure.dice, "source": figure.source}
        for figure in reported
    ]
    board = pd.DataFrame([*ours.to_dict("records"), *published], columns=in_leaderboard())
    board = board.sort_values(["dice", "entry"], ascending=[False, True], ignore_index=True)
    return board.astype(dtypes())


def _rivals(entry: Entry, members: Mapping[str, MemberCost]) -> Sequence[str]:
    """Return those over whose best the gain is.

    An ensemble's members, the entry that an edge network sharpens, or the network untaught.
    """
    if entry.rule:
        return entry.members
    cost = members[entry.name]
    rival = cost.base.name if cost.base else cost.untaught
    return [rival] if rival else []


def _row(entry: Entry, members: Mapping[str, MemberCost]) -> dict[str, Any]:
    costs = [members[name] for name in entry.members]
    below = [name for cost in costs if cost.base for name in cost.base.members]
    needed = dict.fromkeys([*entry.members, *below])
    return {
        "entry": entry.name,
        "kind": "ensemble" if entry.rule else "edge" if below else "single",
        "members": len(entry.members),
        "size": "" if entry.rule else costs[0].size,
        "teacher": "" if entry.rule else costs[0].teacher,
        "ceiling": max(cost.ceiling for cost in costs),
        **{key: sum(getattr(members[name], key) for name in needed) for key in COSTS},
        **{key: None if entry.rule else getattr(costs[0], key) for key in REPORTED},
    }


def write_means_by(group: "pd.Series[Any]", scores: pd.DataFrame, file: Path) -> None:
    """Write the mean scores of every entry, grouped by view or make of the images.

    Args:
        group: the view or make of each row of `scores`; rows without one are left out, and where
            no row has one, no file is written.
    """
    if group.notna().any():
        grouped = scores.groupby(["entry", group])
        means = grouped[averaged()].mean().assign(images=grouped.size())
        update_text(file, means.reset_index().to_csv(index=False))


def write(board: pd.DataFrame, note: str, files: Mapping[str, Path], unit: str = "car") -> None:
    """Write the leaderboard in its forms: with every digit in CSV and JSON, rounded in the others.

    Args:
        note: stands below the Markdown, unless it is empty.
        files: form of `tables.WRITERS` -> path.
        unit: what is held out together, "car" or "group".
    """
    for form, path in files.items():
        text = WRITERS[form](board, unit=unit) if form in IN_WORDS else WRITERS[form](board)
        update_text(path, f"{text}\n{note}\n" if note and form == "md" else text)
