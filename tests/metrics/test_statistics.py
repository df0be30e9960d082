"""Intervals that hold, tests that err as rarely as they say, ranks that follow from both."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student

from bench.metrics import draws
from bench.metrics import statistics as stats

VIEWS = 16


def clustered(generator, data_sets, cars, skewed=False):
    """Scores (data_sets, cars * VIEWS) of true mean 0 whose views share their car's luck, and cars.

    Half of an image's variance is its car's: between views of one car the correlation is 0.5.
    """
    luck = generator.normal(size=(data_sets, cars, 1))
    own = generator.normal(size=(data_sets, cars, VIEWS))
    if skewed:  # most cars lose little, a few much: the shape of Dice below 1
        luck, own = 1 - generator.exponential(size=luck.shape), own * 0.5
    return (luck + own).reshape(data_sets, -1), np.repeat(np.arange(cars), VIEWS)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cars", "skewed", "low_share", "high_share"),
    [
        pytest.param(100, False, 0.93, 0.97, id="100 cars of 16 correlated views"),
        pytest.param(20, False, 0.93, 0.97, id="20 cars"),
        pytest.param(5, False, 0.93, 0.97, id="5 cars, too few to resample"),
        pytest.param(100, True, 0.93, 0.97, id="100 cars with a tail of bad ones"),
        pytest.param(20, True, 0.90, 0.97, id="20 cars with a tail of bad ones"),
    ],
)
def test_95_percent_intervals_hold_the_true_mean_95_times_in_100(
    cars, skewed, low_share, high_share
):
    scores, names = clustered(np.random.default_rng(cars), 1000, cars, skewed)
    low, high = stats.intervals(scores, names, seed=1).T
    assert low_share <= np.mean((low <= 0) & (high >= 0)) <= high_share


def test_intervals_of_images_instead_of_cars_would_be_far_too_narrow():
    scores, names = clustered(np.random.default_rng(0), 200, 50)
    low, high = stats.intervals(scores, np.arange(scores.shape[1]), seed=1).T
    assert np.mean((low <= 0) & (high >= 0)) < 0.7
    low, high = stats.intervals(scores, names, seed=1).T
    assert np.mean((low <= 0) & (high >= 0)) > 0.9


def test_interval_weighs_cars_by_their_images():
    generator = np.random.default_rng(3)
    sizes = generator.integers(1, 30, size=(60,))
    names = np.repeat(np.arange(60), sizes)
    scores = generator.normal(size=(1000, 60))[:, names] + generator.normal(size=(1000, len(names)))
    low, high = stats.intervals(scores, names).T
    assert 0.93 <= np.mean((low <= 0) & (high >= 0)) <= 0.97


def test_interval_by_hand_and_by_students_t():
    assert stats.interval([0.5] * 8, list("aabbccdd")) == (0.5, 0.5)
    low, high = stats.interval([0.7, 0.9, 0.8], ["a", "b", "c"])
    half = student.ppf(0.975, 2) * np.std([0.7, 0.9, 0.8], ddof=1) / np.sqrt(3)
    assert (low, high) == pytest.approx((0.8 - half, 0.8 + half))


def test_interval_is_finite_when_all_cars_but_one_are_alike():
    scores = np.array([1.0] * 99 + [0.5])
    low, high = stats.interval(scores, np.arange(100))
    assert 0.95 < low < scores.mean() < high < 1.01


@pytest.mark.parametrize("cars", [3, 20])
def test_an_interval_of_shares_lies_among_shares(cars):
    """Few cars, most of them perfect: the bare interval would promise a Dice above 1."""
    scores = np.array([[1.0] * (cars - 1) + [0.4], [0.0] * (cars - 1) + [0.6], [1.0] * cars])
    names = np.arange(cars)
    bare = stats.intervals(scores, names)
    low_high = stats.intervals(scores, names, bounds=stats.SHARE)
    assert bare[0, 1] > 1 and bare[1, 0] < 0
    assert np.array_equal(low_high, np.clip(bare, 0, 1))
    assert low_high[2].tolist() == [1, 1]
    gain = stats.gain(scores[0], scores[1], names)
    assert -1 <= gain.low <= gain.mean <= gain.high <= 1


@given(st.data())
def test_every_interval_holds_its_mean_and_lies_within_its_bounds(data):
    cars = data.draw(st.integers(2, 12))
    share = st.sampled_from([0.0, 1e-9, 0.5, 0.999, 1.0])
    one, two = (np.array(data.draw(st.lists(share, min_size=cars, max_size=cars))) for _ in "ab")
    low, high = stats.intervals(one[None], np.arange(cars), bounds=stats.SHARE)[0]
    assert 0 <= low <= one.mean() + 1e-12 and one.mean() - 1e-12 <= high <= 1
    gain = stats.gain(one, two, np.arange(cars))
    assert -1 <= gain.low <= gain.mean + 1e-12 and gain.mean - 1e-12 <= gain.high <= 1


def test_interval_does_not_depend_on_scale_shift_or_order():
    generator = np.random.default_rng(5)
    scores, names = clustered(generator, 1, 30)
    low, high = stats.interval(scores[0], names)
    order = generator.permutation(len(names))
    assert stats.interval(scores[0][order], names[order]) == pytest.approx((low, high))
    moved = stats.interval(1 - 1e-5 * scores[0], names)
    assert moved == pytest.approx((1 - 1e-5 * high, 1 - 1e-5 * low), abs=1e-7)
    wide = stats.interval(scores[0], names, level=0.99)
    assert wide[0] < low < high < wide[1]


def test_p_is_exact_for_few_cars():
    generator = np.random.default_rng(2)
    cars = np.repeat(np.arange(6), 3)
    a, b = generator.normal(0.3, 1, 18), np.zeros(18)
    sums = a.reshape(6, 3).sum(axis=1)
    flips = np.array([np.dot(signs, sums) for signs in product([-1, 1], repeat=6)])
    expected = np.mean(np.abs(flips) >= abs(sums.sum()) - 1e-12)
    assert stats.paired_p(a, b, cars) == pytest.approx(expected)
    assert stats.paired_p(np.full(18, 0.1), b, cars) == 2**-5
    assert stats.paired_p(b, b, cars) == 1


def test_random_flips_agree_with_all_flips(monkeypatch):
    generator = np.random.default_rng(4)
    a, cars = clustered(generator, 1, 16)
    exact = stats.paired_p(a[0] + 0.4, 0 * a[0], cars)
    monkeypatch.setattr(draws, "CARS_TO_ENUMERATE", 0)
    assert stats.paired_p(a[0] + 0.4, 0 * a[0], cars) == pytest.approx(exact, abs=0.005)


def test_p_is_below_5_percent_5_times_in_100_and_finds_a_planted_difference(monkeypatch):
    monkeypatch.setattr(draws, "FLIPS", 1_999)  # enough to place p at 0.05
    a, cars = clustered(np.random.default_rng(10), 1000, 100)
    b, _ = clustered(np.random.default_rng(11), 1000, 100)
    null = [stats.paired_p(*pair, cars, seed) for seed, pair in enumerate(zip(a, b, strict=True))]
    assert 0.04 <= np.mean(np.array(null) <= 0.05) <= 0.06
    # a car mean has variance 2 (1 + 1/16): 3.3 standard errors are found 9 times in 10
    planted = 3.3 * np.sqrt(2 * (1 + 1 / VIEWS) / 100)
    detected = [
        stats.paired_p(x + planted, y, cars) <= 0.05 for x, y in zip(a[:200], b, strict=False)
    ]
    assert 0.85 <= np.mean(detected) <= 0.96


def test_every_pair_of_a_table_has_its_own_p():
    scores, cars = clustered(np.random.default_rng(6), 4, 25)
    table = stats.paired_ps(scores, cars, seed=9)
    assert table == pytest.approx(table.T)
    for one, other in product(range(4), repeat=2):
        expected = stats.paired_p(scores[one], scores[other], cars, seed=9)
        assert table[one, other] == pytest.approx(expected, abs=1e-4)


def tie_groups(scores, cars):
    return stats.ranks_of(np.mean(scores, axis=1), stats.comparisons(scores, cars).p)


def test_ties_share_the_rank_of_the_best_of_their_group():
    generator = np.random.default_rng(7)
    cars = np.repeat(np.arange(40), VIEWS)
    common = generator.normal(size=len(cars))
    levels = [0.5, 0.9, 0.9, 0.5, 0.1]
    scores = [level + 0.1 * common + generator.normal(0, 0.1, len(cars)) for level in levels]
    assert tie_groups(scores, cars).tolist() == [3, 1, 1, 3, 5]


def test_equal_entries_are_rarely_parted(monkeypatch):
    monkeypatch.setattr(draws, "FLIPS", 1_999)
    parted = []
    for seed in range(100):
        scores, cars = clustered(np.random.default_rng(seed), 5, 30)
        parted.append(tie_groups(scores, cars).max() > 1)
    assert np.mean(parted) <= 0.1


def test_gain_is_the_paired_difference():
    a, cars = clustered(np.random.default_rng(1), 1, 50)
    gain = stats.gain(a[0] + 0.1, a[0], cars)
    assert gain.mean == pytest.approx(0.1)
    assert (gain.low, gain.high) == pytest.approx((0.1, 0.1))
    assert gain.p == pytest.approx(1e-5)


@pytest.mark.parametrize(
    ("values", "cars", "message"),
    [
        pytest.param([1.0, 2.0], ["a"], "scores of shape", id="lengths differ"),
        pytest.param([1.0, np.nan], ["a", "b"], "scores not finite", id="not a number"),
        pytest.param([1.0, 2.0], ["a", "a"], "at least two cars", id="one car"),
        pytest.param([], [], "at least two cars", id="nothing"),
    ],
)
def test_scores_that_allow_no_statistics_are_refused(values, cars, message):
    with pytest.raises(ValueError, match=message):
        stats.interval(values, cars)
    with pytest.raises(ValueError, match=message):
        stats.paired_p(values, values, cars)


def test_pairs_of_different_length_are_refused():
    with pytest.raises(ValueError, match="paired"):
        stats.paired_p([1.0, 2.0], [1.0], ["a", "b"])
