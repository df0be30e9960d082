"""What a run has left to do and about what that costs, for `--dry-run`; makes nothing."""

from collections.abc import Iterable, Mapping
from typing import Any

from bench.data.folds import draw_folds, split
from bench.networks import wanted
from bench.networks.wanted import FoldTask
from bench.run.members import SPLITS, prediction_tasks, training_stages
from bench.run.opening import folds_stage
from bench.run.run import Run
from bench.run.stages import all_stages
from bench.system.errors import Missing
from bench.system.text import several
from bench.training.cost import Amount, Cost, estimate


def plan(run: Run) -> dict[str, Any]:
    """Return what each recipe costs, and why each stage that is left has to be done, for JSON.

    Raises:
        BadConfig, BadData: the run's folds were drawn from something else than there is now.
    """
    if run.layout.folds.exists():
        folds_stage(run).check()
    folds = draw_folds(run.data, run.suite, run.machine.jobs)
    splits = [split(run.data, run.suite, folds, fold) for fold in run.suite.folds.run]
    heldout = sum(len(part.heldout) for part in splits)
    amount = Amount(
        networks=len(splits),
        learned=sum(len(part.train) for part in splits),
        cached=len(run.data.train),
        predicted=heldout + len(splits) * len(run.data.test),
        maps=heldout + len(run.data.test),
    )
    estimates = {
        name: estimate(recipe, amount, run.machine) for name, recipe in run.recipes.items()
    }
    seen = sum(len(part.train) + len(part.valid) for part in splits) / amount.predicted
    costs = {name: _cost(run, name, estimates, seen) for name in run.recipes}
    return {
        "recipes": costs,
        "in_all": {
            "networks": networks(run),
            **{
                key: round(sum(cost[key] for cost in costs.values()), 2)
                for key in ("train_minutes", "predict_minutes", "disk_gb")
            },
        },
        "left": _left(run) if run.layout.folds.exists() else {"folds": ["not made yet"]},
    }


def networks(run: Run) -> str:
    """Say how many networks the run trains, and what becomes of several folds' networks."""
    members, folds = len(run.recipes), len(run.suite.folds.run)
    count = f"{several(members, 'member')} x {several(folds, 'fold')} = {members * folds}"
    if folds == 1 or not run.data.test:
        return count
    return (
        f"{count}; a member's map of a test photograph is the mean of those of its {folds} "
        f"networks, so that each test photograph is predicted {members * folds} times"
    )


def _cost(run: Run, name: str, estimates: Mapping[str, Cost], seen: float) -> dict[str, Any]:
    """Return what a recipe costs.

    Args:
        seen: photographs whose maps an edge network learns from, for each that is predicted.
    """
    begun = run.layout.folds.exists()
    done = [begun and stage.done for stage in training_stages(run, [name])]
    cost, base = estimates[name], run.base(name)
    below_s = seen * sum(estimates[member].predict_s for member in base.members) if base else 0.0
    left = share_left(run, name) if begun else 1.0
    return {
        "trained": f"{sum(done)} of {several(len(done), 'fold')}",
        "train_minutes": round((cost.train_s + below_s) * (1 - sum(done) / len(done)) / 60, 1),
        "predict_minutes": round(cost.predict_s * left / 60, 1),
        "disk_gb": round(cost.disk_bytes / 1e9, 2),
    }


def share_left(run: Run, name: str) -> float:
    """Return which share of a recipe's predictions is left."""
    tasks = [task for split in SPLITS for task in prediction_tasks(run, [name], split)]
    try:
        left = [fold for task in tasks for fold in wanted.folds_lacking(task, wanted.made_by(task))]
    except Missing:  # a network, whose maps are all left then
        return 1.0
    return _predictions(left) / _predictions(fold for task in tasks for fold in task.folds)


def _predictions(folds: Iterable[FoldTask]) -> int:
    """Return how many photographs are predicted, each counted for every network."""
    return sum(len(fold.photographs) * len(fold.trainings) for fold in folds)


def _left(run: Run) -> dict[str, list[str]]:
    reasons = {stage.name: stage.reasons() for stage in all_stages(run)}
    return {name: why for name, why in reasons.items() if why}
