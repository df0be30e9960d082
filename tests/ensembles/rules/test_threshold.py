"""The threshold is the best of all, and the map keeps its order."""

import numpy as np
import pytest

from bench.ensembles.arithmetic import mean
from bench.ensembles.rules.threshold import stretch_table
from bench.metrics.overlap import counts, dice
from tests.planted import POOL, fit, score


def test_threshold_is_the_best_of_all():
    # members that are too sure of the car: what is car lies above 180, not above 128
    def too_bright(maps):
        return [np.interp(map, [0, 128, 255], [0, 180, 255]).astype(np.uint8) for map in maps]

    pool = [(too_bright(maps), truth) for maps, truth in POOL]
    found = fit("threshold", pool)["threshold"]
    table = np.mean(
        [
            [dice(counts(mean(maps, [1] * 4) >= t, truth)) for t in range(1, 256)]
            for maps, truth in pool
        ],
        axis=0,
    )
    assert table[found - 1] == pytest.approx(table.max())
    assert score({"rule": "threshold", "threshold": found}, pool) == pytest.approx(table.max())
    assert table.max() > table[127] + 0.001


@pytest.mark.parametrize("threshold", [1, 2, 100, 128, 129, 254, 255])
def test_moving_a_threshold_to_128_keeps_the_order_of_values(threshold):
    moved = stretch_table(threshold).astype(int)
    assert (np.diff(moved) >= 0).all()
    assert ((moved >= 128) == (np.arange(256) >= threshold)).all()
    assert (moved[0], moved[255]) == (0, 255)
    if threshold == 128:
        assert moved.tolist() == list(range(256))
