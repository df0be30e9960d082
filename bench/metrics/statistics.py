"""How sure a score is: intervals, paired tests and tie groups, with the car as the unit.

A network does about equally well on the 16 views of a car, so 5,088 images of 318 cars weigh little
more than 318 observations. Everything here therefore resamples or flips whole cars.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

from bench.masks.types import Floats
from bench.metrics.correction import holm, holm_levels
from bench.metrics.draws import all_flips, flipped_sums, resamples

CARS_TO_RESAMPLE = 8  # fewer cars have fewer than 6,435 different resamples: Student's t instead
LEVEL = 0.95  # of every interval: the share that hold the true mean
SEED = 0  # of every draw
SIGNIFICANT = 0.05  # a difference with a smaller p-value parts two ranks
SHARE, DIFFERENCE = (0.0, 1.0), (-1.0, 1.0)  # bounds of a Dice or Jaccard score, and of two's


class Gain(NamedTuple):
    """A mean paired difference, its 95 % confidence interval, and its p-value."""

    mean: float
    low: float
    high: float
    p: float


def surely_positive(low: float, p: float) -> bool:
    """Whether both the interval of a difference and its corrected p-value say that it is above 0.

    Args:
        low: the lower end of the interval.
    """
    return low > 0 and p < SIGNIFICANT


class Comparisons(NamedTuple):
    """Every pair of a table's entries, both (entries, entries) and symmetric."""

    p: Floats  # corrected for the number of pairs; 1 on the diagonal
    levels: Floats  # below which a pair's own p is SIGNIFICANT once corrected


def interval(
    values: ArrayLike, cars: ArrayLike, level: float = LEVEL, seed: int = SEED
) -> tuple[float, float]:
    """Confidence interval of the mean over images, by the studentised bootstrap of cars.

    Args:
        values: one score an image, in any order.
        cars: the car of each image.
        level: the share of such intervals that hold the true mean.

    Raises:
        ValueError: lengths differ, a value is not finite, there are fewer than two cars, or the
            level is not between 0 and 1.

    Source: Efron & Tibshirani 1993, An Introduction to the Bootstrap, section 12.5 (bootstrap-t).
    Of the percentile, expanded percentile, BCa and bootstrap-t intervals, it alone kept 95 % with
    20 clusters and lost least where the clusters are skewed, as scores below 1 are.

    >>> low, high = interval([0.9, 0.9, 0.8, 0.8], ["a", "a", "b", "b"], level=0.5)
    >>> round(low, 6), round(high, 6)
    (0.8, 0.9)
    """
    low, high = intervals(np.asarray(values)[None], cars, level, seed)[0]
    return float(low), float(high)


def intervals(
    values: ArrayLike,
    cars: ArrayLike,
    level: float = LEVEL,
    seed: int = SEED,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> Floats:
    """`interval` of many entries at once, over the same resamples.

    Args:
        values: (entries, images).
        bounds: of all values. The true mean lies within, so a cut interval holds it as often.

    Returns:
        (entries, 2): low, high.

    Raises:
        ValueError: as `interval`.
    """
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; it must lie between 0 and 1")
    values, members = _checked(values, cars)
    mean = values.mean(axis=1)
    sums = _car_sums(values - mean[:, None], members)  # centred: no digits lost in squares below
    sizes = np.bincount(members).astype(float)
    error = _spread(sums, len(sizes)) / values.shape[1]
    tails = [(1 + level) / 2, (1 - level) / 2]
    if len(sizes) < CARS_TO_RESAMPLE:
        points = np.outer(student.ppf(tails, len(sizes) - 1), np.ones(len(values)))
    else:
        points = np.quantile(_studentised(sums, sizes, error, seed), tails, axis=0)
    ends: Floats = np.clip(mean - points * error, *bounds).T
    return ends


def paired_p(a: ArrayLike, b: ArrayLike, cars: ArrayLike, seed: int = SEED) -> float:
    """The two-sided p-value of the difference between two entries' means: a sign-flip test.

    Under "no difference" each car's summed difference is as likely positive as negative, so the
    signs of whole cars are flipped: in all combinations up to 17 cars, else in 99,999 random ones,
    where the observed signs count too: p = (1 + as extreme) / (1 + flips). The smallest p of n cars
    is 2**(1 - n): five cars or fewer never reach 0.05.

    Args:
        a, b: scores of two entries on the same images, in the same order.
        cars: the car of each image.

    Raises:
        ValueError: as `interval`, or the two have different numbers of scores.

    Source: Phipson & Smyth 2010, https://doi.org/10.2202/1544-6115.1585 (p is never zero).

    >>> paired_p([0.9, 0.8, 0.9], [0.8, 0.7, 0.8], ["x", "y", "z"])
    0.25
    """
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if a.shape != b.shape:
        raise ValueError(f"{a.shape} scores cannot be paired with {b.shape}")
    return float(paired_ps(np.stack([a, b]), cars, seed)[0, 1])


def paired_ps(values: ArrayLike, cars: ArrayLike, seed: int = SEED) -> Floats:
    """`paired_p` of every pair of entries, over the same flips.

    Args:
        values: (entries, images).

    Returns:
        (entries, entries), symmetric, 1 on the diagonal.

    Raises:
        ValueError: as `interval`.
    """
    values, members = _checked(values, cars)
    sums = _car_sums(values - values.mean(axis=0), members)
    first, second = np.triu_indices(len(values), k=1)
    observed = np.abs(sums.sum(axis=1)[first] - sums.sum(axis=1)[second])
    # a flip that equals the observed sum must count, whatever order it was added up in
    rounding = 1e-12 * np.abs(sums).sum(axis=1).max()
    extreme = np.zeros(len(first), dtype=np.int64)
    count = 0
    for flipped in flipped_sums(sums, len(first), seed):
        for pair, (a, b) in enumerate(zip(first, second, strict=True)):
            far = np.abs(flipped[a] - flipped[b]) >= observed[pair] - rounding
            extreme[pair] += np.count_nonzero(far)
        count += flipped.shape[1]
    exact = all_flips(sums.shape[1])  # the observed signs are then among those counted
    p = np.ones((len(values), len(values)))
    p[first, second] = p[second, first] = (extreme + (not exact)) / (count + (not exact))
    return p


def comparisons(values: ArrayLike, cars: ArrayLike) -> Comparisons:
    """`paired_ps` of every pair of entries, Holm-corrected over all pairs of the table.

    All pairs are the right family even for "is the best entry better than this one?", because the
    same scores decided which entry is the best.

    Raises:
        ValueError: as `interval`.
    """
    p = paired_ps(values, cars)
    levels = np.full_like(p, SIGNIFICANT)
    pairs = np.triu_indices(len(p), k=1)
    levels[pairs] = levels.T[pairs] = holm_levels(p[pairs], SIGNIFICANT)
    p[pairs] = holm(p[pairs])
    p.T[pairs] = p[pairs]
    return Comparisons(p, levels)


def ranks_of(means: ArrayLike, p: Floats) -> NDArray[np.int64]:
    """Ranks from 1; entries not significantly worse than the best of their group share its rank.

    Going down the means, entries share the rank of the best of the present group. The first entry
    that differs significantly from that best (`p` below SIGNIFICANT) opens the next group, whose
    rank is the entry's place in the order (1, 1, 3). Ranks never contradict means.

    Args:
        means: (entries,), in any order.
        p: (entries, entries), as in `Comparisons`.

    Returns:
        (entries,) ranks in the same order.

    >>> p = np.array([[1, 0.3, 0.01], [0.3, 1, 0.2], [0.01, 0.2, 1]])
    >>> ranks_of([0.9, 0.8, 0.7], p).tolist()
    [1, 1, 3]
    """
    means = np.asarray(means, dtype=float)
    order = np.argsort(-means, kind="stable")
    ranks = np.empty(len(order), dtype=np.int64)
    best, rank = order[0], 1
    for place, entry in enumerate(order, start=1):
        if p[best, entry] < SIGNIFICANT:
            best, rank = entry, place
        ranks[entry] = rank
    return ranks


def gain(ensemble: ArrayLike, best_member: ArrayLike, cars: ArrayLike) -> Gain:
    """How much better an ensemble is than its best member on the same images.

    The best member must have been chosen on other cars; otherwise the choice flatters its score and
    the gain is a little too small. Scores lie between 0 and 1.
    """
    p = paired_p(ensemble, best_member, cars)
    difference = np.asarray(ensemble, dtype=float) - np.asarray(best_member, dtype=float)
    low, high = intervals(difference[None], cars, bounds=DIFFERENCE)[0]
    return Gain(float(difference.mean()), float(low), float(high), p)


def _checked(values: ArrayLike, cars: ArrayLike) -> tuple[Floats, NDArray[np.int64]]:
    """The scores (entries, images) and each image's car as a number from 0."""
    scores, names = np.asarray(values, dtype=float), np.asarray(cars)
    if scores.ndim != 2 or names.shape != scores.shape[1:]:
        raise ValueError(f"scores of shape {scores.shape[1:]} for cars of shape {names.shape}")
    if not np.isfinite(scores).all():
        raise ValueError(f"scores not finite: {np.count_nonzero(~np.isfinite(scores))}")
    distinct, members = np.unique(names, return_inverse=True)
    if len(distinct) < 2:
        raise ValueError(f"a spread between cars needs at least two cars, not {len(distinct)}")
    return scores, members


def car_sums(values: ArrayLike, cars: ArrayLike) -> Floats:
    """Sums of scores over the images of each car: (rows, images) -> (rows, cars).

    Raises:
        ValueError: as `interval`.
    """
    return _car_sums(*_checked(values, cars))


def _car_sums(values: Floats, members: NDArray[np.int64]) -> Floats:
    """(entries, images) -> (entries, cars)."""
    order = np.argsort(members, kind="stable")
    starts = np.flatnonzero(np.diff(members[order], prepend=-1))
    return np.add.reduceat(values[:, order], starts, axis=1)


def _spread(residuals: Floats, cars: int) -> Floats:
    """Standard error of a sum over cars, from the centred sums of the cars (entries, cars)."""
    spread: Floats = np.sqrt(cars / (cars - 1) * (residuals**2).sum(axis=1))
    return spread


def _studentised(sums: Floats, sizes: Floats, error: Floats, seed: int) -> Floats:
    """(resamples, entries): (resampled mean - mean) / resampled standard error.

    Cars may differ in their number of images, so the mean is a ratio of sums and its error is
    that of the residuals sum - mean * size. A resample whose cars are all alike has no spread of
    its own, so the whole sample's spread is used.
    """
    cars = len(sizes)
    blocks = []
    for weights in resamples(cars, seed):
        images = (weights @ sizes)[:, None]
        shift = (weights @ sums.T) / images
        squares = weights @ (sums**2).T
        residuals = squares + shift * (
            shift * (weights @ sizes**2)[:, None] - 2 * (weights @ (sums * sizes).T)
        )
        alike = residuals <= 1e-12 * squares
        own = np.sqrt(cars / (cars - 1) * np.where(alike, 1, residuals)) / images
        scale = np.where(alike, np.where(error > 0, error, 1), own)
        blocks.append(shift / scale)
    return np.concatenate(blocks)
