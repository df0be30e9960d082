"""What a run has left to do and about what that costs, for `--dry-run`; writes nothing."""

from typing import Any

from bench.data.folds import draw_folds, split
from bench.run.members import training_stages
from bench.run.run import Run
from bench.training.cost import estimate


def plan(run: Run) -> dict[str, Any]:
    """Return what is left of every recipe, as JSON can hold it."""
    folds = draw_folds(run.data, run.suite, run.machine.jobs)
    splits = [split(run.data, run.suite, folds, fold) for fold in run.suite.folds.run]
    trained_on = sum(len(part.train) for part in splits)
    heldout = sum(len(part.heldout) for part in splits)
    predicted = heldout + len(splits) * len(run.data.test)
    return {name: _recipe_plan(run, name, trained_on, predicted) for name in run.recipes}


def _recipe_plan(run: Run, name: str, trained_on: int, predicted: int) -> dict[str, Any]:
    done = [stage.done for stage in training_stages(run, [name])]
    cost = estimate(run.recipes[name], trained_on, predicted, run.machine)
    return {
        "trained": f"{sum(done)} of {len(done)} folds",
        "train_minutes": round(cost.train_s * (1 - sum(done) / len(done)) / 60, 1),
        "predict_minutes": round(cost.predict_s / 60, 1),
        "disk_gb": round(cost.disk_bytes / 1e9, 2),
    }
