"""Ranks and fronts: who is beaten by nobody, and means without the distances that do not exist."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.scores.ranking import pareto_front, quality, ranks, with_empty_masks


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=8))
def test_nobody_on_the_front_is_beaten(points):
    front = pareto_front(*zip(*points, strict=True))
    for (cost, score), on_front in zip(points, front, strict=True):
        beaten = any(c <= cost and s >= score and (c, s) != (cost, score) for c, s in points)
        assert on_front == (not beaten)


def test_an_unknown_cost_is_not_on_the_front():
    assert pareto_front([np.nan, 2], [0.9, 0.8]).tolist() == [False, True]


def test_of_equal_entries_the_first_of_the_table_has_no_p_to_itself():
    images = [f"{car:012x}_{view:02d}" for car in range(10) for view in (1, 2)]
    own = np.random.default_rng(0).uniform(0.9, 1, 20)
    scores = pd.concat(
        pd.DataFrame({"entry": entry, "image": images, "dice": dice, "jaccard": dice})
        for entry, dice in (("unet", own), ("worse", own - 0.1), ("greedy", own))
    )
    found = ranks(scores)
    assert found["p_best"].isna().to_dict() == {"unet": False, "worse": False, "greedy": True}
    assert found["p_best"]["unet"] == 1


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


def test_an_entry_found_nothing_if_no_mask_of_it_has_a_pixel():
    """Dice alone would not tell: of photographs that show nothing, empty masks have 1."""
    found = {"right": (5, 0), "wrong": (0, 5), "nothing": (0, 0)}
    scores = pd.DataFrame(
        {"entry": entry, "dice": 1.0, "tp": [0, tp], "fp": [0, fp]}
        for entry, (tp, fp) in found.items()
    ).explode(["tp", "fp"])
    assert with_empty_masks(scores) == ["nothing"]
