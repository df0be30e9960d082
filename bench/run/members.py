"""The members of a run: their trainings, their maps, and the maps of ensembles of them."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from bench.ensembles import combine
from bench.networks import predict
from bench.networks.predict import PredictionTask
from bench.networks.predictor import FoldTask
from bench.run.run import Run
from bench.run.stage import Stage
from bench.run.work import prediction_work, training_work
from bench.training import train


def training_stages(run: Run, only: Sequence[str] = ()) -> list[Stage]:
    """List the trainings of a run: every recipe on every fold.

    Args:
        only: these recipes instead of all.
    """
    names, folds = run.chosen_recipes(only), run.suite.folds.run
    return [_training_stage(run, name, fold) for name in names for fold in folds]


def _training_stage(run: Run, name: str, fold: int) -> Stage:
    stage = Stage(
        f"train {name}, fold {fold}",
        makes=[run.layout.training(name, fold).manifest],
        reads=[],
        run=partial(_train, run, name, fold),
        always=True,  # a finished training still refuses another recipe
    )
    return stage if stage.done else replace(stage, work=partial(training_work, run, name, fold))


def _train(run: Run, name: str, fold: int) -> None:
    part, folder = run.splits[fold], run.layout.training(name, fold)
    task = train.Task(run.recipes[name], part.train, part.valid, folder, run.tensorboard)
    train.run(task, run.data, run.cache, run.machine)


def prediction_stage(run: Run, only: Sequence[str] = ()) -> Stage:
    """Write the maps of the held-out cars, each by its fold's model, and of the test cars.

    Args:
        only: these recipes instead of all.
    """
    splits = ("heldout", "test") if run.data.test else ("heldout",)
    names = run.chosen_recipes(only)
    return Stage(
        "predict",
        makes=[run.layout.maps(name, split) for split in splits for name in names],
        reads=[file for stage in training_stages(run, only) for file in stage.makes],
        run=partial(_predict, run, names, splits),
        work=partial(prediction_work, run),
        always=True,  # a store knows by itself which maps it lacks and which weights made it
    )


def _predict(run: Run, names: Sequence[str], splits: Sequence[str]) -> None:
    for split in splits:
        predict.run([_member(run, name, split) for name in names], run.machine)


def _member(run: Run, name: str, split: str) -> PredictionTask:
    trained = {fold: run.layout.training(name, fold) for fold in run.splits}
    folds = [FoldTask(list(trained.values()), run.data.test)]
    if split == "heldout":
        folds = [
            FoldTask([trained[fold]], {image: run.data.train[image] for image in part.heldout})
            for fold, part in run.splits.items()
        ]
    return PredictionTask(run.recipes[name], folds, run.layout.maps(name, split))


def combine_members(run: Run, split: str) -> None:
    """Write the maps of every ensemble of a split into stores of their own."""
    for entry in run.fitted_entries():
        if entry.rule:
            combine.run(entry, run.members(split), run.layout.ensemble(entry.name, split))
