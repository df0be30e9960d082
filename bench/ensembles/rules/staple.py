"""STAPLE: the truth and each member's reliability, estimated from nothing but the members.

Source: Warfield, Zou & Wells 2004, https://doi.org/10.1109/TMI.2004.828354
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.ensembles.disputed import find_disputed
from bench.ensembles.rules.rule import Parameters, Rule
from bench.masks.types import THRESHOLD, Floats, Map

FIRST_GUESS = 0.99999  # of every sensitivity and specificity, as in the paper's reference code
TOLERANCE = 1e-7  # reliabilities that move less than this have converged
MAX_ROUNDS = 1000
MARGIN = 1e-12  # of reliabilities from 0 and 1: keeps logarithms finite
MAX_MEMBERS = 62  # their decisions on a pixel are the bits of one int64


class Staple(Rule):
    """The posterior of STAPLE. Everything is estimated from the maps of the image at hand.

    STAPLE counts as a rule that learns, though `fit` returns nothing: runs hold a file of
    parameters for it, and reports count it among the rules that learn.
    """

    learns = True
    most_members = MAX_MEMBERS

    def combine(self, maps: Sequence[Map], parameters: Parameters) -> Map:
        """Return the posterior probability of car."""
        return staple(maps)


def staple(maps: Sequence[Map]) -> Map:
    """Return the posterior probability of car, as a map, by expectation-maximisation on one image.

    A pixel's posterior depends on its pattern of decisions alone. So disputed pixels are counted by
    pattern, and the unanimous ones form two more patterns. (Other programs leave the unanimous
    pixels out; the reliabilities of three members are then undetermined.) The prior is the mean
    decision over all pixels and stays fixed.

    Args:
        maps: uint8 (H, W) of one image; of them only the masks count.

    Raises:
        ValueError: there are no maps, or more than 62.
    """
    if not 0 < len(maps) <= MAX_MEMBERS:
        raise ValueError(f"STAPLE takes 1 to {MAX_MEMBERS} members, not {len(maps)}")
    places, agreed_car = find_disputed(maps, THRESHOLD, THRESHOLD)
    if len(places) == 0:
        return agreed_car * np.uint8(255)
    codes = np.zeros(len(places), dtype=np.int64)
    for member, map in enumerate(maps):
        codes |= (map.reshape(-1)[places] >= THRESHOLD).astype(np.int64) << member
    distinct, pattern, counts = np.unique(codes, return_inverse=True, return_counts=True)
    all_car = np.count_nonzero(agreed_car)
    patterns = np.append(distinct, [0, 2 ** len(maps) - 1])
    decisions = (patterns[:, None] >> np.arange(len(maps)) & 1).astype(float)
    counts = np.append(counts, [agreed_car.size - len(places) - all_car, all_car])
    values = np.round(255 * posterior(decisions, counts)).astype(np.uint8)
    merged: Map = np.where(agreed_car, values[-1], values[-2])
    merged.reshape(-1)[places] = values[pattern]
    return merged


def posterior(decisions: Floats, counts: NDArray[np.int64]) -> Floats:
    """Return the probability of car for each pattern of decisions.

    Args:
        decisions: (patterns, K) of 0 and 1.
        counts: (patterns,) pixels that show each.
    """
    prior = (counts @ decisions).sum() / (counts.sum() * decisions.shape[1])
    sensitivity = np.full(decisions.shape[1], FIRST_GUESS)
    specificity = sensitivity
    for _ in range(MAX_ROUNDS):
        car = _posterior(decisions, prior, sensitivity, specificity)
        before = np.concatenate([sensitivity, specificity])
        sensitivity = _share(counts * car, decisions)
        specificity = _share(counts * (1 - car), 1 - decisions)
        if np.abs(np.concatenate([sensitivity, specificity]) - before).max() < TOLERANCE:
            break
    return _posterior(decisions, prior, sensitivity, specificity)


def _posterior(decisions: Floats, prior: float, sensitivity: Floats, specificity: Floats) -> Floats:
    if_car = decisions @ np.log(sensitivity) + (1 - decisions) @ np.log(1 - sensitivity)
    if_not = decisions @ np.log(1 - specificity) + (1 - decisions) @ np.log(specificity)
    against = np.log(1 - prior) + if_not - np.log(prior) - if_car
    car: Floats = 1 / (1 + np.exp(np.minimum(against, 700)))  # e**709 is the largest float
    return car


def _share(weights: Floats, right: Floats) -> Floats:
    """Return each member's weighted share of right decisions, (K,), inside (0, 1)."""
    total = weights.sum()
    share = weights @ right / total if total > 0 else np.full(right.shape[1], 0.5)
    inner: Floats = np.clip(share, MARGIN, 1 - MARGIN)
    return inner
