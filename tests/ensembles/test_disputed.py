"""Disputed pixels: a few of them give the Dice of all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bench.ensembles import disputed
from bench.ensembles.arithmetic import mean
from tests.planted import POOL, collected, dice_of


@given(
    st.lists(
        st.tuples(st.tuples(*[arrays(np.uint8, (2, 3))] * 3), arrays(bool, (2, 3))),
        min_size=1,
        max_size=4,
    ),
    st.tuples(*[st.integers(0, 9)] * 3),
)
def test_dice_from_disputed_pixels_is_exact(pool, weights):
    pixels = collected(pool, 128, 128, 100)
    found = disputed.mean_dice(pixels, weights, (0, 1, 2), (1, 2, 3))
    for change in range(3):
        changed = np.array(weights) + (change + 1) * np.eye(3, dtype=int)[change]
        each = [dice_of(mean(maps, changed.tolist()), truth) for maps, truth in pool]
        assert found[change] == pytest.approx(np.mean(each))


def test_dice_from_some_of_the_disputed_pixels_is_close():
    exact, estimate = (
        disputed.mean_dice(collected(POOL, 128, 128, limit), [1] * 4, [0], [0])[0]
        for limit in (10**6, 100)
    )
    assert estimate == pytest.approx(exact, abs=0.01)
