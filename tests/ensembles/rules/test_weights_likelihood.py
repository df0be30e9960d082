"""Weights by likelihood are the most likely ones."""

import numpy as np
import pytest
from scipy.optimize import minimize

from bench.ensembles.evidence import SURE
from bench.ensembles.rules.weights_likelihood import TOTAL
from tests.planted import collected, fit, samples


def test_weights_by_likelihood_are_the_most_likely_ones():
    pool = samples(6, bad=True)
    pixels = collected(pool, SURE, 256 - SURE, 1024)
    p = np.clip(pixels.values, 0.5, 254.5) / 255
    right = np.where(pixels.truth[:, None], p, 1 - p)

    def loss(weights):
        return -np.average(np.log(right @ weights), weights=pixels.weights)

    best = minimize(
        loss,
        np.full(5, 0.2),
        method="SLSQP",
        bounds=[(0, 1)] * 5,
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1},
    )
    weights = fit("weights_likelihood", pool)["weights"]
    assert sum(weights) == TOTAL
    assert loss(np.array(weights) / TOTAL) == pytest.approx(best.fun, abs=2e-4)
