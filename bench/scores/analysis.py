"""Why ensembles gain or do not: how members differ, what each adds, what choosing could reach.

Reads  the members' map stores and the masks, each image once, and scores.parquet.
Writes analysis.json.
"""

import json
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.data.carvana import car_of
from bench.ensembles.entry import Entry
from bench.ensembles.members import Members
from bench.ensembles.rules import RULES
from bench.masks.types import Floats, Map, Mask
from bench.metrics.statistics import Gain
from bench.scores.diversity import (
    JointCounts,
    calibration,
    disagreement,
    error_correlation,
    joint_counts,
    leave_one_out,
)
from bench.scores.pairs import holm_column, matrix, oracle, over_best, paired_gain
from bench.scores.ranking import methods
from bench.system.files import write_json


def run(entries: Sequence[Entry], members: Members, scores: Path, target: Path) -> None:
    """Write the analysis of a suite's single models and ensembles on the images scored.

    Raises:
        BadData: a store lacks an image or is damaged, or a mask is.
    """
    dice = matrix(pd.read_parquet(scores), [entry.name for entry in entries])
    singles = [entry.name for entry in entries if not entry.rule]
    ensembles = [entry for entry in entries if entry.rule]
    plain = [entry for entry in ensembles if _can_leave_out(entry)]
    joint, without = _count(members.only(singles), plain, list(dice.columns))
    best, reached = over_best(dice, oracle(dice.loc[singles]), singles)
    cars = len({car_of(image) for image in dice.columns})
    found = [_of_ensemble(one, entries, dice, without.get(one.name)) for one in ensembles]
    everywhere = reduce(add, joint.values())
    write_json(
        target,
        {
            "images": len(dice.columns),
            "cars": cars,
            "statistics": methods(cars, len(dice)),
            "members": singles,
            "best_member": best,
            "disagreement": disagreement(everywhere).tolist(),
            "error_correlation": _with_null(pd.DataFrame(error_correlation(everywhere)), "values"),
            "calibration": _with_null(calibration(everywhere), "records"),
            "oracle": {
                "dice": float(oracle(dice.loc[singles]).mean()),
                "over_best_member": _json(reached),
            },
            "ensembles": _corrected(found),
            "beat_plain_mean": [
                each["entry"]
                for each in found
                if each["over_plain_mean"] and each["over_plain_mean"]["low"] > 0
            ],
            "disputed_px": {image: found.disputed for image, found in joint.items()},
        },
    )


def _can_leave_out(entry: Entry) -> bool:
    """Whether each member's worth can be measured by leaving it out."""
    if not entry.rule or entry.refine or len(entry.members) < 2:
        return False
    return RULES[entry.rule].without(entry.parameters, 0) is not None


def _count(
    members: Members, plain: Sequence[Entry], images: Sequence[str]
) -> tuple[dict[str, JointCounts], dict[str, pd.DataFrame]]:
    """What members do together on each image; Dice (images, left-out member) of ensembles."""

    def count(image: str, maps: Mapping[str, Map], truth: Mask) -> tuple[JointCounts, list[Floats]]:
        left = [
            leave_one_out(
                [maps[name] for name in entry.members],
                truth,
                RULES[str(entry.rule)],
                entry.parameters,
            )
            for entry in plain
        ]
        return joint_counts(list(maps.values()), truth), left

    found = list(members.each(images, count, "analysis"))
    joint = {image: each for image, (each, _) in zip(images, found, strict=True)}
    without = {
        entry.name: pd.DataFrame(
            np.array([left[place] for _, left in found]), list(images), list(entry.members)
        )
        for place, entry in enumerate(plain)
    }
    return joint, without


def _of_ensemble(
    entry: Entry, entries: Sequence[Entry], dice: pd.DataFrame, without: pd.DataFrame | None
) -> dict[str, Any]:
    """An ensemble against its best member, the plain mean, and itself without each member."""
    mine = dice.T[entry.name]
    best, gained = over_best(dice, mine, entry.members)
    means = [
        each.name
        for each in entries
        if each.is_plain_mean and set(each.members) == set(entry.members)
    ]
    others = [name for name in means if name != entry.name]
    over_mean = paired_gain(mine, dice.T[others[0]]) if others else None
    members = (
        []
        if without is None
        else [
            {"member": member, **(_json(paired_gain(mine, without[member])) or {})}
            for member in entry.members
        ]
    )
    return {
        "entry": entry.name,
        "rule": entry.rule,
        "best_member": best,
        "over_best_member": _json(gained),
        "over_plain_mean": _json(over_mean),
        "leave_one_out": members,  # what each member adds; negative: it costs
    }


def _corrected(ensembles: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same with p-values Holm-corrected over the ensembles, those of a question together."""
    found = [dict(each) for each in ensembles]
    for question in ("over_best_member", "over_plain_mean"):
        tested = [each for each in found if each[question]]
        gains = pd.DataFrame([each[question] for each in tested])
        for each, gain in zip(tested, holm_column(gains, "p").to_dict("records"), strict=True):
            each[question] = gain
    return found


def _json(gained: Gain | None) -> dict[str, float] | None:
    return gained._asdict() if gained else None


def _with_null(table: pd.DataFrame, orient: Any) -> Any:
    """A table as JSON can hold it: NaN as null."""
    return json.loads(table.to_json(orient=orient, double_precision=15))
