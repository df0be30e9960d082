"""What is said of one predicted mask."""

import math

import numpy as np
import pytest

from bench.metrics.measures import measures


def test_measures_by_hand():
    truth = np.zeros((30, 47), bool)
    truth[10:20, 10:30] = True
    predicted = np.roll(truth, 2, axis=1)  # two pixels to the right: 20 pixels too many and too few
    found = measures(predicted, truth)
    assert (found["tp"], found["fp"], found["fn"]) == (180, 20, 20)
    assert found["dice"] == pytest.approx(360 / 400)
    assert found["jaccard"] == pytest.approx(180 / 220)
    assert found["hausdorff95_px"] == 2
    assert 0 < found["surface_px"] < 2


def test_a_missed_car_has_no_distance():
    truth = np.zeros((8, 12), bool)
    truth[2:5, 3:9] = True
    found = measures(np.zeros_like(truth), truth)
    assert (found["dice"], found["fn"]) == (0, 18)
    assert math.isnan(found["hausdorff95_px"])
    assert math.isnan(found["surface_px"])
