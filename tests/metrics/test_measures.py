"""The measures of one predicted mask."""

import math

import numpy as np
import pytest

from bench.metrics.measures import measures


def test_measures_by_hand():
    truth = np.zeros((30, 47), bool)
    truth[10:20, 10:30] = True
    predicted = np.roll(truth, 2, axis=1)  # two pixels to the right: 20 pixels too many and too few
    figures = measures(predicted, truth)
    assert (figures["tp"], figures["fp"], figures["fn"]) == (180, 20, 20)
    assert figures["dice"] == pytest.approx(360 / 400)
    assert figures["jaccard"] == pytest.approx(180 / 220)
    assert figures["hausdorff95_px"] == 2
    assert 0 < figures["surface_px"] < 2


def test_a_missed_car_has_no_distance():
    truth = np.zeros((8, 12), bool)
    truth[2:5, 3:9] = True
    figures = measures(np.zeros_like(truth), truth)
    assert (figures["dice"], figures["fn"]) == (0, 18)
    assert math.isnan(figures["hausdorff95_px"])
    assert math.isnan(figures["surface_px"])
