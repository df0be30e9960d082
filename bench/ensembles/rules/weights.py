"""Weighted means whose weights are found on held-out maps: by Dice, or by likelihood."""

import numpy as np

from bench.ensembles.arithmetic import probabilities
from bench.ensembles.disputed import mean_dice
from bench.ensembles.evidence import Evidence
from bench.ensembles.rules.mean import WeightedMean
from bench.ensembles.rules.rule import Parameters
from bench.masks.types import Floats

EQUAL = 64  # weight of each member at the start of the search by Dice
STEPS = (32, 16, 8, 4)  # and its changes: the last is about 1 % of the total of five members
TOTAL = 1000  # likelihood weights are thousandths
TOLERANCE = 1e-4  # nats a pixel below the best likelihood
MAX_ROUNDS = 500


class WeightsByDice(WeightedMean):
    """Weights found by changing one at a time, in ever smaller steps, while mean Dice grows."""

    learns = True

    def fit(self, evidence: Evidence) -> Parameters:
        """Search from equal weights or the best single member, whichever is better."""
        pixels = evidence.disputed
        count = pixels.values.shape[1]
        starts = [[EQUAL] * count, *(np.eye(count, dtype=int) * EQUAL).tolist()]
        scores = [mean_dice(pixels, weights, [0], [0])[0] for weights in starts]
        weights, best = starts[int(np.argmax(scores))], max(scores)
        for step in STEPS:
            while True:
                moves = [(m, change) for m in range(count) for change in (-step, step)]
                moves = [(m, c) for m, c in moves if weights[m] + c >= 0 and sum(weights) + c > 0]
                dice = mean_dice(pixels, weights, *zip(*moves, strict=True))
                if dice.max() <= best:
                    break
                member, change = moves[int(dice.argmax())]
                weights = [w + change * (m == member) for m, w in enumerate(weights)]
                best = dice.max()
        return {"weights": [int(w) for w in np.array(weights) // np.gcd.reduce(weights)]}


class WeightsByLikelihood(WeightedMean):
    """Weights under which the mean probability makes the truth most likely."""

    learns = True

    def fit(self, evidence: Evidence) -> Parameters:
        """Expectation-maximisation of mixture weights: the likelihood grows with every round.

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
