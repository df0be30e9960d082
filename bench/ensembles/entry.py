"""The lines of a leaderboard that have maps: single models, and ensembles of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from bench.config.layout import Layout
from bench.config.refinement import Steps
from bench.config.suite import Suite
from bench.data.image_ids import car_of
from bench.ensembles.rules import RULES
from bench.ensembles.rules.rule import Parameters
from bench.masks.rle import map_runs, to_mask
from bench.masks.types import THRESHOLD, Map, Mask, Runs
from bench.refinement.refine import refined
from bench.system.errors import BadConfig, BadFile, Missing
from bench.system.files import read_json
from bench.system.text import nearest

FIT = "run the stage `score` again"


@dataclass(frozen=True)
class Entry:
    """A single model, or a rule over the maps of several."""

    name: str
    rule: str | None  # None: a single model
    members: tuple[str, ...]
    parameters: Parameters = field(default_factory=dict)  # of the rule
    by_car: Mapping[str, Parameters] = field(default_factory=dict)  # of cars with their own
    refine: Steps = ()  # steps on the combined map; members' maps are combined unrefined

    @property
    def learns(self) -> bool:
        """Whether the parameters are fitted on held-out maps, see fit.py."""
        return self.rule is not None and RULES[self.rule].learns

    @property
    def is_plain_mean(self) -> bool:
        """Whether others are compared with this ensemble: an unrefined mean of equal weights."""
        equal = len(set(self.parameters.get("weights", ()))) == 1
        return self.rule == "mean" and equal and not self.refine

    def combine(self, maps: Sequence[Map], parameters: Parameters) -> Map:
        """Combine the members' maps of an image, unrefined; a single model has one map already."""
        return RULES[self.rule].combine(maps, parameters) if self.rule else maps[0]

    def map(self, maps: Mapping[str, Map], image: str) -> Map:
        """Return this entry's map of an image, from the maps of (at least) its members by name."""
        return refined(self.unrefined(maps, image), self.refine)

    def unrefined(self, maps: Mapping[str, Map], image: str) -> Map:
        """Return the map of `map` before its refinement."""
        own = [maps[member] for member in self.members]
        return self.combine(own, self._parameters(image))

    def merged(self, maps: Sequence[Map]) -> Map:
        """Return this entry's map of any image from its members' maps, if it learns nothing."""
        return refined(self.combine(maps, self.parameters), self.refine)

    def runs(self, maps: Mapping[str, Map], image: str) -> Runs:
        """Return the runs of this entry's mask of an image: of `map` at 128 and above."""
        if self.refine or not self.rule:
            return map_runs(self.map(maps, image))
        own = [maps[member] for member in self.members]
        return RULES[self.rule].runs(own, self._parameters(image))

    def mask(self, maps: Mapping[str, Map], image: str) -> Mask:
        """Return this entry's mask of an image, bool (H, W): where `map` is 128 or more."""
        if self.refine or not self.rule:
            return self.map(maps, image) >= THRESHOLD
        height, width = maps[self.members[0]].shape
        return to_mask(self.runs(maps, image), (height, width))

    def without_idle_members(self) -> "Entry":
        """Return the entry without the members whose weight is zero: its maps are the same."""
        if not self.rule or not RULES[self.rule].weighs:
            return self
        weights = zip(self.members, self.parameters["weights"], strict=True)
        kept = {member: weight for member, weight in weights if weight}
        parameters = {**self.parameters, "weights": list(kept.values())}
        return replace(self, members=tuple(kept), parameters=parameters)

    def _parameters(self, image: str) -> Parameters:
        return self.by_car.get(car_of(image), self.parameters)


def entries_of(suite: Suite, refine: Mapping[str, Steps]) -> list[Entry]:
    """List single models in the suite's order, then ensembles; those that learn are not fitted yet.

    Args:
        suite: its ensembles have passed `check_ensembles`.
        refine: the refinement steps of single models, by name.
    """
    names = [single.name for single in suite.singles]
    singles = [Entry(name, None, (name,), refine=refine.get(name, ())) for name in names]
    return singles + [_ensemble(name, suite) for name in suite.ensembles]


def read_refinements(layout: Layout) -> dict[str, Steps]:
    """Return the refinement steps of a run's single models, by name, as the run has noted them.

    Raises:
        BadFile: the file is damaged.
    """
    if not layout.refinement.exists():
        return {}
    return read_json(layout.refinement, dict[str, Steps], "run the suite again")


def check_ensembles(suite: Suite, path: Path) -> None:
    """Refuse rules that do not exist, weights for rules that take none, and too many members.

    Args:
        path: the suite's file.

    Raises:
        BadConfig: the message names the file and every field at fault.
    """
    wrong = []
    for name, ensemble in suite.ensembles.items():
        if ensemble.rule not in RULES:
            wrong.append(f"ensembles.{name}.rule: {nearest(ensemble.rule, RULES, 'rule')}")
            continue
        rule, count = RULES[ensemble.rule], len(suite.members(name))
        if ensemble.weights and not rule.takes_weights:
            own = "; it finds its own" if rule.learns else ""
            wrong.append(f"ensembles.{name}: rule {ensemble.rule!r} takes no weights{own}")
        if count > rule.most_members:
            wrong.append(
                f"ensembles.{name}: rule {ensemble.rule!r} takes at most {rule.most_members} "
                f"members, these are {count}; name fewer in `members`"
            )
    if wrong:
        raise BadConfig("\n  ".join([f"{path}:", *wrong]))


class FittedGroup(BaseModel):
    """Cars, and the parameters that were fitted on the other cars."""

    cars: list[str]
    parameters: Parameters


class Fitted(BaseModel):
    """What parameters.json says: the parameters fitted on all cars, and those of each group."""

    parameters: Parameters
    groups: list[FittedGroup]


def entry_of_run(suite: Suite, layout: Layout, name: str, called: str) -> Entry:
    """Return an entry of a finished run, with what it has learned.

    Args:
        called: what messages call the run.

    Raises:
        BadConfig: the run has no such entry, or its ensembles cannot work.
        Missing, BadFile: as `read_fitted`.
    """
    check_ensembles(suite, layout.suite)
    entries = {entry.name: entry for entry in entries_of(suite, read_refinements(layout))}
    if name not in entries:
        raise BadConfig(f"{called}: {nearest(name, entries, 'entry')}")
    entry = entries[name]
    return read_fitted(entry, layout.parameters(name)) if entry.learns else entry


def read_fitted(entry: Entry, path: Path) -> Entry:
    """Return the entry with the parameters of a file that fit.py wrote.

    Raises:
        Missing: there is no such file yet.
        BadFile: it is damaged.
    """
    if not path.exists():
        raise Missing(f"{path}: {entry.name} is not fitted yet; run the stage `score` first")
    noted = read_json(path, Fitted, FIT)
    by_car = {car: group.parameters for group in noted.groups for car in group.cars}
    for parameters in (noted.parameters, *by_car.values()):
        _try_on_a_pixel(entry, parameters, path)
    return replace(entry, parameters=noted.parameters, by_car=by_car)


def _try_on_a_pixel(entry: Entry, parameters: Parameters, path: Path) -> None:
    """Refuse parameters with which the rule cannot combine maps."""
    rule, pixels = RULES[str(entry.rule)], [np.zeros((1, 1), np.uint8)] * len(entry.members)
    try:
        rule.runs(pixels, parameters)  # which refuses more
        rule.combine(pixels, parameters)
    except (ArithmeticError, KeyError, TypeError, ValueError, IndexError) as error:
        what = f"not what rule {entry.rule} learns from {len(entry.members)} members ({error!r})"
        raise BadFile(path, what, f"remove it and {FIT}") from error


def _ensemble(name: str, suite: Suite) -> Entry:
    ensemble, members = suite.ensembles[name], suite.members(name)
    rule = RULES[ensemble.rule]
    parameters: Parameters = {} if rule.learns else {"rule": ensemble.rule}
    if rule.takes_weights:
        parameters["weights"] = [weight for _, weight in suite.weights(name)]
    return Entry(name, ensemble.rule, members, parameters, refine=ensemble.refine)
