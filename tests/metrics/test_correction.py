"""Holm's correction, and the levels that go with it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.metrics.correction import holm, holm_levels


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_rejects_as_the_step_down_rule_does(p_values):
    adjusted = holm(p_values)
    rejected = set()
    for step, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        if p_values[index] * (len(p_values) - step) > 0.05:
            break
        rejected.add(index)
    assert rejected == set(np.flatnonzero(adjusted <= 0.05))


def test_holm_by_hand():
    assert holm([0.04, 0.01, 0.02]).tolist() == pytest.approx([0.04, 0.03, 0.04])
    assert holm([0.9, 0.6]).tolist() == [1, 1]


@given(st.lists(st.sampled_from([1e-5, 0.004, 0.01, 0.02, 0.03, 0.3, 1.0]), min_size=1, max_size=8))
def test_a_p_value_is_below_its_level_where_its_corrected_one_is_below_5_percent(p_values):
    levels = holm_levels(p_values, 0.05)
    assert ((np.array(p_values) < levels) == (holm(p_values) < 0.05)).all()
    assert (levels <= 0.05).all() and (levels >= 0.05 / len(p_values) - 1e-12).all()


def test_what_is_no_p_value_is_refused():
    with pytest.raises(ValueError, match="from 0 to 1"):
        holm([1.1])
    with pytest.raises(ValueError, match="0 has no level"):
        holm_levels([0.5, 0], 0.05)
