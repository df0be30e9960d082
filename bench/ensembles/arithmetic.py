"""Arithmetic on maps: sums and means in whole numbers, the probabilities and logits of values.

Whole numbers make a result the same in any order, on any machine.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.masks.types import Floats, Map, Mask


def mean(maps: Sequence[Map], weights: Sequence[int]) -> Map:
    """Return the weighted mean, one half rounded up, so that its mask is `mean p >= 0.5` exactly.

    Args:
        maps: uint8 of one shape.
        weights: whole numbers, one a map.

    Raises:
        ValueError: there is no map, or not one weight for each.
    """
    total = sum(weights)
    doubled = 2 * weighted_sum(maps, weights) + np.uint32(total)
    return (doubled // np.uint32(2 * total)).astype(np.uint8)


def weighted_sum(
    maps: Sequence[Map] | Sequence[Mask], weights: Sequence[int]
) -> NDArray[np.uint32]:
    """Return the sum of maps or masks, each times its weight.

    Raises:
        ValueError: there is no map, or not one weight for each.
    """
    if len(maps) != len(weights) or not maps:
        raise ValueError(f"{len(maps)} maps and {len(weights)} weights")
    total = np.zeros(maps[0].shape, np.uint32)
    for map, weight in zip(maps, weights, strict=True):
        total += np.multiply(map, weight, dtype=np.uint32)
    return total


def probabilities() -> Floats:
    """Return the probability of each value of a map, (256,), kept half a step from 0 and 1."""
    return np.clip(np.arange(256), 0.5, 254.5) / 255


def logits() -> Floats:
    """Return the logit of each value of a map, (256,)."""
    p = probabilities()
    log_odds: Floats = np.log(p / (1 - p))
    return log_odds
