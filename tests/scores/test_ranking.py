"""Ranks and fronts: who is beaten by nobody, and means without the distances that do not exist."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.scores.ranking import pareto_front, quality


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=8))
def test_nobody_on_the_front_is_beaten(points):
    front = pareto_front(*zip(*points, strict=True))
    for (cost, score), on_front in zip(points, front, strict=True):
        beaten = any(c <= cost and s >= score and (c, s) != (cost, score) for c, s in points)
        assert on_front == (not beaten)


def test_an_unknown_cost_is_not_on_the_front():
    assert pareto_front([np.nan, 2], [0.9, 0.8]).tolist() == [False, True]


def test_distances_that_do_not_exist_are_left_out_of_means():
    scores = pd.DataFrame(
        {
            "dice": [1.0, 0.0, 0.5],
            "jaccard": [1.0, 0.0, 1 / 3],
            "fold": 0,
            "fp": 3,
            "fn": 0,
            "boundary_iou": [1.0, 0.0, 0.2],
            "hausdorff95_px": [0.0, np.nan, 3.0],
            "surface_px": [0.0, np.nan, 1.0],
        }
    )
    found = quality(scores)
    assert (found["hausdorff95_px"], found["surface_px"]) == (1.5, 0.5)
    assert (found["dice"], found["boundary_iou"]) == pytest.approx((0.5, 0.4))
    assert found["dice_worst5"] == 0
