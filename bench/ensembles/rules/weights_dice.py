"""The weighted mean whose weights are found by a search for the best mean Dice."""

import numpy as np

from bench.ensembles.disputed import mean_dice
from bench.ensembles.evidence import Evidence
from bench.ensembles.rules.mean import WeightedMean
from bench.ensembles.rules.rule import Parameters

EQUAL = 64  # weight of each member at the start of the search
STEPS = (32, 16, 8, 4)  # changes of a weight: the last is about 1 % of the total of five members


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
