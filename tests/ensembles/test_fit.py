"""Learned rules find planted answers, agree with brute force, and never keep the maps they read."""

import json

import numpy as np
import pytest

from tests.planted import LEARNED, OTHERS, POOL, SIZE, WITH_BAD, fit, samples, score
from tests.tiny import combine


@pytest.mark.parametrize("rule", LEARNED)
def test_parameters_are_json_and_the_same_for_the_same_seed(rule):
    fitted = fit(rule, POOL)
    assert fit(rule, POOL) == fitted
    assert json.loads(json.dumps(fitted)) == fitted
    merged = combine(fitted, OTHERS[0][0])
    assert merged.dtype == np.uint8
    assert merged.shape == SIZE


@pytest.mark.parametrize("rule", LEARNED)
def test_sure_and_unanimous_members_are_believed(rule):
    fitted = fit(rule, POOL)
    for value in (0, 255):
        unanimous = [np.full((4, 6), value, dtype=np.uint8)] * 4
        assert ((combine(fitted, unanimous) >= 128) == (value == 255)).all()


@pytest.mark.parametrize("rule", LEARNED)
def test_members_that_never_differ_leave_nothing_to_learn(rule):
    truth = POOL[0][1]
    same = [truth * np.uint8(255)] * 3
    fitted = fit(rule, [(same, truth)])
    assert (combine(fitted, same) >= 128).tolist() == truth.tolist()


@pytest.mark.parametrize("rule", ["greedy", "weights_dice", "weights_likelihood"])
def test_a_planted_bad_member_is_dropped(rule):
    weights = fit(rule, WITH_BAD)["weights"]
    assert weights[2] <= 0.05 * sum(weights)
    assert max(weights) < sum(weights)


@pytest.mark.parametrize("rule", ["greedy", "weights_dice", "stacking"])
def test_learning_pays_on_images_that_took_no_part(rule):
    plain = {"rule": "threshold", "threshold": 128}
    fitted = fit(rule, WITH_BAD)
    others = samples(12, seed=1, bad=True)
    assert score(fitted, others) > score(plain, others) + 0.001


def test_wrong_maps_are_refused():
    maps, truth = POOL[0]
    with pytest.raises(ValueError, match="dimension"):
        fit("greedy", [(maps, truth), (maps[:3], truth)])
    with pytest.raises(TypeError, match="uint8"):
        fit("greedy", [([map / 255 for map in maps], truth)])
    with pytest.raises(ValueError, match="shapes"):
        fit("stacking", [(maps, truth[1:])])
    for parameters in (
        {"rule": "greedy", "weights": [1, 2]},
        {"rule": "stacking", "intercept": 0, "coefficients": [1, 2]},
    ):
        with pytest.raises(ValueError, match="4 maps and 2"):
            combine(parameters, maps)
