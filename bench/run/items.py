"""A run's work as items of names, which any process on any machine that sees its files can do.

An item is one training, or the prediction of some cars by all recipes that are trained. The list,
its order and what is done already are the same for every way to run it.
"""

import math
import platform
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

from bench.config.part import WHOLE, Part
from bench.data.image_ids import car_of
from bench.networks import wanted
from bench.run.members import (
    SPLITS,
    prediction_stage,
    prediction_tasks,
    training_stage,
    waves,
)
from bench.run.opening import RunOptions, open_run
from bench.run.run import Run
from bench.system.claims import claimed
from bench.system.errors import BenchError, Incomplete
from bench.system.progress import say
from bench.system.text import duration, several

PARTS_A_WORKER = 4  # at least, so that all workers end at about the same time


@dataclass(frozen=True)
class Item:
    """One piece of work.

    Args:
        kind: "train", or the split "heldout" or "test" whose maps are predicted.
        recipes: the one that is trained, or those that predict.
        fold: of a training.
        part: of the split's cars.
        work: about how much it is, in GFLOPs.
    """

    kind: str
    recipes: tuple[str, ...]
    fold: int = 0
    part: Part = WHOLE
    work: float = 0.0

    def __str__(self) -> str:
        if self.kind == "train":
            return f"train {self.recipes[0]}, fold {self.fold}"
        return f"predict {SPLITS[self.kind]} photographs, part {self.part}"


@dataclass(frozen=True)
class Outcome:
    """What became of an item: the small result that JSON can hold, or the error."""

    item: Item
    result: dict[str, Any]
    error: BenchError | None = None


@dataclass(frozen=True)
class Way:
    """A way to run items.

    Args:
        workers: how many items it works on at once.
        run: begins the items in their order, and yields each one's outcome as soon as it is known.
    """

    workers: int
    run: Callable[[Sequence[Item]], Generator[Outcome, None, None]]


def do_item(options: RunOptions, item: Item) -> dict[str, Any]:
    """Do one item for the process that holds the claims of the run; return what JSON can hold.

    Raises:
        BenchError: it failed; what was done of it is kept.
    """
    began, run = time.monotonic(), open_run(options)
    if item.kind == "train":
        stage = training_stage(run, item.recipes[0], item.fold)
        if stage.is_left():
            stage.make()
    else:
        prediction_stage(run, item.kind, item.recipes, item.part).bring_up_to_date()
    return {"seconds": round(time.monotonic() - began, 1), "host": platform.node()}


def training_items(run: Run, only: Sequence[str] = (), part: Part = WHOLE) -> list[Item]:
    """List the trainings that are left, the longest first.

    Args:
        only: these recipes instead of all.
        part: of all trainings, the longest dealt out first.
    """
    items = [
        Item("train", (name,), fold, work=training_stage(run, name, fold).work())
        for name in run.chosen_recipes(only)
        for fold in run.suite.folds.run
    ]
    mine = part.deal(_longest_first(items))
    return [item for item in mine if not training_stage(run, item.recipes[0], item.fold).done]


def prediction_items(
    run: Run, recipes: Sequence[str], workers: int, part: Part = WHOLE
) -> list[Item]:
    """List the parts of both splits of which some map is left, the longest first.

    Args:
        recipes: those whose networks are trained.
        workers: that share the items.
        part: of each split's cars, which is divided further.
    """
    items = []
    for split, images in (("heldout", run.heldout), ("test", run.data.test)):
        cars = sorted({car_of(image) for image in images})
        of = parts_of(len(images) / part.of, len(part.share(cars)), workers)
        tasks = prediction_tasks(run, recipes, split)
        left = Counter(car_of(image) for task in tasks for image in wanted.lacking(task))
        for share in (part.divided(Part(index + 1, of)) for index in range(of)):
            maps = sum(left[car] for car in share.share(cars))
            if maps:
                work = run.prediction_gflops(split) * maps / (len(images) * len(run.recipes))
                items.append(Item(split, tuple(recipes), part=share, work=work))
    return _longest_first(items)


def parts_of(photographs: float, cars: int, workers: int) -> int:
    """Return how many parts so many photographs of so many cars are predicted in."""
    wished = math.ceil(photographs / wanted.PHOTOGRAPHS)
    return min(cars, max(wished, PARTS_A_WORKER * workers))


def _longest_first(items: Sequence[Item]) -> list[Item]:
    return sorted(items, key=lambda item: -item.work)


def do_items(run: Run, way: Way) -> None:
    """Do all trainings that are left, then all predictions of the networks that are trained.

    Raises:
        Incomplete: some items failed; all others are done.
    """
    failed = train_items(run, way)
    trained = [
        name
        for name in run.recipes
        if all(run.layout.training(name, fold).finished for fold in run.suite.folds.run)
    ]
    if trained:
        failed += predict_items(run, way, trained)
    check_done(failed)


def check_done(failed: Sequence[Outcome]) -> None:
    """Refuse to go on where items failed.

    Raises:
        Incomplete: some did; all others are done.
    """
    if failed:
        raise Incomplete(
            f"{several(len(failed), 'item')} failed, all others are done; the first: "
            f"{failed[0].item}: {failed[0].error}"
        )


def train_items(run: Run, way: Way, only: Sequence[str] = (), part: Part = WHOLE) -> list[Outcome]:
    """Do the trainings that are left, each claimed by this process; return those that failed."""
    items = training_items(run, only, part)
    with ExitStack() as claims:
        for item in items:
            stage = training_stage(run, item.recipes[0], item.fold)
            claims.enter_context(claimed(stage.claim, stage.folder))
        failed = list[Outcome]()
        for names in waves(run, only):  # an edge network learns from networks that are trained
            failed += _do(way, [item for item in items if item.recipes[0] in names])
        return failed


def predict_items(run: Run, way: Way, recipes: Sequence[str], part: Part = WHOLE) -> list[Outcome]:
    """Predict what is left with networks that are trained; return the items that failed.

    Damaged photographs are no failure here: whoever looks at the maps next says which they are.
    """
    failed = _do(way, prediction_items(run, recipes, way.workers, part))
    return [outcome for outcome in failed if not isinstance(outcome.error, Incomplete)]


def _do(way: Way, items: Sequence[Item]) -> list[Outcome]:
    """Do items; say how far they are; return those that failed."""
    if not items:
        return []
    began, done, total = time.monotonic(), 0.0, sum(item.work for item in items)
    failed: list[Outcome] = []
    with closing(way.run(items)) as outcomes:  # an error or Ctrl-C ends the workers here
        for count, outcome in enumerate(outcomes, start=1):
            done += outcome.item.work
            left_s = (time.monotonic() - began) * (total / max(done, 1e-9) - 1)
            what = f"failed: {outcome.error}" if outcome.error else "done"
            left = f", about {duration(left_s)} left" if count < len(items) else ""
            say(f"{count} of {several(len(items), 'item')}: {outcome.item}: {what}{left}")
            failed += [outcome] if outcome.error else []
    return failed
