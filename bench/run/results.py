"""What a run's held-out maps are worth: fits, scores, the analysis, the leaderboard, pictures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from bench import report
from bench.config.layout import Layout
from bench.config.recipe import Recipe
from bench.config.refinement import to_json
from bench.config.suite import Suite
from bench.data.carvana import Carvana, is_real, metadata
from bench.data.folds import Split, read_folds, split
from bench.ensembles import fit
from bench.ensembles.entry import Entry, entries_of, read_fitted
from bench.ensembles.members import Members
from bench.networks import predict
from bench.networks.build import shapes
from bench.report import facts
from bench.run.fresh import newer
from bench.scores import (
    analysis as explain,
)
from bench.scores import (
    leaderboard,
    score,
)
from bench.scores import (
    refinement_trials as effect,
)
from bench.scores import (
    reported as context,
)
from bench.scores import (
    worst_images as gallery,
)
from bench.scores.pairs import read_scores
from bench.system.device import Machine
from bench.system.errors import BadConfig, Missing
from bench.system.files import write_json
from bench.system.progress import say
from models.summary import gflops


@dataclass(frozen=True)
class Results:
    """The stages of a run from maps to tables, each skipped where its result is there already."""

    suite: Suite
    recipes: Mapping[str, Recipe]
    data: Carvana
    layout: Layout
    machine: Machine
    repeat: Sequence[str] = ()  # the commands that make this run, for its report

    @cached_property
    def entries(self) -> list[Entry]:
        """Single models and ensembles; those that learn, without what they have learned."""
        refine = {name: recipe.refine or () for name, recipe in self.recipes.items()}
        return entries_of(self.suite, refine)

    @property
    def fitted(self) -> list[Entry]:
        """The entries ready for maps; fits first those that learn."""
        self.fit()
        return [
            read_fitted(entry, self.layout.parameters(entry.name)) if entry.learns else entry
            for entry in self.entries
        ]

    @property
    def heldout(self) -> dict[str, int]:
        """Every image that is scored, and its fold."""
        return {image: fold for fold, each in self.splits.items() for image in each.heldout}

    @cached_property
    def splits(self) -> dict[int, Split]:
        """Who trains, chooses and is scored, by fold."""
        folds = read_folds(self.layout.folds)
        return {fold: split(self.data, self.suite, folds, fold) for fold in self.suite.folds.run}

    def check(self) -> None:
        """Refuse, before any work, ensembles that learn on too few held-out cars.

        Raises:
            BadConfig: there is only one such car.
        """
        if any(entry.learns for entry in self.entries):
            fit.groups(sorted(self.heldout))

    def fit(self) -> None:
        """Fit the ensembles that learn, unless what they learned is newer than all maps."""
        stores = self.stores("heldout")
        files = {
            entry.name: self.layout.parameters(entry.name) for entry in self.entries if entry.learns
        }
        stale = [
            entry for entry in self.entries if entry.name in files
            and not newer(files[entry.name], [*stores.values(), self.layout.suite])
        ]  # fmt: skip
        if stale:
            fit.run(stale, self.members("heldout"), sorted(self.heldout), files)

    def score(self) -> None:
        """Score every entry on the held-out cars and analyse the ensembles, unless it is done."""
        stores = self.stores("heldout")
        sources = [*stores.values(), self.layout.suite, *self.note_refinements()]
        entries, members = self.fitted, self.members("heldout")
        if not newer(self.layout.scores, sources):
            sizes = sorted({recipe.size for recipe in self.recipes.values()})
            files = self.layout.scores, self.layout.ceilings
            score.run(entries, members, sizes, self.heldout, *files)
        if not newer(self.layout.analysis, [*sources, self.layout.scores]):
            explain.run(entries, members, self.layout.scores, self.layout.analysis)

    def rank(self) -> None:
        """Write the leaderboard."""
        self._check_scored()
        leaky = any(each.audit().leaky for each in self.splits.values())
        real = is_real(self.data)
        reported = [*self.suite.reported, *(context.private_leaderboard() if real else [])]
        scores = read_scores(self.layout.scores)
        members = {name: self._member(name) for name in self.recipes}
        found = leaderboard.table(scores, self.entries, members, reported, leaky)
        files = {form: self.layout.leaderboard(form) for form in ("csv", "md", "json", "latex")}
        leaderboard.write(found, context.NOTE if real else "", files)
        makes = {car: make for car, (_, make, _) in metadata(self.data.root).items()}
        for name, part in (("view", scores["view"]), ("make", scores["car"].map(makes))):
            leaderboard.write_by(part.rename(name), scores, self.layout.by(name))

    def report(self) -> None:
        """Write the page that shows it all, and a stale leaderboard; nothing where it is current.

        Raises:
            Missing: the run is not scored yet.
        """
        self._check_scored()
        trainings = [
            self.layout.training(name, fold)
            for name in self.recipes for fold in self.suite.folds.run
        ]  # fmt: skip
        histories = [folder / "history.csv" for folder in trainings]
        sources = [
            self.layout.scores, self.layout.analysis, self.layout.suite, *report.CODE,
            *[folder / "manifest.json" for folder in trainings],
            *[path for path in histories if path.exists()],
        ]  # fmt: skip
        if newer(self.layout.report, sources):
            return
        if not newer(self.layout.leaderboard("csv"), sources):
            self.rank()
        found = facts.read(
            self.layout.folder.name, self.suite, self.recipes, self.data, self.layout, self.repeat
        )
        report.run(found, self.fitted, self.members("heldout"), self.layout.report)
        say(f"{self.layout.report}: the report; open it in a browser")

    def draw_errors(self, name: str, out: Path, worst: int) -> int:
        """Draw the worst held-out images of an entry; how many.

        Raises:
            BadConfig: the suite has no such entry.
        """
        entry = self._entry(name)
        self._check_scored()
        return gallery.run(entry, self.members("heldout"), self.layout.scores, out, worst)

    def try_refinements(self, name: str, out: Path | None) -> pd.DataFrame:
        """What every refinement does to an entry on the held-out images: the table of effect.py.

        Args:
            out: where the table, the figures of every image and pictures go, if anywhere.

        Raises:
            BadConfig: the suite has no such entry.
        """
        return effect.run(self._entry(name), self.members("heldout"), sorted(self.heldout), out)

    def note_refinements(self) -> list[Path]:
        """Write how entries are refined where that has changed; the file, if any entry ever was.

        A recipe may name other steps long after its network was trained: then only this is new.
        """
        steps = {entry.name: to_json(entry.refine) for entry in self.entries if entry.refine}
        path = self.layout.refinement
        if (json.loads(path.read_text()) if path.exists() else {}) != steps:
            write_json(path, steps)
        return [path] if path.exists() else []

    def _entry(self, name: str) -> Entry:
        found = {entry.name: entry for entry in self.fitted}
        if name not in found:
            raise BadConfig(f"the suite has no entry {name!r}, only {', '.join(found)}")
        return found[name]

    def _check_scored(self) -> None:
        if not self.layout.scores.exists():
            raise Missing(f"{self.layout.scores}: no scores yet; run the stage `score` first")

    def stores(self, which: str) -> dict[str, Path]:
        """The map store of every recipe for the split "heldout" or "test"."""
        return {name: self.layout.maps(name, which) for name in self.recipes}

    def members(self, which: str) -> Members:
        """The maps of every recipe for the split "heldout" or "test"."""
        return Members(self.stores(which), self.data, self.machine.jobs)

    def _member(self, name: str) -> leaderboard.Member:
        manifests = [
            json.loads((self.layout.training(name, fold) / "manifest.json").read_text())
            for fold in self.suite.folds.run
        ]
        recipe = self.recipes[name]
        size = score.name_of(recipe.size)
        weights = self.layout.training(name, self.suite.folds.run[0]) / "weights.safetensors"
        return leaderboard.Member(
            size=size,
            ceiling=json.loads(self.layout.ceilings.read_text())[size],
            params_m=manifests[0]["parameters"] / 1e6,
            gflops=gflops(shapes(name, recipe), recipe.size),
            disk_mb=weights.stat().st_size / 1e6,
            train_s=sum(each["seconds"] for each in manifests),
            predict_ms=predict.ms_per_image(self.layout.maps(name, "heldout")),
            reported_dice=recipe.reported_dice,
            reported_one_minus_jaccard=recipe.reported.get("one_minus_jaccard"),
        )
