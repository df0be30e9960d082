"""Disputed pixels: the few on which an ensemble's members disagree, so that weights matter there.

Fitting an ensemble needs only these pixels, a few thousand of a photograph's 2.5 million, and of
the others the number that are car.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.masks.compiled.jit import kernel
from bench.masks.types import THRESHOLD, Map, Mask

DOUBLED_MIDDLE = np.int32(2 * THRESHOLD - 1)  # twice 127.5, from which on a mean is car


@dataclass(frozen=True)
class DisputedPixels:
    """The disputed pixels of some images, one image after the other, with K members' values."""

    values: NDArray[np.uint8]  # (pixels, K), a member after the other: the maps there
    truth: NDArray[np.bool_]  # (pixels,)
    ends: NDArray[np.int64]  # (images,): where each image's pixels end
    scale: NDArray[np.float64]  # (images,): disputed pixels that each kept one stands for
    agreed_car: NDArray[np.int64]  # (images,): pixels that all members call car
    agreed_true: NDArray[np.int64]  # (images,): pixels that all members call car and that are car
    true_pixels: NDArray[np.int64]  # (images,): all pixels that are car, disputed or not

    @property
    def weights(self) -> NDArray[np.float64]:
        """(pixels,): how many disputed pixels each one stands for."""
        return np.repeat(self.scale, np.diff(self.ends, prepend=0))


def collect(
    maps: Sequence[Map],
    truth: Mask,
    low: int,
    high: int,
    limit: int,
    generator: np.random.Generator,
) -> DisputedPixels:
    """Collect one image's pixels where members are neither all below `low` nor all >= `high`.

    With both at 128 these are the pixels on which the members' masks differ; no mean with
    non-negative weights changes any other. At most `limit` random ones are kept, so memory is
    limit * (K + 1) bytes an image.

    Raises:
        TypeError: a map is not uint8 or the truth not bool.
        ValueError: there is no map, or shapes differ.
    """
    _check(maps, truth)
    places, agreed_car = find_disputed(maps, low, high)
    kept = places
    if len(places) > limit:
        kept = np.sort(generator.choice(places, limit, replace=False, shuffle=False))
    return DisputedPixels(
        values=np.stack([map.reshape(-1)[kept] for map in maps]).T,
        truth=truth.reshape(-1)[kept],
        ends=np.array([len(kept)]),
        scale=np.array([len(places) / len(kept) if len(kept) else 1.0]),
        agreed_car=np.array([np.count_nonzero(agreed_car)]),
        agreed_true=np.array([np.count_nonzero(agreed_car & truth)]),
        true_pixels=np.array([np.count_nonzero(truth)]),
    )


def join(parts: Sequence[DisputedPixels]) -> DisputedPixels:
    """Join the pixels of several images.

    Raises:
        ValueError: there is none, or their numbers of members differ.
    """
    counts = np.concatenate([np.diff(part.ends, prepend=0) for part in parts])
    return DisputedPixels(
        values=np.concatenate([part.values for part in parts]),
        truth=np.concatenate([part.truth for part in parts]),
        ends=np.cumsum(counts),
        scale=np.concatenate([part.scale for part in parts]),
        agreed_car=np.concatenate([part.agreed_car for part in parts]),
        agreed_true=np.concatenate([part.agreed_true for part in parts]),
        true_pixels=np.concatenate([part.true_pixels for part in parts]),
    )


def find_disputed(maps: Sequence[Map], low: int, high: int) -> tuple[NDArray[np.int64], Mask]:
    """Return flat positions of one image's disputed pixels, and the mask (H, W) of agreed car."""
    lowest, highest = maps[0].copy(), maps[0].copy()
    for map in maps[1:]:
        np.minimum(lowest, map, out=lowest)
        np.maximum(highest, map, out=highest)
    agreed_car = lowest >= high
    return np.flatnonzero((highest >= low) & ~agreed_car), agreed_car


def mean_dice(
    pixels: DisputedPixels, weights: Sequence[int], members: Sequence[int], changes: Sequence[int]
) -> NDArray[np.float64]:
    """Return the mean Dice of the weighted mean's mask after each change of one member's weight.

    Exact where every disputed pixel was kept, else an estimate. The pixels must have been
    collected with low = high = 128.

    Args:
        weights: (K,) whole numbers.
        members, changes: candidate c adds changes[c] to the weight of members[c]; no weight may
            fall below zero, nor all to zero.

    Returns:
        (candidates,) in [0, 1]; an image with no car, neither true nor predicted, counts 1.
    """
    own, moves = np.array(weights, np.int64), np.array([members, changes], np.int64)
    by_member = np.ascontiguousarray(pixels.values.T)  # no copy of what `collect` made
    both, predicted = _count_changes(
        by_member, pixels.truth, pixels.ends, own, moves, DOUBLED_MIDDLE
    )
    scale = pixels.scale[:, None]
    tp = pixels.agreed_true[:, None] + scale * both
    sizes = (pixels.agreed_car[:, None] + scale * predicted) + pixels.true_pixels[:, None]
    dice = np.divide(2 * tp, sizes, out=np.ones_like(tp), where=sizes > 0)
    # image after image: `sum` would round a single candidate differently from many
    total: NDArray[np.float64] = dice.cumsum(axis=0)[-1]
    return total / len(dice)


def _check(maps: Sequence[Map], truth: Mask) -> None:
    if not maps:
        raise ValueError("no maps: an ensemble needs members")
    if truth.dtype != np.bool_ or any(map.dtype != np.uint8 for map in maps):
        raise TypeError("maps are uint8 and the truth is bool")
    if any(map.shape != truth.shape for map in maps):
        raise ValueError(f"maps of shapes {[map.shape for map in maps]}, truth of {truth.shape}")


@kernel
def _count_changes(values, truth, ends, weights, moves, middle):  # type: ignore[no-untyped-def]
    """Count (2, images, candidates) disputed pixels: car both predicted and true; car predicted.

    Args:
        values: (K, pixels), so that an instruction takes many pixels that lie side by side.
        weights: so small that doubled sums fit into an int32.
        moves: (2, candidates), a member and the change of its weight, as small.
        middle: DOUBLED_MIDDLE; machine code that held it would outlast a change of THRESHOLD.
    """
    members, changes = moves[0], moves[1]
    candidates = len(members)
    counts = np.zeros((2, len(ends), candidates), dtype=np.int64)
    start = 0
    for image in range(len(ends)):
        end = ends[image]
        true = truth[start:end]
        doubled = np.zeros(end - start, dtype=np.int32)  # twice the weighted sum less the middle
        for member in range(len(weights)):
            factor = np.int32(weights[member])
            own = values[member, start:end]
            for pixel in range(len(own)):
                doubled[pixel] += factor * (2 * np.int32(own[pixel]) - middle)
        for c in range(candidates):
            change = np.int32(changes[c])
            own = values[members[c], start:end]
            both = np.int32(0)
            predicted = np.int32(0)
            for pixel in range(len(own)):
                moved = change * (2 * np.int32(own[pixel]) - middle)
                car = np.int32(doubled[pixel] + moved >= 0)
                both += car & true[pixel]
                predicted += car
            counts[0, image, c] = both
            counts[1, image, c] = predicted
        start = end
    return counts
