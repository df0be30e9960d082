"""Why an ensemble gains: how its members differ, what each adds, how far agreement can be trusted.

Maps are read one image at a time: `joint_counts` of images add up, and every table of the report
follows from the sums.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.ensembles.disputed import find_disputed
from bench.ensembles.rules.rule import Parameters, Rule
from bench.masks.types import THRESHOLD, Floats, Map, Mask

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class JointCounts:
    """What K members do together on some pixels, as whole numbers; counts of images add by `+`."""

    pixels: int
    errors: Integers  # (K, K): pixels that both members get wrong; the diagonal: that one does
    votes: Integers  # (K + 1, 2): pixels by the members that vote car, and by truth: no car, car

    @property
    def disputed(self) -> int:
        """The number of pixels on which not all members agree."""
        return int(self.votes[1:-1].sum())

    def __add__(self, other: "JointCounts") -> "JointCounts":
        return JointCounts(
            self.pixels + other.pixels, self.errors + other.errors, self.votes + other.votes
        )


def joint_counts(maps: Sequence[Map], truth: Mask) -> JointCounts:
    """Count what members do together on one image.

    Args:
        maps: the members' uint8 (H, W); only their masks count.
        truth: bool (H, W).
    """
    members = len(maps)
    places, inside = find_disputed(maps, THRESHOLD, THRESHOLD)
    decisions = np.stack([map.reshape(-1)[places] >= THRESHOLD for map in maps])
    true = truth.reshape(-1)[places]
    wrong = (decisions ^ true).astype(float)
    votes = np.bincount(2 * decisions.sum(axis=0) + true, minlength=2 * members + 2).reshape(-1, 2)
    agreed_car, right = np.count_nonzero(inside), np.count_nonzero(inside & truth)
    missed = np.count_nonzero(truth) - np.count_nonzero(true) - right
    votes[members] += (agreed_car - right, right)
    votes[0] += (truth.size - len(places) - agreed_car - missed, missed)
    errors = np.round(wrong @ wrong.T).astype(np.int64) + agreed_car - right + missed
    return JointCounts(truth.size, errors, votes)


def disagreement(joint: JointCounts) -> Floats:
    """The share of pixels on which two members' masks differ, (K, K)."""
    own = np.diag(joint.errors)
    share: Floats = (own[:, None] + own - 2 * joint.errors) / joint.pixels
    return share


def error_correlation(joint: JointCounts) -> Floats:
    """The correlation (phi) of two members' errors over the pixels, (K, K).

    1: they err on the same pixels, and an ensemble of the two gains nothing. 0: their errors are
    unrelated. A member without errors has NaN, but for the diagonal, which is 1.
    """
    shares = joint.errors / joint.pixels  # products of counts do not fit into 64 bits
    own = np.diag(shares)
    spread = np.sqrt(own * (1 - own))
    with np.errstate(invalid="ignore"):
        phi = (shares - np.outer(own, own)) / np.outer(spread, spread)
    np.fill_diagonal(phi, 1)
    return np.asarray(phi, dtype=float)


def calibration(joint: JointCounts) -> pd.DataFrame:
    """The share of pixels that are car, and that the majority gets right, by the votes for car.

    Returns:
        One row for 0..K votes: votes, pixels, share_car, accuracy. A calibrated vote has
        share_car = votes / K. Half of the votes decide nothing, so such a tie counts half right; a
        number of votes that never happened has NaN.
    """
    members = len(joint.votes) - 1
    votes = np.arange(members + 1)
    pixels = joint.votes.sum(axis=1)
    share_car = np.divide(
        joint.votes[:, 1], pixels, out=np.full(members + 1, np.nan), where=pixels > 0
    )
    accuracy = np.select(
        [2 * votes > members, 2 * votes < members], [share_car, 1 - share_car], share_car * 0 + 0.5
    )
    return pd.DataFrame(
        {"votes": votes, "pixels": pixels, "share_car": share_car, "accuracy": accuracy}
    )


def leave_one_out(maps: Sequence[Map], truth: Mask, rule: Rule, parameters: Parameters) -> Floats:
    """Return the Dice of an ensemble on one image without each of its members in turn.

    A member adds the whole ensemble's Dice less the Dice without it; if that is negative, it costs.
    Only the pixels on which the members' masks differ are combined: elsewhere all rules agree.

    Args:
        maps: of at least two members.
        rule, parameters: the ensemble's; a rule that works without a member.

    Returns:
        Dice without the first member, without the second, ..., (K,).

    Raises:
        ValueError: there are fewer than two members, or the rule cannot leave one out.
    """
    if len(maps) < 2:
        raise ValueError("an ensemble of one has nothing to leave out")
    places, inside = find_disputed(maps, THRESHOLD, THRESHOLD)
    true = truth.reshape(-1)[places]
    agreed, right = np.count_nonzero(inside), np.count_nonzero(inside & truth)
    sizes = agreed + np.count_nonzero(truth)
    disputed_maps = [map.reshape(-1)[places] for map in maps]
    dice = []
    for left_out in range(len(maps)):
        others = rule.without(parameters, left_out)
        if others is None:
            raise ValueError("the rule would have to be fitted anew without a member")
        decided = rule.combine([*disputed_maps[:left_out], *disputed_maps[left_out + 1 :]], others)
        decided_car = decided >= THRESHOLD
        both = 2 * (right + np.count_nonzero(decided_car & true))
        total = sizes + np.count_nonzero(decided_car)
        dice.append(both / total if total else 1.0)
    return np.array(dice)
