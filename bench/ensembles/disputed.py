"""The few pixels of many images on which members of an ensemble decide anything.

On most of a photograph all members agree whatever their weights. Fitting an ensemble needs the
other pixels only, a few thousand of 2.5 million, and how the agreed ones add to the counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bench.masks.types import THRESHOLD, Map, Mask


@dataclass(frozen=True)
class Contested:
    """Contested pixels of images, kept one after the other, of members K."""

    values: NDArray[np.uint8]  # (pixels, K): the members' maps there
    truth: NDArray[np.bool_]  # (pixels,)
    ends: NDArray[np.int64]  # (images,): where each image's pixels end
    scale: NDArray[np.float64]  # (images,): contested pixels that each kept one stands for
    settled: NDArray[np.int64]  # (images, 3): agreed car, agreed car and true; all true pixels

    @property
    def weights(self) -> NDArray[np.float64]:
        """(pixels,): how many contested pixels each one stands for."""
        return np.repeat(self.scale, np.diff(self.ends, prepend=0))


def collect(
    maps: Sequence[Map],
    truth: Mask,
    low: int,
    high: int,
    limit: int,
    generator: np.random.Generator,
) -> Contested:
    """Pixels of one image where members are neither all below `low` nor all at or above `high`.

    With both at 128 these are the pixels on which the members' masks differ; no mean with
    non-negative weights changes any other. At most `limit` random ones are kept, so memory is
    limit * (K + 1) bytes an image.

    Raises:
        TypeError: a map is not uint8 or the truth not bool.
        ValueError: there is no map, or shapes differ.
    """
    _check(maps, truth)
    places, inside = contested(maps, low, high)
    kept = places
    if len(places) > limit:
        kept = np.sort(generator.choice(places, limit, replace=False, shuffle=False))
    agreed = np.count_nonzero(inside)
    return Contested(
        np.stack([map.reshape(-1)[kept] for map in maps], axis=1),
        truth.reshape(-1)[kept],
        np.array([len(kept)]),
        np.array([len(places) / len(kept) if len(kept) else 1.0]),
        np.array([(agreed, np.count_nonzero(inside & truth), np.count_nonzero(truth))]),
    )


def join(parts: Sequence[Contested]) -> Contested:
    """The pixels of several images as one.

    Raises:
        ValueError: there is none, or their numbers of members differ.
    """
    return Contested(
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.truth for part in parts]),
        np.cumsum(np.concatenate([np.diff(part.ends, prepend=0) for part in parts])),
        np.concatenate([part.scale for part in parts]),
        np.concatenate([part.settled for part in parts]),
    )


def contested(maps: Sequence[Map], low: int, high: int) -> tuple[NDArray[np.int64], Mask]:
    """Flat positions of the contested pixels of one image, and the mask (H, W) of agreed car."""
    least, most = maps[0], maps[0]
    for map in maps[1:]:
        least, most = np.minimum(least, map), np.maximum(most, map)
    inside = least >= high
    return np.flatnonzero((most >= low) & ~inside), inside


def mean_dice(
    pixels: Contested, weights: Sequence[int], members: Sequence[int], changes: Sequence[int]
) -> NDArray[np.float64]:
    """Mean Dice of the weighted mean's mask for each change of one member's weight.

    Exact where every contested pixel was kept, else an estimate. The pixels must have been
    collected with low = high = 128.

    Args:
        weights: (K,) whole numbers.
        members, changes: candidate c adds changes[c] to the weight of members[c]; no weight may
            fall below zero, nor all to zero.

    Returns:
        (candidates,) in [0, 1]; an image without car, true and predicted, counts 1.
    """
    whole = (np.array(each, dtype=np.int64) for each in (weights, members, changes))
    found: NDArray[np.float64] = _mean_dice(
        pixels.values, pixels.truth, pixels.ends, pixels.scale, pixels.settled, *whole
    )
    return found


def _check(maps: Sequence[Map], truth: Mask) -> None:
    if not maps:
        raise ValueError("no maps: an ensemble needs members")
    if truth.dtype != np.bool_ or any(map.dtype != np.uint8 for map in maps):
        raise TypeError("maps are uint8 and the truth is bool")
    if any(map.shape != truth.shape for map in maps):
        raise ValueError(f"maps of shapes {[map.shape for map in maps]}, truth of {truth.shape}")


@njit(cache=True, nogil=True)
def _mean_dice(values, truth, ends, scale, settled, weights, members, changes):  # type: ignore[no-untyped-def]
    candidates = len(members)
    total = np.zeros(candidates)
    needed = (2 * THRESHOLD - 1) * (weights.sum() + changes)  # twice the sum of a mean of 127.5
    start = 0
    for image in range(len(ends)):
        predicted = np.zeros(candidates, dtype=np.int64)
        both = np.zeros(candidates, dtype=np.int64)
        for pixel in range(start, ends[image]):
            common = 0
            for member in range(len(weights)):
                common += weights[member] * values[pixel, member]
            for c in range(candidates):
                inside = 2 * (common + changes[c] * values[pixel, members[c]]) >= needed[c]
                predicted[c] += inside
                both[c] += inside & truth[pixel]
        start = ends[image]
        for c in range(candidates):
            tp = settled[image, 1] + scale[image] * both[c]
            sizes = settled[image, 0] + scale[image] * predicted[c] + settled[image, 2]
            total[c] += 2 * tp / sizes if sizes > 0 else 1.0
    return total / len(ends)
