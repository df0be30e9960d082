"""Arithmetic on maps: sums and means in whole numbers, the probabilities and logits of values.

Whole numbers make a result the same in any order, on any machine.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.masks.types import Floats, Map, Mask

BAND_PIXELS = 2**16  # whose sums take 256 KiB


def mean(maps: Sequence[Map], weights: Sequence[int]) -> Map:
    """Return the weighted mean, one half rounded up, so that its mask is `mean p >= 0.5` exactly.

    Args:
        maps: uint8 of one shape.
        weights: whole numbers, one a map.

    Raises:
        ValueError: there is no map, or not one weight for each, or shapes differ.
    """
    _check(maps, weights)
    total, merged = sum(weights), np.empty_like(maps[0])
    for rows in _bands(maps[0]):
        doubled = 2 * _sum([map[rows] for map in maps], weights) + np.uint32(total)
        merged[rows] = doubled // np.uint32(2 * total)
    return merged


def weighted_sum(
    maps: Sequence[Map] | Sequence[Mask], weights: Sequence[int]
) -> NDArray[np.uint32]:
    """Return the sum of maps or masks, each times its weight.

    Raises:
        ValueError: there is no map, or not one weight for each, or shapes differ.
    """
    _check(maps, weights)
    total = np.empty(maps[0].shape, np.uint32)
    for rows in _bands(maps[0]):
        total[rows] = _sum([map[rows] for map in maps], weights)
    return total


def _check(maps: Sequence[Map] | Sequence[Mask], weights: Sequence[int]) -> None:
    if len(maps) != len(weights) or not maps:
        raise ValueError(f"{len(maps)} maps and {len(weights)} weights")
    if any(map.shape != maps[0].shape for map in maps):
        raise ValueError(f"maps of one image have one shape, these {[map.shape for map in maps]}")


def _bands(map: Map | Mask) -> Iterator[slice]:
    """Slices of rows so few that sums of them stay in the processor's cache."""
    height = max(1, BAND_PIXELS // max(1, map[0].size)) if len(map) else 1
    return (slice(start, start + height) for start in range(0, len(map), height))


def _sum(maps: Sequence[Map | Mask], weights: Sequence[int]) -> NDArray[np.uint32]:
    total = np.zeros(maps[0].shape, np.uint32)
    weighted = np.empty_like(total)
    for map, weight in zip(maps, weights, strict=True):
        total += np.multiply(map, weight, out=weighted, dtype=np.uint32)
    return total


def probabilities() -> Floats:
    """Return the probability of each value of a map, (256,), kept half a step from 0 and 1."""
    return np.clip(np.arange(256), 0.5, 254.5) / 255


def logits() -> Floats:
    """Return the logit of each value of a map, (256,)."""
    p = probabilities()
    log_odds: Floats = np.log(p / (1 - p))
    return log_odds
