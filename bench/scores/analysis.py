"""Why ensembles gain or do not: how members differ, what each adds, what an oracle would reach.

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

from bench.data.image_ids import car_of
from bench.ensembles.entry import Entry
from bench.ensembles.members import Members
from bench.ensembles.rules import RULES
from bench.masks.types import Floats, Map, Mask
from bench.metrics.statistics import Gain, surely_positive
from bench.scores.diversity import (
    JointCounts,
    calibration,
    disagreement,
    error_correlation,
    joint_counts,
    leave_one_out,
)
from bench.scores.pairs import (
    gain_over_best,
    holm_column,
    matrix,
    oracle,
    paired_gain,
    read_scores,
)
from bench.scores.ranking import methods
from bench.system.files import write_json


def run(entries: Sequence[Entry], members: Members, scores: Path, target: Path) -> None:
    """Write the analysis of a suite's single models and ensembles on the images scored.

    Raises:
        BadData: a store lacks an image or is damaged, or a mask is.
    """
    dice = matrix(read_scores(scores, ["dice"]), [entry.name for entry in entries])
    singles = [entry.name for entry in entries if not entry.rule]
    ensembles = [entry for entry in entries if entry.rule]
    plain = [entry for entry in ensembles if _can_leave_out(entry)]
    joint, without = _count(members.only(singles), plain, list(dice.columns))
    best, oracle_gain = gain_over_best(dice, oracle(dice.loc[singles]), singles)
    cars = len({car_of(image) for image in dice.columns})
    analysed = _corrected(
        [_analyse(entry, entries, dice, without.get(entry.name)) for entry in ensembles]
    )
    everywhere = reduce(add, joint.values())
    content = {
        "images": len(dice.columns),
        "cars": cars,
        "statistics": methods(cars, len(dice), members.data.unit),
        "members": singles,
        "best_member": best,
        "disagreement": disagreement(everywhere).tolist(),
        "error_correlation": _with_null(pd.DataFrame(error_correlation(everywhere)), "values"),
        "calibration": _with_null(calibration(everywhere), "records"),
        "oracle": {
            "dice": float(oracle(dice.loc[singles]).mean()),
            "over_best_member": _json(oracle_gain),
        },
        "ensembles": analysed,
        "beat_plain_mean": [
            each["entry"] for each in analysed if _is_better(each["over_plain_mean"])
        ],
        "disputed_px": {image: counts.disputed for image, counts in joint.items()},
    }
    write_json(target, content)


def _can_leave_out(entry: Entry) -> bool:
    """Whether each member's worth can be measured by leaving it out."""
    if not entry.rule or entry.refine or len(entry.members) < 2:
        return False
    return RULES[entry.rule].without(entry.parameters, 0) is not None


def _count(
    members: Members, plain: Sequence[Entry], images: Sequence[str]
) -> tuple[dict[str, JointCounts], dict[str, pd.DataFrame]]:
    """Count what members do together, and score ensembles without each of their members.

    Returns:
        The joint counts of each image; of each ensemble in `plain`, its Dice without a member: one
        row an image, one column the member left out.
    """

    def count(image: str, maps: Mapping[str, Map], truth: Mask) -> tuple[JointCounts, list[Floats]]:
        dice = [
            leave_one_out(
                [maps[name] for name in entry.members],
                truth,
                RULES[str(entry.rule)],
                entry.parameters,
            )
            for entry in plain
        ]
        return joint_counts(list(maps.values()), truth), dice

    joint, without = zip(*members.each(images, count, "analysis"), strict=True)
    tables = {
        entry.name: pd.DataFrame(
            np.array([dice[place] for dice in without]), list(images), list(entry.members)
        )
        for place, entry in enumerate(plain)
    }
    return dict(zip(images, joint, strict=True)), tables


def _analyse(
    entry: Entry, entries: Sequence[Entry], dice: pd.DataFrame, without: pd.DataFrame | None
) -> dict[str, Any]:
    """Compare an ensemble with its best member, the plain mean, and itself without each member.

    Args:
        without: its Dice without each member, as `_count` returns it; None where no member can be
            left out.
    """
    own = dice.T[entry.name]
    best, over_best = gain_over_best(dice, own, entry.members)
    means = [
        each.name
        for each in entries
        if each.is_plain_mean and set(each.members) == set(entry.members)
    ]
    others = [name for name in means if name != entry.name]
    over_mean = paired_gain(own, dice.T[others[0]]) if others else None
    left_out = []
    if without is not None:
        left_out = [
            {"member": member, **(_json(paired_gain(own, without[member])) or {})}
            for member in entry.members
        ]
    return {
        "entry": entry.name,
        "rule": entry.rule,
        "best_member": best,
        "over_best_member": _json(over_best),
        "over_plain_mean": _json(over_mean),
        "leave_one_out": left_out,  # what each member adds; negative: it costs
    }


def _corrected(ensembles: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The analyses with p-values Holm-corrected over the ensembles, each question by itself."""
    corrected = [dict(each) for each in ensembles]
    for question in ("over_best_member", "over_plain_mean"):
        tested = [each for each in corrected if each[question]]
        gains = pd.DataFrame([each[question] for each in tested])
        for each, gain in zip(tested, holm_column(gains, "p").to_dict("records"), strict=True):
            each[question] = gain
    return corrected


def _is_better(gain: Mapping[str, float] | None) -> bool:
    """Whether both the interval of a gain and its corrected p-value say so."""
    return gain is not None and surely_positive(gain["low"], gain["p"])


def _json(gain: Gain | None) -> dict[str, float] | None:
    return gain._asdict() if gain else None


def _with_null(table: pd.DataFrame, orient: Any) -> Any:
    """A table as JSON holds it: NaN becomes null."""
    return json.loads(table.to_json(orient=orient, double_precision=15))
