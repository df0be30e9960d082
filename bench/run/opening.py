"""The start of a run: opened, checked before the first second of work, its folds frozen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bench.config.layout import Layout
from bench.config.library import load_suite, suite_path, with_overrides
from bench.config.machine import Machine
from bench.config.names import check_names
from bench.config.part import WHOLE, Part
from bench.config.refinement import to_json
from bench.config.strict import check_same, to_yaml
from bench.config.suite import Demo, Suite, seen_anywhere, short_name
from bench.data.folds import Split, draw_folds, limit_cars, split, write_folds
from bench.ensembles.entry import check_ensembles
from bench.own.opening import open_data
from bench.run import inputs
from bench.run.members import training_stages
from bench.run.run import Run
from bench.run.stage import KeptStage
from bench.system.claims import check_unclaimed, remove_abandoned
from bench.system.disk import below
from bench.system.environment import environment
from bench.system.errors import BadConfig, Missing
from bench.system.files import json_text, read_text, update_text, write_json
from bench.system.progress import say
from bench.system.temporaries import remove_left
from bench.system.text import nearest
from bench.training.tensorboard import check_tensorboard

FOLDS_FIELDS = {"folds", "split", "limit"}  # of a suite: those that decide its folds


@dataclass(frozen=True)
class RunOptions:
    """What decides a run besides its suite.

    Args:
        suite: a name, or the path of a YAML file.
        data: folder of photographs; None: a suite that has a `demo` draws its own below
            `default_data`, and any other takes the photographs in `default_data`.
        seed: another seed for folds and trainings than the suite's.
        limit: use only this many cars.
        tensorboard: write each epoch's figures for TensorBoard, too.
        scratch: a folder on a disk of this machine, for map stores while they are written.
        changes: fields of the suite or of its recipes that are set, as "recipe.epochs=3".
    """

    suite: str
    data: Path | None
    default_data: Path
    runs: Path
    submissions: Path
    machine: Machine
    seed: int | None = None
    limit: int | None = None
    tensorboard: bool = False
    scratch: Path | None = None
    changes: tuple[str, ...] = ()

    def seen_everywhere(self) -> "RunOptions":
        """Return the options with absolute paths, for processes with another working directory."""
        return replace(
            self,
            suite=seen_anywhere(self.suite),
            data=self.data and self.data.absolute(),
            default_data=self.default_data.absolute(),
            runs=self.runs.absolute(),
            submissions=self.submissions.absolute(),
            scratch=self.scratch and self.scratch.absolute(),
        )


def open_run(options: RunOptions) -> Run:
    """Return the run of a suite, new or begun; draws the demo's photographs where it has one.

    Raises:
        BadConfig, BadData, Missing: the suite, its recipes or the data are wrong or not there.
    """
    if options.tensorboard:
        check_tensorboard()
    loaded, file = load_suite(options.suite), suite_path(options.suite)
    suite = with_overrides(loaded, options.seed, options.limit, options.changes)
    check_names(suite, file)
    check_ensembles(suite, file)
    folder = options.data
    if folder is None and suite.demo:
        folder = options.default_data / "demo"
        _draw_demo(folder, suite.demo, options.machine)
    run = Run(
        suite=suite,
        suite_file=Path(options.suite),
        data=limit_cars(open_data(folder or options.default_data), suite.limit),
        layout=Layout(options.runs / short_name(options.suite)),
        submissions=options.submissions,
        machine=options.machine,
        tensorboard=options.tensorboard,
        scratch=options.scratch,
        changes=options.changes,
    )
    _check_bases(run)
    return run


def _draw_demo(folder: Path, demo: Demo, machine: Machine) -> None:
    from bench.demo.folder import draw_folder

    if machine.device.startswith("cuda"):
        from bench.system.device import device_named

        device_named(machine.device)  # an error need not wait until all is drawn
    draw_folder(folder, demo.cars, demo.test_cars, demo.seed, machine.jobs)


def _check_bases(run: Run) -> None:
    """Refuse an edge network of an entry that is not there, or whose map it cannot sharpen.

    Raises:
        BadConfig: the message names the recipe.
    """
    entries = {entry.name: entry for entry in run.entries}
    edges = {name: recipe.edge.of for name, recipe in run.recipes.items() if recipe.edge}
    for name, of in edges.items():
        where = f"suite {run.name}, recipe {name}: edge.of"
        if of not in entries:
            raise BadConfig(f"{where}: {nearest(of, entries, 'entry of the suite')}")
        if entries[of].learns:
            raise BadConfig(
                f"{where}: {of!r} learns from the held-out photographs, which must not teach an "
                "edge network; name an ensemble whose rule learns nothing, such as `mean`"
            )
        if again := [member for member in entries[of].members if member in edges]:
            raise BadConfig(
                f"{where}: {of!r} is made of {again[0]!r}, an edge network itself; name a recipe "
                "that has no `edge`, or an ensemble that names its `members` without such"
            )


def begin(run: Run, only: Sequence[str] = (), part: Part = WHOLE) -> None:
    """Check the suite before any work; freeze the folds; note the suite and the audit of leaks.

    Args:
        only: the recipes that are to be worked on, instead of all.
        part: of their trainings, that is to be worked on.

    Raises:
        BadConfig: the folds were drawn for other photographs or by other settings; a network
            cannot be built; or ensembles that learn have too few held-out cars.
        Missing: pretrained weights, those of `start_from`, or photographs are not there.
        BadData: a training photograph has no mask, or a network was trained on other ones; or
            weights or a picture of `backgrounds` are damaged.
        Taken: another process trains one of the networks.
    """
    from bench.ensembles import fit
    from bench.training.check import check_beginnings  # torch: a run that is looked at needs none

    if not run.data.train:
        raise Missing(f"{run.data.root}: no training photographs; see data/README.md")
    unfinished = [recipe for name, recipe in run.recipes.items() if _unfinished(run, name)]
    check_beginnings(unfinished, run.machine.jobs)
    folds_stage(run).bring_up_to_date()
    _check_trainings(run, run.splits)
    for stage in training_stages(run, only, part):
        check_unclaimed(stage.claim, stage.folder)
        stage.check()
    if any(entry.learns for entry in run.entries):
        fit.groups(sorted(run.heldout), run.data.unit)  # refuses one car: nothing can be learned
    note(run)


def note(run: Run) -> None:
    """Note in the run's folder what it executes, for people and for verbs that know the folder.

    What says so already is left alone: a finished run may lie where nothing can be written.
    """
    remove_abandoned(run.layout.folder)
    for folder in filter(Path.is_dir, below(run.layout.folder)):
        remove_left(folder)  # temporaries of killed processes
    update_text(run.layout.suite, to_yaml(run.suite))
    update_text(run.layout.photographs, _listed(run))
    steps = {entry.name: to_json(entry.refine) for entry in run.entries if entry.refine}
    if steps or run.layout.refinement.exists():
        update_text(run.layout.refinement, json_text(steps))
    audits = {str(fold): str(part.audit()) for fold, part in run.splits.items()}
    for key, audit in audits.items():
        say(f"fold {key}: {audit}")
    update_text(run.layout.leaks, json_text(audits))
    for name, recipe in run.recipes.items():
        for fold in run.suite.folds.run:
            training = run.layout.training(name, fold)
            if training.finished or training.recipe.exists():
                # fields that decide no training may have changed
                update_text(training.recipe, recipe.training_yaml())


def folds_stage(run: Run) -> KeptStage:
    """Draw the folds, once."""
    layout = run.layout
    return KeptStage(
        name="folds",
        folder=layout.folds,
        record=layout.record("folds"),
        makes=[layout.folds, layout.environment],
        keeps=[layout.folds, layout.environment],
        reads=partial(inputs.of_folds, run),
        run=partial(_draw, run),
        contents=run.contents,
        choice="put that back, or choose another folder with --runs",
        cure="put that back",
        goes_on=layout.folds.exists,
        check_earlier=partial(_check_earlier, run),
    )


def _check_earlier(run: Run) -> None:
    """Refuse a run of other folds or photographs, as the files say that an earlier version wrote.

    Raises:
        BadConfig: it is one.
    """
    suite, photographs = run.layout.suite, run.layout.photographs
    if suite.exists():
        check_same(suite, run.suite, ignored=Suite.model_fields.keys() - FOLDS_FIELDS)
    if photographs.exists() and read_text(photographs, "run the suite again") != _listed(run):
        raise BadConfig(
            f"{run.layout.folds}: drawn for other photographs than those in {run.data.root}; put "
            "those back, or choose another folder with --runs"
        )


def _listed(run: Run) -> str:
    """Return the training photographs, an image id a line."""
    return "".join(f"{image}\n" for image in sorted(run.data.train))


def _draw(run: Run) -> None:
    folds = draw_folds(run.data, run.suite, run.machine.jobs)
    parts = {fold: split(run.data, run.suite, folds, fold) for fold in run.suite.folds.run}
    _check_trainings(run, parts)  # as long as the suite can still get other folds
    write_json(run.layout.environment, environment())
    write_folds(run.layout.folds, folds, run.data.unit)


def _check_trainings(run: Run, splits: Mapping[int, Split]) -> None:
    """Refuse trainings that cannot work; do none."""
    from bench.training.check import check_photographs, fewest_at_once

    for name, recipe in run.recipes.items():
        unfinished = _unfinished(run, name)
        for fold in unfinished:
            part = splits[fold]
            check_photographs(recipe, part.train, part.valid, run.data)
            run.lessons(name, fold, part)
        if unfinished:
            fewest_at_once(recipe, run.machine.micro_batch, run.machine.gpus_per_training)


def _unfinished(run: Run, name: str) -> list[int]:
    return [fold for fold in run.suite.folds.run if not run.layout.training(name, fold).finished]
