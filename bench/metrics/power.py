"""How many held-out cars would tell two entries apart, for the difference that a run has seen.

Test sets of n cars are drawn with replacement from the cars of the run, and the paired test of
`statistics` is done on each. The answer is the n at which it finds the difference four times in
five.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from bench.masks.types import Floats
from bench.metrics.statistics import SEED, SIGNIFICANT, car_sums

POWER = 0.8  # the share of test sets that find the difference
TEST_SETS = 500  # of a size: the share that finds it is known to 0.018 then, the answer to some 5 %
MOST_CARS = 10_000  # stands for as many or more
SIZES = [*range(2, 100), *range(100, 1_000, 10), *range(1_000, MOST_CARS + 1, 100)]  # tried
MOST_COUNTED = 13  # drawn cars of which all flips are counted, in 25 ms
NEWTON_STEPS = 5  # four find the root to the last digit, unless all signs are the same


def cars_to_tell(
    differences: ArrayLike, cars: ArrayLike, levels: ArrayLike = SIGNIFICANT, seed: int = SEED
) -> Floats:
    """Numbers of cars with which the test would find differences like these.

    What was seen is taken for the truth: the mean, and the unbiased estimate of the spread between
    cars. From few cars both are rough, and so is the answer, which has two significant digits.

    Args:
        differences: (pairs, images), of the scores of two entries each.
        cars: the car of each image; the answer is for cars of as many images.
        levels: a pair is told apart where its p is below this; one number, or (pairs,).

    Returns:
        (pairs,): MOST_CARS stands for as many or more, NaN for a mean difference of zero.

    Raises:
        ValueError: as `statistics.interval`.

    >>> cars_to_tell([[0.1, 0.1, 0.1]], ["a", "b", "c"]).tolist()  # p is 2**(1 - cars)
    [6.0]
    """
    sums = car_sums(differences, cars)
    count = sums.shape[1]
    mean = sums.mean(axis=1, keepdims=True)
    drawn = np.sign(mean) * (mean + (sums - mean) * np.sqrt(count / (count - 1)))
    level = np.broadcast_to(levels, len(sums))
    different = np.abs(mean[:, 0]) > 1e-12 * np.abs(sums).max(axis=1)
    low = np.zeros(len(sums), dtype=np.int64)  # places in SIZES, between which the answers lie
    high = np.where(different, len(SIZES) - 1, 0)
    while (low < high).any():
        middle = np.where(low < high, (low + high) // 2, -1)
        for place in np.unique(middle[middle >= 0]):
            test_sets = _test_sets(SIZES[place], count, seed)
            for pair in np.flatnonzero(middle == place):
                found = np.mean(_positive_p(test_sets, drawn[pair]) < level[pair])
                if found >= POWER:
                    high[pair] = place
                else:
                    low[pair] = place + 1
    return np.where(different, np.array(SIZES, dtype=float)[high], np.nan)


def _test_sets(size: int, cars: int, seed: int) -> Floats:
    """(test sets, cars): how often each car was drawn into each test set of a size."""
    generator = np.random.default_rng([seed, size])
    return generator.multinomial(size, np.full(cars, 1 / cars), size=TEST_SETS).astype(float)


def _positive_p(test_sets: Floats, sums: Floats) -> Floats:
    """(test sets,): the p-value of `statistics.paired_p` where a test set's sum is positive, or 1.

    All flips of signs of few drawn cars are counted one by one, since p then has few values, those
    of many by the saddlepoint approximation.

    Args:
        test_sets: (test sets, cars), as `_test_sets` returns them.
        sums: (cars,), summed difference of each car.
    """
    few = test_sets[0].sum() <= MOST_COUNTED
    return _counted(test_sets, sums) if few else _approximated(test_sets, sums)


def _counted(test_sets: Floats, sums: Floats) -> Floats:
    """`_positive_p`, flip by flip."""
    drawn = np.stack([np.repeat(sums, times) for times in test_sets.astype(int)])
    size = drawn.shape[1]
    signs = 1.0 - 2.0 * (np.arange(2 ** (size - 1))[:, None] >> np.arange(size) & 1)
    total = drawn.sum(axis=1)
    rounding = 1e-12 * np.abs(drawn).sum(axis=1)
    extreme = np.mean(np.abs(signs @ drawn.T) >= total - rounding, axis=0)
    return np.where(total > 0, extreme, 1.0)


def _approximated(test_sets: Floats, sums: Floats) -> Floats:
    """`_positive_p` by the saddlepoint; never below the p-value of the two most extreme flips.

    Source: Robinson 1982, https://doi.org/10.1111/j.2517-6161.1982.tb01191.x, in the form of
    Barndorff-Nielsen 1986, https://doi.org/10.1093/biomet/73.2.307
    """
    scaled = sums / np.abs(sums).max()
    total, variance = test_sets @ scaled, test_sets @ scaled**2
    p = np.ones(len(test_sets))
    likely = total > np.sqrt(variance)  # nearer to zero, one flip in eleven is as extreme
    weights, total = test_sets[likely], total[likely]
    point = total / variance[likely]
    for _ in range(NEWTON_STEPS):
        bent = np.tanh(np.outer(point, scaled))
        curvature = (weights * (1 - bent**2)) @ scaled**2
        point += (total - (weights * bent) @ scaled) / curvature
    height = np.abs(np.outer(point, scaled))
    cumulants = np.sum(weights * (height + np.log1p(np.exp(-2 * height)) - np.log(2)), axis=1)
    root = np.sqrt(2 * (point * total - cumulants))
    p[likely] = 2 * ndtr(-root - np.log(point * np.sqrt(curvature) / root) / root)
    return np.maximum(p, 2.0 ** (1 - test_sets.sum(axis=1)))
