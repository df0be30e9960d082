"""Ensemble rules: exact in integers, the same in any order, with the written tie rule."""

from fractions import Fraction
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import learned
from bench.config import Rule, load_suite
from bench.entries import entries_of
from bench.rules import LEARNED, THRESHOLD, WEIGHTED, mean, vote

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


def test_a_hundred_heavy_members_do_not_overflow():
    assert mean(as_maps([255] * 100), [1000] * 100)[0, 0] == 255


def test_members_and_weights_must_agree():
    with pytest.raises(ValueError, match="2 maps and 3 weights"):
        mean(as_maps([1, 2]), [1, 1, 1])


def test_a_suite_may_name_every_rule_and_no_other():
    assert set(get_args(Rule)) == {*WEIGHTED, *LEARNED}
    assert tuple(learned.RULES) == LEARNED


def test_entries_are_singles_then_ensembles():
    suite = load_suite("xu2018")
    entries = entries_of(suite, {})
    assert [entry.kind for entry in entries] == ["single"] * 5 + ["ensemble"] * 8
    assert entries[-1].members == suite.recipes
