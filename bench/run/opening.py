"""The start of a run: opened, checked before the first second of work, its folds frozen."""

from dataclasses import dataclass
from pathlib import Path

from bench.config.layout import Layout
from bench.config.library import load_suite, suite_path, with_overrides
from bench.config.strict import check_same, to_yaml
from bench.config.suite import short_name
from bench.data.carvana import open_folder
from bench.data.folds import draw_folds, limit_cars, write_folds
from bench.demo.folder import draw_folder
from bench.ensembles import fit
from bench.ensembles.entry import check_ensembles
from bench.networks.build import build
from bench.run.members import training_stages
from bench.run.run import Run
from bench.system.device import Machine
from bench.system.environment import environment
from bench.system.errors import BadConfig, Missing
from bench.system.files import read_text, to_json, update_text, write_json, write_text
from bench.system.progress import say
from bench.training.tensorboard import check_tensorboard


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


def open_run(options: RunOptions) -> Run:
    """Return the run of a suite, new or begun; draws the demo's photographs where it has one.

    Raises:
        BadConfig, BadData, Missing: the suite, its recipes or the data are wrong or not there.
    """
    if options.tensorboard:
        check_tensorboard()
    suite = with_overrides(load_suite(options.suite), options.seed, options.limit)
    check_ensembles(suite, suite_path(options.suite))
    folder = options.data
    if folder is None and suite.demo:
        folder = options.default_data / "demo"
        cars = suite.demo
        draw_folder(folder, cars.cars, cars.test_cars, cars.seed, options.machine.jobs)
    return Run(
        suite=suite,
        suite_file=Path(options.suite),
        data=limit_cars(open_folder(folder or options.default_data), suite.limit),
        layout=Layout(options.runs / short_name(options.suite)),
        submissions=options.submissions,
        machine=options.machine,
        tensorboard=options.tensorboard,
    )


def begin(run: Run) -> None:
    """Check the suite before any work; freeze the suite, its folds and the audit of leaks.

    Raises:
        BadConfig: the folder holds a run of another suite, or folds of other photographs; a
            network cannot be built; or ensembles that learn have too few held-out cars.
        Missing: pretrained weights or training photographs are not there.
        BadData: a training photograph has no mask.
    """
    if not run.data.train:
        raise Missing(f"{run.data.root}: no training photographs; see data/README.md")
    if run.layout.suite.exists():
        check_same(run.layout.suite, run.suite)
    for name, recipe in run.recipes.items():
        if not all(stage.done for stage in training_stages(run, [name])):
            build(recipe)
    if not run.layout.suite.exists():
        write_json(run.layout.environment, environment())
        write_text(run.layout.suite, to_yaml(run.suite))
    freeze_folds(run)
    if any(entry.learns for entry in run.entries):
        fit.groups(sorted(run.heldout))  # refuses a single car, on which nothing can be learned


def freeze_folds(run: Run) -> None:
    """Draw folds.csv once; print and store the leak audit of every fold that runs.

    Raises:
        BadConfig: the folds were drawn for other photographs than these.
    """
    photographs = "".join(f"{image}\n" for image in sorted(run.data.train))
    if not run.layout.photographs.exists():
        folds = draw_folds(run.data, run.suite, run.machine.jobs)
        write_folds(run.layout.folds, folds)
        write_text(run.layout.photographs, photographs)
    if read_text(run.layout.photographs, "run the suite again") != photographs:
        raise BadConfig(
            f"{run.layout.folds}: drawn for other photographs than those in {run.data.root}; "
            "choose another folder with --runs"
        )
    audits = {fold: part.audit() for fold, part in run.splits.items()}
    for fold, audit in audits.items():
        say(f"fold {fold}: {audit}")
    update_text(
        run.layout.leaks, to_json({str(fold): str(audit) for fold, audit in audits.items()})
    )
