"""Members' maps of one image -> one map, in integers: the same in any order, on any machine.

Maps are uint8 round(255 p), (H, W); a map's mask is `map >= 128`. What a rule needs besides the
maps are its parameters, plain JSON: whole weights, one a member, or what learned.py has fitted.
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from bench.ensembles.staple import staple
from bench.masks import rle
from bench.masks.types import THRESHOLD, Floats, Map, Runs

Parameters = dict[str, Any]  # "rule", and what that rule needs

WEIGHTED = ("vote", "mean")  # rules whose weights a suite may give
LEARNED = ("greedy", "weights_dice", "weights_likelihood", "threshold", "staple", "stacking")
LOGIT_BITS = 12  # a logit of 1 is 4096 in the integer sums of stacking
LEVEL_BITS = 8  # and 256 levels of its table, which ends at logits of -8 and 8
LEVELS = 16 * 2**LEVEL_BITS


def combine(parameters: Parameters, maps: Sequence[Map]) -> Map:
    """One map from the members' maps of an image; its mask is `map >= 128` for every rule.

    Raises:
        ValueError: there is no such rule, or not one map for each weight.
    """
    match parameters["rule"]:
        case "vote":
            return vote(maps, parameters["weights"])
        case "mean" | "greedy" | "weights_dice" | "weights_likelihood":
            return mean(maps, parameters["weights"])
        case "threshold":
            return _looked_up(mean(maps, [1] * len(maps)), _moved(parameters["threshold"]))
        case "staple":
            return staple(maps)
        case "stacking":
            return _stacked(maps, parameters["intercept"], parameters["coefficients"])
        case other:
            raise ValueError(f"no rule {other!r}; there are {', '.join(WEIGHTED + LEARNED)}")


def combine_runs(parameters: Parameters, maps: Sequence[Map]) -> Runs:
    """Runs of `combine(parameters, maps) >= 128`, without that map where the rule allows it.

    Raises:
        ValueError: as `combine`.
    """
    match parameters["rule"]:
        case "vote":
            return _vote_runs(maps, parameters["weights"])
        case "mean" | "greedy" | "weights_dice" | "weights_likelihood":
            return rle.mean_runs(maps, parameters["weights"])
        case "threshold":
            return rle.mean_runs(maps, [1] * len(maps), parameters["threshold"])
    return rle.map_runs(combine(parameters, maps))


def _vote_runs(maps: Sequence[Map], weights: Sequence[int]) -> Runs:
    """Runs of `vote`: a pixel needs more than half of the weight, and the mean breaks a tie."""
    total = sum(weights)
    lists = [rle.map_runs(map) for map in maps]
    if total % 2:
        return rle.merge(lists, weights, total // 2 + 1)
    doubled = [2 * weight for weight in weights]
    return rle.merge([*lists, rle.mean_runs(maps, weights)], [*doubled, 1], total + 1)


def mean(maps: Sequence[Map], weights: Sequence[int]) -> Map:
    """The weighted mean, one half rounded up, so that its mask is `mean p >= 0.5` exactly."""
    total = sum(weights)
    doubled = 2 * _weighted_sum(maps, weights) + np.uint32(total)
    return (doubled // np.uint32(2 * total)).astype(np.uint8)


def vote(maps: Sequence[Map], weights: Sequence[int]) -> Map:
    """255 where more than half of the weight sees the car, 0 where less does.

    A tie, possible only for an even total weight, goes to the weighted mean.

    Source: Xu, Lu and Li 2018, section 3 (five members of weight 1: no ties).
    """
    for_car = _weighted_sum([map >= THRESHOLD for map in maps], weights)
    doubled, total = 2 * for_car, sum(weights)
    won = doubled > total
    if total % 2 == 0:
        won |= (doubled == total) & (mean(maps, weights) >= THRESHOLD)
    return won.astype(np.uint8) * np.uint8(255)


def _moved(threshold: int) -> Map:
    """Table (256,) that stretches both sides of a threshold so that it comes to lie at 128."""
    values = np.arange(256)
    below = values * THRESHOLD // threshold
    above = 255 - (255 - values) * (255 - THRESHOLD) // max(255 - threshold, 1)
    return np.where(values < threshold, below, above).astype(np.uint8)


def _stacked(maps: Sequence[Map], intercept: float, coefficients: Sequence[float]) -> Map:
    """Sigmoid of the weighted logits, in whole numbers: 4096 is a logit of 1."""
    if len(maps) != len(coefficients):
        raise ValueError(f"{len(maps)} maps and {len(coefficients)} coefficients")
    one = 2**LOGIT_BITS
    score = np.full(maps[0].shape, round(intercept * one), dtype=np.int32)
    for map, coefficient in zip(maps, coefficients, strict=True):
        score += _looked_up(map, np.round(coefficient * one * logits()).astype(np.int32))
    level = (score >> (LOGIT_BITS - LEVEL_BITS)) + LEVELS // 2  # a score of 0 opens the upper half
    middles = (np.arange(LEVELS) - LEVELS // 2 + 0.5) / 2**LEVEL_BITS
    table = np.round(255 / (1 + np.exp(-middles))).astype(np.uint8)
    merged: Map = np.take(table, np.clip(level, 0, LEVELS - 1, out=level))
    return merged


def _looked_up(map: Map, table: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.asarray(cv2.LUT(map, table))  # a quarter of the time of table[map]


def probabilities() -> Floats:
    """(256,): p of each value of a map; the outermost are half a step from 0 and 1."""
    return np.clip(np.arange(256), 0.5, 254.5) / 255


def logits() -> Floats:
    """(256,): the logit of each value of a map."""
    p = probabilities()
    found: Floats = np.log(p / (1 - p))
    return found


def _weighted_sum(
    maps: Sequence[npt.NDArray[np.uint8]] | Sequence[npt.NDArray[np.bool_]], weights: Sequence[int]
) -> npt.NDArray[np.uint32]:
    if len(maps) != len(weights) or not maps:
        raise ValueError(f"{len(maps)} maps and {len(weights)} weights")
    total = np.zeros(maps[0].shape, np.uint32)
    for map, weight in zip(maps, weights, strict=True):
        total += np.multiply(map, weight, dtype=np.uint32)
    return total
