"""The base class of all rules: what a rule must do, and what it may do."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from bench.ensembles.evidence import Evidence
from bench.masks.rle import map_runs
from bench.masks.types import Map, Runs

Parameters = dict[str, Any]  # plain JSON: all that a rule knows; "rule" is its name in RULES


class Rule(ABC):
    """A way to turn the members' maps of an image into one map, whose mask is `map >= 128`.

    Maps are uint8 round(255 p), (H, W).
    """

    learns: bool = False  # its parameters are fitted on held-out maps
    weighs: bool = False  # its parameters hold "weights": a whole number for each member
    most_members: float = math.inf  # that it can combine

    @property
    def takes_weights(self) -> bool:
        """Whether a suite may give the weights."""
        return self.weighs and not self.learns

    @abstractmethod
    def combine(self, maps: Sequence[Map], parameters: Parameters) -> Map:
        """Combine the members' maps of an image; return a new array.

        Raises:
            ValueError: the parameters are for another number of maps.
        """

    def runs(self, maps: Sequence[Map], parameters: Parameters) -> Runs:
        """Return the runs of the mask of `combine`; a rule that can skip the map overrides this.

        Raises:
            ValueError: as `combine`, or the maps differ in shape.
        """
        return map_runs(self.combine(maps, parameters))

    def fit(self, evidence: Evidence) -> Parameters:
        """Fit the rule to held-out images; return its parameters as JSON can hold them."""
        return {}

    def without(self, parameters: Parameters, member: int) -> Parameters | None:
        """Return the parameters of the ensemble without the member at this place.

        None, the default, means that the rule would have to be fitted anew, or that a pixel's
        result depends on other pixels: such an ensemble has no leave-one-out scores.
        """
        return None
