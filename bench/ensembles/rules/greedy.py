"""Ensemble selection: members are added one at a time, with replacement.

Source: Caruana et al. 2004, https://doi.org/10.1145/1015330.1015432
"""

from bench.ensembles.disputed import mean_dice
from bench.ensembles.evidence import Evidence
from bench.ensembles.rules.mean import WeightedMean
from bench.ensembles.rules.rule import Parameters

ADDITIONS = 30  # the best prefix of so many is kept


class Greedy(WeightedMean):
    """The mean of the members chosen, each counted as often as it was chosen."""

    learns = True

    def fit(self, evidence: Evidence) -> Parameters:
        """Add, each time, the member whose mean with those chosen before has the best mean Dice.

        The first of the best prefixes is kept.
        """
        pixels = evidence.disputed
        members = range(pixels.values.shape[1])
        chosen = [0] * len(members)
        best, best_dice = chosen, -1.0
        for _ in range(ADDITIONS):
            dice = mean_dice(pixels, chosen, members, [1] * len(members))
            added = int(dice.argmax())
            chosen = [times + (member == added) for member, times in enumerate(chosen)]
            if dice[added] > best_dice:
                best, best_dice = chosen, dice[added]
        return {"weights": best}
