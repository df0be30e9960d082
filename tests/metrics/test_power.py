"""The number of cars that would tell: the closed form, the test itself, and laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nct
from scipy.stats import t as student

from bench.metrics import power, statistics
from bench.metrics.power import MOST_CARS, cars_to_tell

VIEWS = 16


def normal_cars(effect, cars=500):
    """Differences of cars, exactly of this mean and of standard deviation 1."""
    drawn = np.random.default_rng(0).normal(size=cars)
    return effect + (drawn - drawn.mean()) / drawn.std(ddof=1)


def power_of_t(effect, cars, level):
    """The power of the paired t-test on normal differences of standard deviation 1."""
    return nct.sf(student.ppf(1 - level / 2, cars - 1), cars - 1, effect * np.sqrt(cars))


@pytest.mark.parametrize("level", [0.05, 0.05 / 78])
@pytest.mark.parametrize("effect", [0.8, 0.4, 0.1])
def test_normal_differences_need_what_the_closed_form_of_the_t_test_says(effect, level):
    cars = np.arange(2, MOST_CARS)
    expected = cars[np.argmax(power_of_t(effect, cars, level) >= power.POWER)]
    found = cars_to_tell([normal_cars(effect)], np.arange(500), level)
    # a share known to 0.018 gives an answer known to 5 %, and one car where cars are few
    assert found == pytest.approx(expected, rel=0.12, abs=1)


@pytest.mark.parametrize(
    "cars",
    [
        pytest.param(np.random.default_rng(1).normal(0.6, 1, 20), id="normal"),
        pytest.param(np.random.default_rng(2).exponential(1, 20) - 0.3, id="skewed"),
        pytest.param(np.array([*np.linspace(-0.1, 0.4, 19), 1.5]), id="one car of twenty"),
        pytest.param(np.array([0.5, -0.2, 0.3, 0.9]), id="four cars"),
    ],
)
@pytest.mark.parametrize("size", [8, 12, 16])
def test_drawn_cars_tell_where_the_test_of_the_tables_does(cars, size):
    """By all flips of signs, for every set of drawn cars that differs in the right direction."""
    test_sets = power._test_sets(size, len(cars), seed=3)[:60]
    drawn = [np.repeat(cars, times) for times in test_sets.astype(int)]
    exact = np.array([statistics.paired_p(one, 0 * one, np.arange(size)) for one in drawn])
    exact[[one.sum() <= 0 for one in drawn]] = 1
    found = power._positive_p(test_sets, cars)
    for level in (0.05, 0.05 / 20, 0.05 / 78):
        assert np.mean((found < level) != (exact < level)) <= 0.1


@pytest.mark.parametrize(
    ("cars", "level"),
    [
        pytest.param(np.array([20, 1.319, 20, 20, 20]), 0.05 / 3, id="p has few values"),
        pytest.param(np.array([0.5, 0.2, 0.3, 0.9, 0.1]), 0.05, id="five cars"),
    ],
)
def test_a_small_answer_is_the_first_size_where_the_test_of_the_tables_has_the_power(cars, level):
    answer = int(cars_to_tell([cars], np.arange(5), level)[0])
    spread = cars.mean() + (cars - cars.mean()) * np.sqrt(5 / 4)
    shares = []
    for size in (answer - 1, answer):
        test_sets = power._test_sets(size, 5, seed=0)
        drawn = [np.repeat(spread, times) for times in test_sets.astype(int)]
        found = [
            one.sum() > 0 and statistics.paired_p(one, 0 * one, np.arange(size)) < level
            for one in drawn
        ]
        shares.append(np.mean(found))
    assert answer <= power.MOST_COUNTED and shares[0] < power.POWER <= shares[1]


def test_views_of_a_car_count_as_one():
    """As many views as one likes, all alike, bring nothing: cars must be added."""
    cars = normal_cars(0.5, 20)
    alone = cars_to_tell([cars], np.arange(20))
    assert cars_to_tell([np.repeat(cars, VIEWS)], np.repeat(np.arange(20), VIEWS)) == alone
    scattered = np.repeat(cars, VIEWS).reshape(20, VIEWS) + np.tile([3, -3], VIEWS // 2)
    assert cars_to_tell([scattered.ravel()], np.repeat(np.arange(20), VIEWS)) == alone


differences = st.lists(st.floats(-1, 1).map(lambda x: round(x, 3)), min_size=2, max_size=25)


@given(differences, st.sampled_from([-1.0, 2.0**-20, -(2.0**10)]))
def test_neither_scale_nor_sign_matters(drawn, factor):
    cars = np.arange(len(drawn))
    once, scaled = (cars_to_tell([np.array(drawn) * by], cars) for by in (1, factor))
    assert once == pytest.approx(scaled, rel=0.2, nan_ok=True)  # rounding may turn one test set
    assert np.isnan(once[0]) == (abs(sum(drawn)) < 1e-12)


@given(differences, st.floats(0.01, 0.5))
def test_a_larger_effect_needs_no_more_cars_and_a_stricter_level_no_fewer(drawn, more):
    cars, level = np.arange(len(drawn)), 0.05 / 20
    drawn = np.array(drawn) * np.sign(sum(drawn) or 1)
    small, large = cars_to_tell([drawn, drawn + more], cars)
    assert large <= 1.1 * small or np.isnan(small)
    strict = cars_to_tell([drawn], cars, level)[0]
    assert strict >= small or np.isnan(small)
    assert np.isnan(small) or (small >= 6 and strict >= 10)  # the smallest p is 2**(1 - cars)


def test_a_pair_of_a_table_has_the_answer_it_has_alone():
    pairs = np.stack([normal_cars(effect, 20) for effect in (0.2, 1.0, 0.001)])
    levels = np.array([0.05, 0.01, 0.02])
    together = cars_to_tell(pairs, np.arange(20), levels)
    alone = [
        cars_to_tell([row], np.arange(20), by)[0] for row, by in zip(pairs, levels, strict=True)
    ]
    assert together.tolist() == alone
    assert together[2] == MOST_CARS
    assert cars_to_tell(np.empty((0, 20)), np.arange(20)).tolist() == []


def test_cars_that_cannot_tell_are_fewer_than_those_that_would():
    generator = np.random.default_rng(5)
    for _ in range(30):
        drawn = generator.normal(generator.uniform(0, 0.6), 1, 16)
        p = statistics.paired_p(drawn, 0 * drawn, np.arange(16))
        if p >= 0.05:
            assert cars_to_tell([drawn], np.arange(16))[0] > 16
