"""The weighted mean of the members' probabilities, with weights that the suite gives."""

from collections.abc import Sequence

from bench.ensembles.arithmetic import mean
from bench.ensembles.rules.rule import Parameters, Rule
from bench.masks import rle
from bench.masks.types import Map, Runs


class WeightedMean(Rule):
    """The mean of the maps, each counted as often as its weight in `parameters["weights"]`."""

    weighs = True

    def combine(self, maps: Sequence[Map], parameters: Parameters) -> Map:
        """Return the mean, one half rounded up."""
        return mean(maps, parameters["weights"])

    def runs(self, maps: Sequence[Map], parameters: Parameters) -> Runs:
        """Return the runs of the mean's mask without computing the mean."""
        return rle.mean_runs(maps, parameters["weights"])


class Mean(WeightedMean):
    """A mean whose weights the suite gives; members can be left out."""

    def without(self, parameters: Parameters, member: int) -> Parameters:
        """Return the weights of the others."""
        return without_weight(parameters, member)


def without_weight(parameters: Parameters, member: int) -> Parameters:
    """Return the parameters without the weight of one member."""
    weights = parameters["weights"]
    return {**parameters, "weights": [*weights[:member], *weights[member + 1 :]]}
