"""Stacking: a logistic regression on the members' logits.

Source: Wolpert 1992, https://doi.org/10.1016/S0893-6080(05)80023-1
"""

from collections.abc import Sequence

import cv2
import numpy as np

from bench.ensembles.arithmetic import logits
from bench.ensembles.disputed import DisputedPixels
from bench.ensembles.evidence import Evidence
from bench.ensembles.rules.rule import Parameters, Rule
from bench.masks.types import Floats, Map

LOGIT_BITS = 12  # a logit of 1 is 4096 in the integer sums
LEVEL_BITS = 8  # and 256 levels of the table, which ends at logits of -8 and 8
LEVELS = 16 * 2**LEVEL_BITS
MAX_SCORE = 2**18  # a logit that still fits into the integer sums
RIDGE = 1.0  # pixels' worth of pull towards the mean logit: bounds what perfect members get
FLAT = 1e-4  # length of the gradient at the end: coefficients are right to four decimals


class Stacking(Rule):
    """The sigmoid of an intercept and the members' logits, each times its coefficient."""

    learns = True

    def fit(self, evidence: Evidence) -> Parameters:
        """Find the intercept and coefficients that make the unsure pixels' truth most likely."""
        pixels = evidence.unsure
        inputs = np.column_stack([np.ones(len(pixels.truth)), logits()[pixels.values]])
        coefficients = _logistic_regression(inputs, pixels)
        intercept, *slopes = (round(float(c), 4) for c in coefficients)
        return {"intercept": intercept, "coefficients": slopes}

    def combine(self, maps: Sequence[Map], parameters: Parameters) -> Map:
        """Return the sigmoid, computed in whole numbers: 4096 is a logit of 1."""
        coefficients = parameters["coefficients"]
        if len(maps) != len(coefficients):
            raise ValueError(f"{len(maps)} maps and {len(coefficients)} coefficients")
        most = abs(parameters["intercept"]) + sum(abs(c) for c in coefficients) * logits()[-1]
        if not most < MAX_SCORE:  # nor is NaN
            raise ValueError(f"logits of up to {most}, which do not lie below {MAX_SCORE}")
        unit = 2**LOGIT_BITS
        score = np.full(maps[0].shape, round(parameters["intercept"] * unit), dtype=np.int32)
        for map, coefficient in zip(maps, coefficients, strict=True):
            table = np.round(coefficient * unit * logits()).astype(np.int32)
            score += np.asarray(cv2.LUT(map, table), np.int32)  # a quarter of table[map]'s time
        level = (score >> (LOGIT_BITS - LEVEL_BITS)) + LEVELS // 2  # 0 opens the upper half
        middles = (np.arange(LEVELS) - LEVELS // 2 + 0.5) / 2**LEVEL_BITS
        sigmoid = np.round(255 / (1 + np.exp(-middles))).astype(np.uint8)
        merged: Map = np.take(sigmoid, np.clip(level, 0, LEVELS - 1, out=level))
        return merged


def _logistic_regression(inputs: Floats, pixels: DisputedPixels) -> Floats:
    """Find the coefficients (columns,) of least loss; pixels weigh 1 on average.

    The first column is the intercept, which the ridge leaves (almost) alone.
    """
    from scipy.optimize import minimize  # takes as long to load as all else that lists the rules
    from scipy.special import expit

    shares = pixels.weights / max(pixels.weights.sum(), 1) * len(pixels.truth)
    signs = np.where(pixels.truth, -1.0, 1.0)
    members = inputs.shape[1] - 1
    ridge = np.array([1e-6] + [RIDGE] * members)
    mean_logit = np.array([0.0] + [1 / members] * members)

    def loss(c: Floats) -> float:
        pull = ridge @ (c - mean_logit) ** 2 / 2
        return float(shares @ np.logaddexp(0, signs * (inputs @ c)) + pull)

    def gradient(c: Floats) -> Floats:
        return inputs.T @ (shares * (expit(inputs @ c) - pixels.truth)) + ridge * (c - mean_logit)

    def curvature(c: Floats) -> Floats:
        car = expit(inputs @ c)
        return inputs.T @ (inputs * (shares * car * (1 - car))[:, None]) + np.diag(ridge)

    options = {"gtol": FLAT}
    best = minimize(
        loss, mean_logit, jac=gradient, hess=curvature, method="trust-exact", options=options
    )
    return np.asarray(best.x)
