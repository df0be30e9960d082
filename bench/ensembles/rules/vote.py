"""The majority of the members' masks.

Source: Xu, Lu and Li 2018, section 3 (five members of weight 1: no ties).
"""

from collections.abc import Sequence

import numpy as np

from bench.ensembles.arithmetic import mean, weighted_sum
from bench.ensembles.rules.mean import without_weight
from bench.ensembles.rules.rule import Parameters, Rule
from bench.masks import rle
from bench.masks.types import THRESHOLD, Map, Runs


class Vote(Rule):
    """Car where more than half of the weight sees it; the weighted mean breaks a tie."""

    weighs = True

    def combine(self, maps: Sequence[Map], parameters: Parameters) -> Map:
        """Return 255 where the vote is for car, else 0."""
        return vote(maps, parameters["weights"])

    def runs(self, maps: Sequence[Map], parameters: Parameters) -> Runs:
        """Return the runs of the vote, from the runs of the members' masks."""
        weights = parameters["weights"]
        total = sum(weights)
        lists = [rle.map_runs(map) for map in maps]
        if total % 2:
            return rle.merge(lists, weights, total // 2 + 1)
        doubled = [2 * weight for weight in weights]
        return rle.merge([*lists, rle.mean_runs(maps, weights)], [*doubled, 1], total + 1)

    def without(self, parameters: Parameters, member: int) -> Parameters:
        """Return the weights of the others."""
        return without_weight(parameters, member)


def vote(maps: Sequence[Map], weights: Sequence[int]) -> Map:
    """Return 255 where more than half of the weight sees the car, 0 where less does.

    A tie, possible only for an even total weight, goes to the weighted mean.

    Raises:
        ValueError: there is no map, or not one weight for each.
    """
    for_car = weighted_sum([map >= THRESHOLD for map in maps], weights)
    doubled, total = 2 * for_car, sum(weights)
    won = doubled > total
    if total % 2 == 0:
        won |= (doubled == total) & (mean(maps, weights) >= THRESHOLD)
    return won.astype(np.uint8) * np.uint8(255)
