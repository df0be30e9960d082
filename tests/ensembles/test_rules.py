"""Ensemble rules: exact in integers, the same in any order, with the written tie rule."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.ensembles.arithmetic import mean
from bench.ensembles.rules import RULES
from bench.ensembles.rules.vote import vote
from bench.masks import rle
from bench.masks.types import THRESHOLD
from tests.tiny import combine

PIXELS = st.lists(st.integers(0, 255), min_size=1, max_size=7)


def as_maps(values):
    return [np.full((1, 2), value, np.uint8) for value in values]


@given(values=PIXELS, data=st.data())
def test_mean_is_the_exact_mean_with_one_half_up(values, data):
    weights = data.draw(st.lists(st.integers(1, 9), min_size=len(values), max_size=len(values)))
    exact = Fraction(sum(v * w for v, w in zip(values, weights, strict=True)), sum(weights))
    found = mean(as_maps(values), weights)
    assert found.dtype == np.uint8
    assert found[0, 1] == (exact + Fraction(1, 2)) // 1
    assert (found[0, 0] >= THRESHOLD) == (exact >= Fraction(255, 2))


@given(values=PIXELS, data=st.data())
def test_vote_is_a_strict_majority_and_a_tie_goes_to_the_mean(values, data):
    weights = data.draw(st.lists(st.integers(1, 9), min_size=len(values), max_size=len(values)))
    lead = sum(w if v >= THRESHOLD else -w for v, w in zip(values, weights, strict=True))
    exact = Fraction(sum(v * w for v, w in zip(values, weights, strict=True)), sum(weights))
    wanted = lead > 0 if lead else exact >= Fraction(255, 2)
    assert vote(as_maps(values), weights)[0, 0] == (255 if wanted else 0)


@given(values=PIXELS, seed=st.integers(0, 99))
def test_order_and_copies_of_members_do_not_matter(values, seed):
    shuffled = list(np.random.default_rng(seed).permutation(values))
    for rule in (mean, vote):
        once = rule(as_maps(values), [1] * len(values))
        assert (once == rule(as_maps(shuffled), [1] * len(values))).all()
        assert (once == rule(as_maps(values * 2), [1] * 2 * len(values))).all()
        assert (once == rule(as_maps(values), [7] * len(values))).all()


SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 70))  # across the kernel's 64-pixel blocks


def runs_of(parameters, maps):
    return RULES[parameters["rule"]].runs(maps, parameters)


def check_runs(parameters, maps):
    expected = rle.map_runs(combine(parameters, maps))
    np.testing.assert_array_equal(runs_of(parameters, maps), expected)


@given(shape=SHAPES, seed=st.integers(0, 2**32), data=st.data())
def test_runs_of_a_rule_are_those_of_its_map(shape, seed, data):
    random = np.random.default_rng(seed)
    heaviest = data.draw(st.sampled_from([1, 3, 1000]))
    members = data.draw(st.integers(1, 6))
    weights = random.integers(1, heaviest, members, endpoint=True).tolist()
    maps = random.integers(0, 256, (members, *shape), np.uint8)
    if data.draw(st.booleans()):  # near the threshold, where ties are
        maps = random.choice(np.array([0, 127, 128, 255], np.uint8), maps.shape)
    for rule in ("vote", "mean", "greedy"):
        check_runs({"rule": rule, "weights": weights}, list(maps))
    check_runs({"rule": "threshold", "threshold": int(random.integers(1, 256))}, list(maps))


def test_runs_of_every_rule_on_maps_of_a_photograph_s_size():
    random = np.random.default_rng(0)
    flat = np.zeros((1280, 1918), np.uint8)
    flat[400:900, 300:1500] = 255
    noise = random.integers(0, 256, flat.shape, np.uint8)
    maps = [flat, noise, flat[::-1], np.full_like(flat, 255), np.zeros_like(flat)]
    for rule, more in (
        ("vote", {"weights": [1] * 5}),
        ("vote", {"weights": [1, 2, 1, 1, 1]}),
        ("mean", {"weights": [200] * 5}),
        ("weights_dice", {"weights": [0, 3, 1, 0, 2]}),
        ("threshold", {"threshold": 90}),
        ("staple", {}),
        ("stacking", {"intercept": -1.0, "coefficients": [0.5, 0.2, 0.1, 0.3, -0.1]}),
    ):
        check_runs({"rule": rule, **more}, maps)


def test_runs_of_rules_refuse_what_rules_refuse():
    with pytest.raises(ValueError, match="2 maps and the weights"):
        runs_of({"rule": "mean", "weights": [1, 1, 1]}, as_maps([1, 2]))
    with pytest.raises(ValueError, match="one shape"):
        runs_of(
            {"rule": "mean", "weights": [1, 1]},
            [np.zeros((1, 2), np.uint8)] * 1 + [np.zeros((2, 2), np.uint8)],
        )


def test_a_hundred_heavy_members_do_not_overflow():
    assert mean(as_maps([255] * 100), [1000] * 100)[0, 0] == 255


def test_members_and_weights_must_agree():
    with pytest.raises(ValueError, match="2 maps and 3 weights"):
        mean(as_maps([1, 2]), [1, 1, 1])


def test_a_suite_gives_weights_to_rules_that_do_not_find_their_own():
    assert [name for name, rule in RULES.items() if rule.takes_weights] == ["mean", "vote"]


@pytest.mark.parametrize("rule", [name for name, rule in RULES.items() if rule.weighs])
def test_a_member_without_weight_changes_nothing(rule):
    maps = list(np.random.default_rng(0).integers(0, 256, (3, 5, 7), np.uint8))
    kept = combine({"rule": rule, "weights": [2, 3]}, [maps[0], maps[2]])
    assert (combine({"rule": rule, "weights": [2, 0, 3]}, maps) == kept).all()
