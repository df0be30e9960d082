"""How long a run takes on several workers, simulated before it begins."""

import heapq
from collections.abc import Sequence

from bench.data.image_ids import car_of
from bench.run.items import parts_of
from bench.run.run import Run

WORKERS = (1, 2, 4, 8, 16, 64)


def minutes_by_workers(run: Run, costs: dict[str, dict[str, float]]) -> dict[str, float]:
    """Estimate the minutes of all trainings and predictions, by how many workers share them.

    Args:
        costs: of each recipe, "train_minutes" of all folds and "predict_minutes", as `plan` says.
    """
    folds = len(run.suite.folds.run)
    trainings = [cost["train_minutes"] / folds for cost in costs.values() for _ in range(folds)]
    predicting = sum(cost["predict_minutes"] for cost in costs.values())
    images = run.data.test or run.data.train
    cars = len({car_of(image) for image in images})
    minutes = {}
    for workers in WORKERS:
        parts = parts_of(len(images), cars, workers)
        phases = [trainings, [predicting / parts] * parts]
        minutes[str(workers)] = round(sum(makespan(phase, workers) for phase in phases), 1)
    return minutes


def makespan(items: Sequence[float], workers: int) -> float:
    """Return when the last item ends if each free worker takes the longest that is left.

    Source: Graham 1969, the rule "longest processing time first"; at most 4/3 of the optimum.

    >>> makespan([3, 3, 2, 2, 2], 2)
    7.0
    """
    busy_until = [0.0] * workers
    for item in sorted(items, reverse=True):
        heapq.heapreplace(busy_until, busy_until[0] + item)
    return max(busy_until)
