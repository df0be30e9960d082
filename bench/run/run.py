"""A suite's stages in order, each skipped where its result is already in the run's folder."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from bench.config.layout import Layout
from bench.config.library import changed, in_suite, load_recipe, load_suite, suite_path
from bench.config.recipe import Recipe
from bench.config.strict import check_same, to_yaml
from bench.config.suite import Suite, short_name
from bench.data.carvana import Carvana, is_drawn, open_folder
from bench.data.folds import Split, draw_folds, limit_cars, split, write_folds
from bench.demo.folder import draw_folder
from bench.ensembles import combine as ensemble
from bench.ensembles.entry import Entry, check_ensembles
from bench.kaggle import submit
from bench.networks import predict
from bench.networks.build import build, shapes
from bench.networks.predict import Member, Part
from bench.run.fresh import newer
from bench.run.results import Results
from bench.system.device import Machine
from bench.system.environment import environment
from bench.system.errors import BadConfig, Missing
from bench.system.files import sha256, write_json, write_text
from bench.system.progress import log_to, say, showing_run, start_stage
from bench.training import train
from bench.training.cost import estimate
from bench.training.state import work
from bench.training.tensorboard import check_tensorboard
from models.summary import gflops

STEP_FORWARDS = 3  # a training step against a forward pass
SCORE_GFLOPS = 2.0  # the time in which a mask is scored, in a network's work: a rough guess


def open_run(
    suite_name: str,
    data: Path | None,
    home_data: Path,
    runs: Path,
    submissions: Path,
    machine: Machine,
    seed: int | None = None,
    limit: int | None = None,
    tensorboard: bool = False,
) -> "Run":
    """The run of a suite, new or begun.

    Args:
        data: folder of photographs; without it a suite that has a `demo` draws its own below
            `home_data`, and any other takes the photographs in `home_data`.
        seed: another seed for folds and trainings than the suite's.
        limit: use only so many of the cars.
        tensorboard: write each epoch's figures for TensorBoard, too.

    Raises:
        BadConfig, BadData, Missing: as the suite, its recipes or the data deserve.
    """
    if tensorboard:
        check_tensorboard()
    chosen = changed(load_suite(suite_name), seed, limit)
    check_ensembles(chosen, suite_path(suite_name))
    if data is None and chosen.demo:
        data = home_data / "demo"
        draw_folder(data, chosen.demo.cars, chosen.demo.test_cars, chosen.demo.seed, machine.jobs)
    opened = limit_cars(open_folder(data or home_data), chosen.limit)
    name = short_name(suite_name)
    layout, cache = Layout(runs / name), runs / "cache"
    return Run(name, chosen, Path(suite_name), opened, layout, submissions, cache, machine,
               tensorboard)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One execution of a suite on a data set: every stage is a method, alone or in `all`."""

    name: str
    suite: Suite
    suite_file: Path  # recipes that it names by path lie relative to it
    data: Carvana
    layout: Layout
    submissions: Path
    cache: Path
    machine: Machine
    tensorboard: bool = False

    def all(self) -> None:
        """Every stage, from the folds to the leaderboard, the submission files and the report."""
        with log_to(self.layout.log):
            self.begin()
            stages = self._stages()
            with showing_run(self.layout.folder, [size for _, size, _ in stages]):
                for name, _, run in stages:
                    start_stage(name)
                    run()

    def _stages(self) -> list[tuple[str, float, Callable[[], None]]]:
        """What `all` does after `begin`: its name, about how much work it is, and the doing."""
        heldout, entries = len(self.results.heldout), len(self.results.entries)
        trainings = [(name, fold) for name in self.recipes for fold in self.splits]
        predicted = heldout + len(self.splits) * len(self.data.test)
        cost = {
            name: gflops(shapes(name, recipe), recipe.size) for name, recipe in self.recipes.items()
        }
        return [
            *[(f"train {name}, fold {fold}", self._training_work(name, fold, cost[name]),
               partial(self._train, name, fold)) for name, fold in trainings],
            ("predict", sum(cost.values()) * predicted, self.predict),
            ("score", SCORE_GFLOPS * heldout * entries, self.results.score),
            ("leaderboard", 0.0, self.results.rank),
            ("submissions", SCORE_GFLOPS * len(self.data.test) * entries, self.submit),
            ("report", 0.0, self.results.report),
        ]  # fmt: skip

    def _training_work(self, name: str, fold: int, forward: float) -> float:
        """About how many GFLOPs a training is, of a network that takes so many forward."""
        if self._trained(name, fold):
            return 0.0
        images = work(self.recipes[name]) * len(self.splits[fold].train)
        return STEP_FORWARDS * forward * images

    @cached_property
    def recipes(self) -> dict[str, Recipe]:
        """The suite's recipes as it runs them, by name."""
        return {
            short_name(name): in_suite(load_recipe(name, beside=self.suite_file), self.suite)
            for name in self.suite.recipes
        }

    @cached_property
    def results(self) -> Results:
        """The stages that work on held-out maps."""
        return Results(self.suite, self.recipes, self.data, self.layout, self.machine, self.repeat)

    @property
    def repeat(self) -> list[str]:
        """The commands that make this run again, from a checkout."""
        words = ["./run_all.sh", str(self.suite_file)]
        if not (self.suite.demo and is_drawn(self.data)):
            words += ["--data", str(self.data.root)]
        if self.suite.limit:
            words += ["--limit", str(self.suite.limit)]
        if self.suite.override.seed is not None:
            words += ["--seed", str(self.suite.override.seed)]
        return [shlex.join(words)]

    @property
    def splits(self) -> dict[int, Split]:
        """Who trains, chooses and is scored, by fold."""
        return self.results.splits

    def begin(self) -> None:
        """Check the suite before the first second of work; freeze it, its folds and the audit.

        Raises:
            BadConfig: the folder holds a run of another suite, a network cannot be built, or
                ensembles that learn have too few held-out cars.
            Missing: pretrained weights or training photographs are not there.
            BadData: a training photograph has no mask.
        """
        if not self.data.train:
            raise Missing(f"{self.data.root}: no training photographs; see data/README.md")
        if self.layout.suite.exists():
            check_same(self.layout.suite, self.suite)
        for name, recipe in self.recipes.items():
            if not all(self._trained(name, fold) for fold in self.suite.folds.run):
                build(name, recipe)
        if not self.layout.suite.exists():
            write_json(self.layout.environment, environment())
            write_text(self.layout.suite, to_yaml(self.suite))
        self.folds()
        self.results.check()

    def folds(self) -> None:
        """Draw folds.csv once, and print and store the leak audit of every fold that runs.

        Raises:
            BadConfig: the folds were drawn for other photographs than these.
        """
        photographs = "".join(f"{image}\n" for image in sorted(self.data.train))
        if not self.layout.photographs.exists():
            folds = draw_folds(self.data, self.suite, self.machine.jobs)
            write_folds(self.layout.folds, folds)
            write_text(self.layout.photographs, photographs)
        if self.layout.photographs.read_text() != photographs:
            raise BadConfig(
                f"{self.layout.folds}: drawn for other photographs than those in {self.data.root}; "
                "choose another folder with --runs"
            )
        audits = {fold: each.audit() for fold, each in self.splits.items()}
        for fold, audit in audits.items():
            say(f"fold {fold}: {audit}")
        write_json(self.layout.leaks, {str(fold): str(audit) for fold, audit in audits.items()})

    def train(self, only: Sequence[str] = ()) -> None:
        """Train every recipe (or `only` some) on every fold that runs."""
        for name in self._chosen(only):
            for fold in self.splits:
                self._train(name, fold)

    def _train(self, name: str, fold: int) -> None:
        part, folder = self.splits[fold], self.layout.training(name, fold)
        task = train.Task(
            name, self.recipes[name].unrefined, part.train, part.valid, folder, self.tensorboard
        )
        train.run(task, self.data, self.cache, self.machine)

    def predict(self, only: Sequence[str] = ()) -> None:
        """Write the maps of the held-out cars, each by its fold's model, and of the test cars."""
        names = self._chosen(only)
        predict.run([self._member(name, "heldout") for name in names], self.machine)
        if self.data.test:
            predict.run([self._member(name, "test") for name in names], self.machine)

    def _member(self, name: str, which: str) -> Member:
        trained = {fold: self.layout.training(name, fold) for fold in self.splits}
        parts = [Part(list(trained.values()), self.data.test)]
        if which == "heldout":
            parts = [
                Part([trained[fold]], {image: self.data.train[image] for image in each.heldout})
                for fold, each in self.splits.items()
            ]
        return Member(name, self.recipes[name].unrefined, parts, self.layout.maps(name, which))

    def plan(self) -> dict[str, Any]:
        """What is left to do and about what it costs, recipe by recipe; writes nothing."""
        folds = draw_folds(self.data, self.suite, self.machine.jobs)
        splits = [split(self.data, self.suite, folds, fold) for fold in self.suite.folds.run]
        train = sum(len(each.train) for each in splits)
        heldout = sum(len(each.heldout) for each in splits)
        predicted = heldout + len(splits) * len(self.data.test)
        return {name: self._plan(name, train, predicted) for name in self.recipes}

    def _plan(self, name: str, train: int, predicted: int) -> dict[str, Any]:
        trained = [self._trained(name, fold) for fold in self.suite.folds.run]
        cost = estimate(name, self.recipes[name], train, predicted, self.machine)
        return {
            "trained": f"{sum(trained)} of {len(trained)} folds",
            "train_minutes": round(cost.train_s * (1 - sum(trained) / len(trained)) / 60, 1),
            "predict_minutes": round(cost.predict_s / 60, 1),
            "disk_gb": round(cost.disk_bytes / 1e9, 2),
        }

    def ensemble(self, which: str) -> None:
        """Write the maps of every ensemble of a split into stores of their own."""
        for entry in self.results.fitted:
            if entry.rule:
                members = self.results.members(which)
                ensemble.run(entry, members, self.layout.ensemble(entry.name, which))

    def submit(self) -> None:
        """Write a submission file and its sidecar for every entry, from the maps of test cars."""
        if not self.data.test:
            say(f"{self.data.root}: no test photographs, so no submission files")
            return
        stores = self.results.stores("test")
        files = {entry.name: self.submission(entry) for entry in self.results.entries}
        entries = self.results.fitted
        learned = [self.layout.parameters(entry.name) for entry in entries if entry.learns]
        sources = [*stores.values(), self.layout.suite, *self.results.note_refinements(), *learned]
        if all(newer(file, sources) for file in files.values()):
            return
        names = {image: path.name for image, path in self.data.test.items()}
        made_by = {"suite": self.name, "folds_sha256": sha256(self.layout.folds), **environment()}
        submit.run(entries, self.results.members("test"), names, files, made_by)

    def submission(self, entry: Entry) -> Path:
        """The submission file of an entry."""
        return self.submissions / f"{self.name}-{entry.name.replace('/', '-')}.csv.gz"

    def _chosen(self, only: Sequence[str]) -> Sequence[str]:
        """The recipes named, or all of the suite's.

        Raises:
            BadConfig: the suite has no such recipe.
        """
        strangers = sorted(set(only) - self.recipes.keys())
        if strangers:
            raise BadConfig(
                f"suite {self.name} has no recipe {strangers[0]!r}, only {', '.join(self.recipes)}"
            )
        return only or list(self.recipes)

    def _trained(self, name: str, fold: int) -> bool:
        return (self.layout.training(name, fold) / "manifest.json").exists()
