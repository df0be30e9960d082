"""A run of a suite: its recipes, entries, folds and members, and where its files lie."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench.config.layout import Layout, TrainingFolder
from bench.config.library import SUITES, list_names, single_models
from bench.config.machine import Machine
from bench.config.recipe import Recipe, Teach
from bench.config.suite import Suite, is_path, seen_anywhere
from bench.data.carvana import is_drawn
from bench.data.content import photograph_hashes
from bench.data.dataset import DataSet, Lessons
from bench.data.folds import Split, read_folds, split
from bench.data.image_ids import car_of
from bench.ensembles.entry import Entry, entries_of, read_fitted
from bench.ensembles.members import Members
from bench.ensembles.teacher import open_teacher
from bench.masks.types import Size
from bench.networks.quantised import in_int8
from bench.system.contents import Contents
from bench.system.environment import is_checkout
from bench.system.errors import BadConfig, Missing
from bench.system.text import several
from models.pretrained import weights_folder

STEP_FORWARDS = 3  # a training step is about so many forward passes
SET_UP = 'here=$(pwd -P) bash setup.sh "[export]"'  # a checkout, with what `quantise` needs
SCORE_GFLOPS = 2.0  # a mask is scored in the time of so much network work: a rough guess


@dataclass(frozen=True)
class Run:
    """One execution of a suite on a data set. Its methods read; the stages do the work.

    Args:
        suite_file: the recipes that the suite names by path lie relative to it.
        submissions: folder of the submission files of all runs.
        tensorboard: write each epoch's figures for TensorBoard, too.
        scratch: a folder on a disk of this machine, for map stores while they are written.
        changes: what the command line has set in the suite and its recipes.
    """

    suite: Suite
    suite_file: Path
    data: DataSet
    layout: Layout
    submissions: Path
    machine: Machine
    tensorboard: bool = False
    scratch: Path | None = None
    changes: Sequence[str] = ()

    @property
    def name(self) -> str:
        """The name of the suite and of the run's folder."""
        return self.layout.folder.name

    @property
    def cache(self) -> Path:
        """The folder of shrunk photographs, shared by all runs beside this one."""
        return self.layout.folder.parent / "cache"

    @cached_property
    def contents(self) -> Contents:
        """The hashes of files, remembered beside the shrunk photographs."""
        return Contents(self.cache, self.machine.jobs)

    @cached_property
    def recipes(self) -> dict[str, Recipe]:
        """The suite's recipes as it runs them, by name."""
        return single_models(self.suite, self.suite_file)

    @cached_property
    def forward_gflops(self) -> dict[str, float]:
        """The GFLOPs of a forward pass, by recipe; an edge network's is that of a tile."""
        from bench.networks.build import meta_network  # torch: whoever only looks needs none
        from models.summary import gflops

        known: dict[tuple[str, Size], float] = {}  # many differ in their seed alone
        networks = {
            name: (recipe.network.model_dump_json(), recipe.size)
            for name, recipe in self.recipes.items()
        }
        for name, network in networks.items():
            if network not in known:
                recipe = self.recipes[name]
                known[network] = gflops(meta_network(recipe), recipe.size)
        return {name: known[network] for name, network in networks.items()}

    @cached_property
    def photograph_gflops(self) -> dict[str, float]:
        """The GFLOPs of a recipe's network on a photograph; an edge network's, on its strips."""
        from bench.networks.edge import typical_tiles

        forward = self.forward_gflops
        return {name: forward[name] * typical_tiles(each) for name, each in self.recipes.items()}

    @property
    def grids(self) -> dict[str, Size]:
        """The size of each network's input; edge networks see photographs at their own size."""
        return {name: recipe.size for name, recipe in self.recipes.items() if not recipe.edge}

    def map_gflops(self, name: str) -> float:
        """Return the GFLOPs of a recipe's map without test-time augmentation, base included."""
        base = self.base(name)
        before = sum(self.map_gflops(member) for member in base.members) if base else 0.0
        return before + self.photograph_gflops[name]

    def training_gflops(self, name: str, fold: int) -> float:
        """Return about how much work a training is: progress divides its time by that."""
        recipe = self.recipes[name]
        images = recipe.full_size_epochs * len(self.splits[fold].train) * recipe.crops
        return STEP_FORWARDS * self.forward_gflops[name] * images

    def prediction_gflops(self, split: str) -> float:
        """Return about how much work all maps of the split "heldout" or "test" are."""
        tests = len(self.splits) * len(self.data.test)
        photographs = len(self.heldout) if split == "heldout" else tests
        return photographs * sum(map(self.map_gflops, self.recipes))

    def scoring_gflops(self, photographs: int) -> float:
        """Return about how much work it is to turn photographs' maps into every entry's masks."""
        return SCORE_GFLOPS * photographs * len(self.entries)

    def chosen_recipes(self, only: Sequence[str]) -> Sequence[str]:
        """Return the recipes that are named, or all of the suite's if none is named.

        Raises:
            BadConfig: the suite has no such recipe.
        """
        unknown = sorted(set(only) - self.recipes.keys())
        if unknown:
            raise BadConfig(
                f"suite {self.name} has no recipe {unknown[0]!r}, only {', '.join(self.recipes)}"
            )
        return only or list(self.recipes)

    @cached_property
    def entries(self) -> list[Entry]:
        """Single models and ensembles; those that learn, without what they have learned."""
        refine = {name: recipe.refine for name, recipe in self.recipes.items()}
        return entries_of(self.suite, refine)

    def base(self, name: str) -> Entry | None:
        """Return the entry whose map a recipe's edge network sharpens; None of other recipes."""
        edge = self.recipes[name].edge
        return next(entry for entry in self.entries if entry.name == edge.of) if edge else None

    def fitted_entries(self) -> list[Entry]:
        """Return the entries ready for maps: those that learn, with what they have learned.

        Raises:
            Missing: an ensemble that learns is not fitted yet.
        """
        return [
            read_fitted(entry, self.layout.parameters(entry.name)) if entry.learns else entry
            for entry in self.entries
        ]

    @cached_property
    def splits(self) -> dict[int, Split]:
        """The cars that train, choose and are scored, by fold.

        Raises:
            Missing: the folds are not drawn yet.
        """
        folds = read_folds(self.layout.folds)
        return {fold: split(self.data, self.suite, folds, fold) for fold in self.suite.folds.run}

    def lessons(self, name: str, fold: int, part: Split) -> Lessons | None:
        """Return what the teacher of a recipe teaches it in a fold; None where it has no teacher.

        Args:
            part: the fold's images.

        Raises:
            Missing: the teacher's run is not there or not finished.
            BadConfig: it has no such entry, has seen a car of the fold, or has no map to teach by.
            BadData: one of its files is damaged, or a map is of another photograph.
        """
        teach = self.recipes[name].teach
        if not teach:
            return None
        teacher = open_teacher(self._teachers_folder(name, teach), teach.entry, self._first(teach))
        teacher.refuse_if_seen({car_of(image) for image in part.heldout}, name, fold)
        photographs = {image: self.data.train[image] for image in part.train} | self.data.test
        made_from = teacher.made_from(photograph_hashes(self.data, photographs, self.contents))
        if not made_from:
            raise BadConfig(
                f"{name}: teach: {teacher.name} has maps of none of the photographs that fold "
                f"{fold} may learn from: {several(len(part.train), 'training photograph')} and "
                f"{several(len(self.data.test), 'test photograph')}; predict test photographs with "
                "it, or name another teacher"
            )
        taught = {image: photographs[image] for image in made_from}
        return Lessons(taught, made_from, teacher.map, teach.share)

    def _teachers_folder(self, name: str, teach: Teach) -> Path:
        places = [self.layout.folder.parent / teach.run]
        if is_path(str(self.suite_file)):
            places.insert(0, self.suite_file.parent / teach.run)
        found = [place for place in places if Layout(place).suite.is_file()]
        if not found:
            where = " nor in ".join(str(place.parent) for place in dict.fromkeys(places))
            raise Missing(f"{name}: teach: no run {teach.run} in {where}; {self._first(teach)}")
        if found[0].resolve() == self.layout.folder.resolve():
            raise BadConfig(f"{name}: teach: a run cannot teach itself; make a suite of its own")
        return found[0]

    def _first(self, teach: Teach) -> str:
        """Say what makes a teacher's run from this run's data, or finishes it."""
        suite = Path(teach.run).name
        beside = self.suite_file.with_name(f"{suite}.yaml")
        if beside.is_file():
            suite = str(beside)
        elif suite not in list_names(SUITES):
            return "name the folder of a finished run"
        return f"first: {shlex.join(['carvana-bench', 'run', suite, *self._places])}"

    @property
    def trainings(self) -> dict[tuple[str, int], TrainingFolder]:
        """The folder of every training, by recipe and fold."""
        return self.layout.trainings(self.recipes, self.suite.folds.run)

    @property
    def heldout(self) -> dict[str, int]:
        """The fold of every image that is scored."""
        return {image: fold for fold, part in self.splits.items() for image in part.heldout}

    def stores(self, split: str) -> dict[str, Path]:
        """Return the map store of every recipe for the split "heldout" or "test"."""
        return {name: self.layout.maps(name, split) for name in self.recipes}

    def members(self, split: str) -> Members:
        """Return the maps of every recipe for the split "heldout" or "test"."""
        return Members(self.stores(split), self.data, self.machine.jobs)

    def submission(self, entry: Entry) -> Path:
        """Return the submission file of an entry."""
        return self.submissions / f"{self.name}-{entry.name.replace('/', '-')}.csv.gz"

    def command(self, verb: str) -> str:
        """Return the command line of a verb on this run."""
        return shlex.join(
            ["carvana-bench", verb, str(self.suite_file), *self._places, *self._chosen]
        )

    @property
    def repeat_commands(self) -> list[str]:
        """The commands that make this run again, from a checkout or by the installed program."""
        suite, ranks = [seen_anywhere(str(self.suite_file))], self.machine.gpus_per_training
        if not (self.suite.demo and is_drawn(self.data)):
            suite += ["--data", str(self.data.root.absolute())]
        suite += self._chosen
        trained = [*suite, *(["--gpus-per-training", str(ranks)] if ranks > 1 else [])]
        quantised = in_int8(self.trainings)
        if not quantised:
            program = ["./run_all.sh"] if is_checkout() else ["carvana-bench", "run"]
            return [shlex.join([*program, *trained])]
        steps = (["train", *trained], ["quantise", *suite, "--only", *quantised], ["run", *trained])
        folder, first = (".venv/bin/", [SET_UP]) if is_checkout() else ("", [])
        return [*first, *(shlex.join([f"{folder}carvana-bench", *step]) for step in steps)]

    @property
    def _places(self) -> list[str]:
        return ["--data", str(self.data.root), "--runs", str(self.layout.folder.parent)]

    @property
    def _chosen(self) -> list[str]:
        """The words of the command line that choose what the suite's file alone does not say."""
        words = []
        if folder := weights_folder():
            words += ["--weights-dir", str(folder)]
        if self.machine.precision != "auto":
            words += ["--precision", self.machine.precision]
        if self.machine.micro_batch:
            words += ["--micro-batch", str(self.machine.micro_batch)]
        if self.suite.limit:
            words += ["--limit", str(self.suite.limit)]
        if self.suite.override.seed is not None:
            words += ["--seed", str(self.suite.override.seed)]
        return words + [word for change in self.changes for word in ("--set", change)]
