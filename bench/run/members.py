"""The members of a run: their trainings, their maps, and the maps of ensembles of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from bench.config.layout import TrainingFolder
from bench.config.recipe import NOT_TRAINED
from bench.config.strict import check_same
from bench.data.content import photograph_hashes
from bench.ensembles import combine
from bench.networks import predict
from bench.networks.predict import PredictionTask
from bench.networks.predictor import FoldTask
from bench.run import inputs
from bench.run.run import Run
from bench.run.stage import KeptStage, Stage
from bench.run.work import prediction_work, training_work
from bench.system.errors import Missing
from bench.training import train

CARS = {"heldout": "held-out", "test": "test"}  # as people read it


def training_stages(run: Run, only: Sequence[str] = ()) -> list[KeptStage]:
    """List the trainings of a run: every recipe on every fold.

    Args:
        only: these recipes instead of all.
    """
    names, folds = run.chosen_recipes(only), run.suite.folds.run
    return [_training_stage(run, name, fold) for name in names for fold in folds]


def _training_stage(run: Run, name: str, fold: int) -> KeptStage:
    training = run.layout.training(name, fold)
    again = f"train again: {run.command('train')} --only {name}"
    return KeptStage(
        name=f"train {name}, fold {fold}",
        folder=training.folder,
        record=training.record,
        makes=[training.weights, training.manifest, training.history],
        keeps=[training.manifest, training.history],
        spare=[training.last_weights],
        reads=partial(inputs.of_training, run, name, fold),
        run=partial(_train, run, name, fold),
        contents=run.contents,
        work=partial(training_work, run, name, fold),
        choice=f"put that back; or remove {training.folder} and {again}; or choose another folder "
        "with --runs",
        cure=f"put that back, or {again}",
        check_earlier=partial(_check_earlier, run, name, training),
        goes_on_from=training.state,
        may_lack={"starting weights"},  # a network that is trained does not need them any more
    )


def _check_earlier(run: Run, name: str, training: TrainingFolder) -> None:
    if training.recipe.exists():
        check_same(training.recipe, run.recipes[name], ignored=NOT_TRAINED)


def _train(run: Run, name: str, fold: int) -> None:
    part, folder = run.splits[fold], run.layout.training(name, fold)
    task = train.Task(run.recipes[name], part.train, part.valid, folder, run.tensorboard)
    train.run(task, run.data, run.cache, run.machine)


@dataclass(frozen=True, kw_only=True)
class PredictionStage(Stage):
    """The maps of some members; each store knows what its maps were made by and from.

    Args:
        tasks: gives what is to be predicted, with the present hashes of photographs.
    """

    tasks: Callable[[], list[PredictionTask]]

    def reasons(self) -> list[str]:
        """Say which members lack which maps."""
        try:
            return [reason for task in self.tasks() for reason in predict.reasons(task)]
        except Missing as error:
            return [str(error)]

    def bring_up_to_date(self) -> None:
        """Predict what is missing, and what was predicted from something else, if anything is."""
        self.run()  # it asks the same itself


def prediction_stages(run: Run, only: Sequence[str] = ()) -> list[Stage]:
    """List the predictions of a run: of the held-out cars, and of the test cars if there are any.

    Args:
        only: these recipes instead of all.
    """
    splits = ("heldout", "test") if run.data.test else ("heldout",)
    return [prediction_stage(run, split, only) for split in splits]


def prediction_stage(run: Run, split: str, only: Sequence[str] = ()) -> Stage:
    """Write the maps of "heldout" cars, each by its fold's model, or of "test" cars, by all.

    Args:
        only: these recipes instead of all.
    """
    names = run.chosen_recipes(only)
    tasks = partial(_tasks, run, names, split)
    return PredictionStage(
        name=f"predict {CARS[split]} cars",
        makes=[run.layout.maps(name, split) for name in names],
        tasks=tasks,
        run=lambda: predict.run(tasks(), run.machine),
        work=partial(prediction_work, run, split),
    )


def _tasks(run: Run, names: Sequence[str], split: str) -> list[PredictionTask]:
    photographs = run.data.test
    if split == "heldout":
        photographs = {image: run.data.train[image] for image in run.heldout}
    hashes = photograph_hashes(run.data, photographs, run.contents)
    return [
        PredictionTask(
            run.recipes[name], _folds(run, name, split, hashes), run.layout.maps(name, split)
        )
        for name in names
    ]


def _folds(run: Run, name: str, split: str, hashes: Mapping[str, str]) -> list[FoldTask]:
    trained = {fold: run.layout.training(name, fold) for fold in run.splits}
    if split == "test":
        return [FoldTask(list(trained.values()), run.data.test, hashes)]
    return [
        FoldTask([trained[fold]], {image: run.data.train[image] for image in part.heldout}, hashes)
        for fold, part in run.splits.items()
    ]


def combine_members(run: Run, split: str) -> None:
    """Write the maps of every ensemble of a split into stores of their own."""
    for entry in run.fitted_entries():
        if entry.rule:
            combine.run(entry, run.members(split), run.layout.ensemble(entry.name, split))
