"""The lines of a leaderboard that have maps: single models, and ensembles of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.config.refinement import Steps
from bench.config.suite import Suite, short_name
from bench.data.carvana import car_of
from bench.ensembles.rules import LEARNED, Parameters, combine, combine_runs
from bench.masks.rle import map_runs
from bench.masks.types import Map, Runs
from bench.refinement.refine import refined
from bench.system.errors import Missing


@dataclass(frozen=True)
class Entry:
    """A single model, or a rule over the maps of several."""

    name: str
    rule: str | None  # None: a single model
    members: tuple[str, ...]
    parameters: Parameters = field(default_factory=dict)  # of the rule
    by_car: Mapping[str, Parameters] = field(default_factory=dict)  # where a car has its own
    refine: Steps = ()  # what is done to its map in the end; members' maps are combined as they are

    @property
    def kind(self) -> str:
        """What the leaderboard calls it."""
        return "ensemble" if self.rule else "single"

    @property
    def learns(self) -> bool:
        """Whether its parameters are fitted on held-out maps, see fit.py."""
        return self.rule in LEARNED

    def map(self, maps: Mapping[str, Map], image: str) -> Map:
        """This entry's map of an image, given the maps of (at least) its members by name."""
        mine = [maps[member] for member in self.members]
        map = combine(self._parameters(image), mine) if self.rule else mine[0]
        return refined(map, self.refine)

    def runs(self, maps: Mapping[str, Map], image: str) -> Runs:
        """Runs of this entry's mask of an image: those of `map` from 128 on."""
        if self.refine or not self.rule:
            return map_runs(self.map(maps, image))
        return combine_runs(self._parameters(image), [maps[member] for member in self.members])

    def _parameters(self, image: str) -> Parameters:
        return self.by_car.get(car_of(image), self.parameters)


def entries_of(suite: Suite, refine: Mapping[str, Steps]) -> list[Entry]:
    """Single models in the suite's order, then its ensembles; those that learn, not yet fitted.

    Args:
        refine: what is done to the maps of single models, where anything is.
    """
    names = map(short_name, suite.recipes)
    singles = [Entry(name, None, (name,), refine=refine.get(name, ())) for name in names]
    return singles + [_ensemble(name, suite) for name in suite.ensembles]


def fitted(entry: Entry, path: Path) -> Entry:
    """The entry with the parameters of a file that fit.py wrote.

    Raises:
        Missing: there is no such file yet.
    """
    if not path.exists():
        raise Missing(f"{path}: {entry.name} is not fitted yet; run the stage `score` first")
    found = json.loads(path.read_text(encoding="utf-8"))
    by_car = {car: group["parameters"] for group in found["groups"] for car in group["cars"]}
    return replace(entry, parameters=found["parameters"], by_car=by_car)


def _ensemble(name: str, suite: Suite) -> Entry:
    given, members = suite.ensembles[name], suite.members(name)
    weights = given.weights or (1,) * len(members)
    parameters = {} if given.rule in LEARNED else {"rule": given.rule, "weights": list(weights)}
    return Entry(name, given.rule, members, parameters, refine=given.refine)
