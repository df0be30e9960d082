"""Doubt is calibrated: what is expected is what happens, on cars that nothing was fitted on."""

import numpy as np
import pytest

from bench.doubt.calibration import GOOD, MIN_CARS, calibrate
from bench.doubt.signs import Signs


def drawn(cars=30, noise=0.2, slopes=(0.6, 0.4), seed=0):
    """Signs and Dice of 16 photographs a car, after the law that a calibration learns."""
    rng = np.random.default_rng(seed)
    signs = np.exp(rng.normal(-5, 1, (16 * cars, 2)))
    error = np.exp(-0.4 + np.log(signs) @ slopes + rng.normal(0, noise, len(signs)))
    names = [f"{index // 16:03}" for index in range(len(signs))]
    return [Signs(*pair) for pair in signs], list(1 - error), names


def test_the_law_is_learnt_and_tried_on_other_cars():
    signs, dice, cars = drawn()
    found = calibrate(signs, dice, cars)
    assert found.slopes == pytest.approx((0.6, 0.4), abs=0.05)
    assert found.spread == pytest.approx(0.2, abs=0.02)
    trial = found.trial
    assert (trial.photographs, trial.cars, trial.first) == (480, 30, 48)
    assert trial.rank_correlation > 0.9
    assert trial.bad == sum(each < GOOD for each in dice)
    assert 40 < trial.bad_first <= 48 < trial.bad


def test_sure_is_the_share_of_good_ones():
    signs, dice, cars = drawn(cars=60)
    found = calibrate(signs, dice, cars)
    others, truth, _ = drawn(cars=60, seed=1)
    sure = np.array([found.sure(each) for each in others])
    good = np.array(truth) >= GOOD
    for low, high in ((0.2, 0.5), (0.5, 0.8)):
        some = (sure >= low) & (sure < high)
        assert some.sum() > 20
        assert good[some].mean() == pytest.approx(sure[some].mean(), abs=0.12)


def test_what_is_expected_is_the_mean():
    signs, dice, cars = drawn(cars=100, noise=0.8, slopes=(0.8, 0.6))
    found = calibrate(signs, dice, cars)
    expected = np.mean([found.expected_dice(each) for each in signs])
    assert 1 - expected == pytest.approx(
        1 - np.mean(dice), rel=0.1
    )  # the median would be 27 % lower


def test_more_doubt_is_never_surer():
    rng = np.random.default_rng(0)
    signs, dice, cars = drawn(noise=1.0, slopes=(-0.5, 0.9))
    found = calibrate(signs, dice, cars)
    assert found.slopes[0] == 0
    for _ in range(20):
        less = Signs(*rng.uniform(0, 0.1, 2))
        more = Signs(less.disagreement + 0.02, less.width + 0.01)
        assert found.expected_dice(more) <= found.expected_dice(less)
        assert 0 <= found.expected_dice(more) <= 1


def test_signs_far_from_all_that_were_learnt_are_as_doubtful_as_can_be():
    cars = drawn(cars=6)[-1]
    close = [Signs(0.0, 0.05 + 5e-6 * place) for place in range(len(cars))]
    found = calibrate(close, [0.999 - 2e-3 * place for place in range(len(cars))], cars)
    assert found.slopes[1] > 300
    far = Signs(0.2, 80.0)
    assert (found.expected_dice(far), found.sure(far)) == (0.0, 0.0)


def test_a_single_member_never_differs_and_few_cars_teach_nothing():
    signs, dice, cars = drawn()
    single = [Signs(0.0, each.width) for each in signs]
    assert calibrate(single, dice, cars).slopes[0] == 0
    few = 16 * (MIN_CARS - 1)
    assert calibrate(signs[:few], dice[:few], cars[:few]) is None
    assert calibrate([], [], []) is None


def test_doubt_that_tells_nothing_says_so():
    signs, dice, cars = drawn(cars=6)
    found = calibrate([Signs(0.0, 0.01)] * len(signs), dice, cars)
    assert abs(found.trial.rank_correlation or 0) < 0.5
    assert "have a rank correlation of" in str(found.trial)
