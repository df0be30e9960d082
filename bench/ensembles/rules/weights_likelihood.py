"""The weighted mean whose weights make the truth of held-out pixels most likely."""

import numpy as np

from bench.ensembles.arithmetic import probabilities
from bench.ensembles.evidence import Evidence
from bench.ensembles.rules.mean import WeightedMean
from bench.ensembles.rules.rule import Parameters
from bench.masks.types import Floats

TOTAL = 1000  # weights are thousandths
TOLERANCE = 1e-4  # nats a pixel below the best likelihood
MAX_ROUNDS = 500


class WeightsByLikelihood(WeightedMean):
    """Weights under which the mean probability makes the truth most likely."""

    learns = True

    def fit(self, evidence: Evidence) -> Parameters:
        """Find mixture weights by expectation-maximisation: each round raises the likelihood.

        At given weights, let r be the largest of the members' mean ratios of their likelihood to
        the mixture's. No other weights gain more than r - 1 nats a pixel: a small r - 1 ends the
        search.
        """
        pixels = evidence.unsure
        right = probabilities()[np.where(pixels.truth[:, None], pixels.values, 255 - pixels.values)]
        shares = pixels.weights / max(pixels.weights.sum(), 1)
        weights = np.full(right.shape[1], 1 / right.shape[1])
        for _ in range(MAX_ROUNDS):
            ratios = (shares / (right @ weights)) @ right
            if ratios.max() < 1 + TOLERANCE:
                break
            weights *= ratios
        return {"weights": _thousandths(weights)}


def _thousandths(weights: Floats) -> list[int]:
    """Whole numbers that add up to 1000, each within 1 of its share: largest remainders win."""
    exact = TOTAL * weights / weights.sum()
    whole = np.floor(exact).astype(int)
    left = TOTAL - whole.sum()
    whole[np.argsort(whole - exact, kind="stable")[:left]] += 1
    return [int(weight) for weight in whole]
