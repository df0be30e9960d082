"""Members' maps of one image -> one map, in integers: the same in any order, on any machine.

Maps are uint8 round(255 p), (H, W); a map's mask is `map >= 128`. Weights are whole numbers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.config import Suite, short_name

Map = npt.NDArray[np.uint8]
THRESHOLD = 128


def mean(maps: Sequence[Map], weights: Sequence[int]) -> Map:
    """The weighted mean, one half rounded up, so that its mask is `mean p >= 0.5` exactly."""
    total = sum(weights)
    doubled = 2 * _weighted_sum(maps, weights) + np.uint32(total)
    return (doubled // np.uint32(2 * total)).astype(np.uint8)


def vote(maps: Sequence[Map], weights: Sequence[int]) -> Map:
    """255 where more than half of the weight sees the car, 0 where less does.

    A tie, possible only for an even total weight, goes to the weighted mean.

    Source: Xu, Lu and Li 2018, section 3 (five members of weight 1: no ties).
    """
    for_car = _weighted_sum([map >= THRESHOLD for map in maps], weights)
    doubled, total = 2 * for_car, sum(weights)
    won = doubled > total
    if total % 2 == 0:
        won |= (doubled == total) & (mean(maps, weights) >= THRESHOLD)
    return won.astype(np.uint8) * np.uint8(255)


RULES: dict[str, Callable[[Sequence[Map], Sequence[int]], Map]] = {"mean": mean, "vote": vote}


@dataclass(frozen=True)
class Entry:
    """A line of the leaderboard that has maps: a single model, or a rule over several."""

    name: str
    rule: str | None  # None: a single model
    members: tuple[str, ...]
    weights: tuple[int, ...]

    @property
    def kind(self) -> str:
        """What the leaderboard calls it."""
        return "ensemble" if self.rule else "single"

    def map(self, maps: Mapping[str, Map]) -> Map:
        """This entry's map of an image, given the maps of (at least) its members by name."""
        mine = [maps[member] for member in self.members]
        return RULES[self.rule](mine, self.weights) if self.rule else mine[0]


def entries_of(suite: Suite) -> list[Entry]:
    """Single models in the suite's order, then its ensembles."""
    singles = [Entry(name, None, (name,), (1,)) for name in map(short_name, suite.recipes)]
    ensembles = [
        Entry(name, each.rule, suite.members(name), each.weights or (1,) * len(suite.members(name)))
        for name, each in suite.ensembles.items()
    ]
    return singles + ensembles


def _weighted_sum(
    maps: Sequence[npt.NDArray[np.uint8]] | Sequence[npt.NDArray[np.bool_]], weights: Sequence[int]
) -> npt.NDArray[np.uint32]:
    if len(maps) != len(weights) or not maps:
        raise ValueError(f"{len(maps)} maps and {len(weights)} weights")
    total = np.zeros(maps[0].shape, np.uint32)
    for map, weight in zip(maps, weights, strict=True):
        total += np.multiply(map, weight, dtype=np.uint32)
    return total
