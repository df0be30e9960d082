"""Trained networks and photographs -> probability maps, of several members in one pass.

Reads  weights.safetensors of trainings, and photographs. Writes map stores, image by image: each
       map with the hash of its photograph and the time it took; and beside each store a JSON file
       with the mean time, for people.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.config.machine import Machine
from bench.config.part import WHOLE, Part
from bench.config.recipe import Recipe
from bench.data.image_ids import car_of
from bench.masks.damage import remove
from bench.masks.parts import find_maps
from bench.masks.publishing import is_elsewhere, published, written_store
from bench.masks.store import MapStore
from bench.masks.types import ReadMap
from bench.networks.manifest import check_weights
from bench.networks.predictor import EdgePredictor, MemberPredictor, predict_together
from bench.networks.quantised import check_quantised
from bench.networks.wanted import (
    PHOTOGRAPHS,
    FoldTask,
    PredictionTask,
    folds_lacking,
    made_by,
    noted_other_cores,
    reasons,
    timing,
    timing_file,
)
from bench.system.claims import claim_of, claimed
from bench.system.device import device_named, free_memory
from bench.system.environment import OtherWork
from bench.system.errors import BadData, Incomplete
from bench.system.files import update_text
from bench.system.progress import say
from bench.system.text import several

WEIGHTS_SHARE = 0.25  # of free memory for weights; the rest is for what networks compute


def run(tasks: Sequence[PredictionTask], machine: Machine, scratch: Path | None = None) -> None:
    """Write the map of every photograph of which its member has none.

    Lacking, too, is the map of a photograph whose content was another, and every map that another
    recipe or other weights made. Each photograph is read once for all members whose weights fit
    into memory together; edge networks follow when the maps below them are there. All members have
    the same number of folds, and their k-th folds list the same photographs.

    What lies in other stores of a member, as those of parts, is not predicted again. A part of the
    cars goes to a store of its own; only without a part, stores that something else made go, too.
    On a network file system all goes to stores of parts, each complete when it appears.

    Args:
        scratch: a folder on a disk of this machine, in which to write stores.

    Raises:
        Missing: a network is not trained.
        BadData: weights are damaged.
        Incomplete: photographs are damaged; the maps of all others are there.
        BenchError: memory or the disk is full; the maps written so far are kept.
    """
    unfinished = [task for task in tasks if _has_to_predict(task)]
    unfinished += [task for task in _below(unfinished, tasks) if _has_to_predict(task)]
    for training in {each for task in unfinished for fold in task.folds for each in fold.trainings}:
        check_weights(training)  # before any map of other weights goes
        check_quantised(training)
    seen: dict[str, BadData | None] = {}
    others = OtherWork()
    for edges in (False, True):
        for group in _groups([task for task in unfinished if bool(task.base) == edges], machine):
            seen |= _predict_group(group, machine, scratch)
    cores = others.cores()
    for task in {task.store: task for task in (*tasks, *unfinished)}.values():
        noted = timing_file(task.store)
        if task.part == WHOLE and (task in unfinished or not noted.is_file()):
            before = 0.0
            with suppress(BadData):  # the file is damaged, and written anew
                before = noted_other_cores(task.store)
            with find_maps(task.store) as maps:
                update_text(noted, timing(maps, max(before, cores if task in unfinished else 0)))
    damaged = [error for error in seen.values() if error]
    if damaged:
        asked = {image for task in tasks for fold in task.folds for image in fold.photographs}
        raise Incomplete(
            f"{len(damaged)} of {several(len(asked), 'photograph')} cannot be read, the maps of "
            f"all others are stored; the first: {damaged[0]}"
        )


def _below(
    edges: Sequence[PredictionTask], asked: Sequence[PredictionTask]
) -> list[PredictionTask]:
    """Return what lies below edge networks and was not asked for, none of it twice."""
    below = {each.store: each for task in edges if task.base for each in task.base.members}
    return [task for store, task in below.items() if store not in {each.store for each in asked}]


def _predict_group(
    tasks: Sequence[PredictionTask], machine: Machine, scratch: Path | None
) -> dict[str, BadData | None]:
    """Write what the maps of some members lack; return the photographs, damaged ones with why."""
    makers = {task.store: made_by(task) for task in tasks}
    for task in tasks:
        if task.part == WHOLE:
            _remove_outdated(task, makers[task.store], scratch)
    seen: dict[str, BadData | None] = {}
    for step in zip(*(_steps(task, makers[task.store], scratch) for task in tasks), strict=True):
        todo = [task for task in step if any(fold.photographs for fold in task.folds)]
        with ExitStack() as stack:
            stores = [
                stack.enter_context(_written(task, makers[task.store], scratch)) for task in todo
            ]
            below = [stack.enter_context(task.base.maps()) if task.base else None for task in todo]
            for folds in zip(*(task.folds for task in todo), strict=True):
                predictors = [
                    _predictor(task.recipe, fold.lacking(maps), maps, machine, read_map)
                    for task, fold, maps, read_map in zip(todo, folds, stores, below, strict=True)
                ]
                seen |= predict_together(predictors, machine)
    return seen


def _predictor(
    recipe: Recipe, fold: FoldTask, maps: MapStore, machine: Machine, read_map: ReadMap | None
) -> MemberPredictor:
    """Return the networks of a recipe, ready to predict a fold into a map store."""
    if read_map:
        return EdgePredictor(recipe, fold, maps, machine, read_map)
    return MemberPredictor(recipe, fold, maps, machine)


def _remove_outdated(task: PredictionTask, maker: dict[str, Any], scratch: Path | None) -> None:
    """Remove stores that something else made, and maps that new ones beside them cannot hide.

    Raises:
        Taken: another process writes one of the stores.
    """
    hashes = {image: digest for fold in task.folds for image, digest in fold.hashes.items()}
    outdated = {}
    with find_maps(task.store) as maps:
        others = [file for file, made_by in maps.makers.items() if made_by != maker]
        if is_elsewhere(task.store, scratch):
            for file in maps.only(maker).files:
                made_from = maps.only(maker, [file]).made_from()
                changed = made_from.items() - hashes.items()
                outdated[file] = [image for image, _ in changed if image in hashes]
    for file in others:
        with claimed(claim_of(file), file):
            remove(file)
    for file, images in outdated.items():
        if images:
            with published(file, maker, scratch) as store:
                store.forget(images)


def _steps(
    task: PredictionTask, maker: dict[str, Any], scratch: Path | None
) -> list[PredictionTask]:
    """Return what a task has to predict, in parts where a store appears only when it is complete.

    So little is lost when the process is killed.
    """
    left = replace(task, folds=folds_lacking(task, maker))
    if task.part != WHOLE or not is_elsewhere(task.store, scratch):
        return [left]
    images = [image for fold in task.folds for image in fold.photographs]
    of = max(1, math.ceil(len(images) / PHOTOGRAPHS))
    parts = [Part(index + 1, of) for index in range(of)]
    cars = sorted({car_of(image) for image in images})
    part_of = {car: part for part in parts for car in part.share(cars)}
    shares: dict[Part, list[dict[str, Path]]] = {part: [{} for _ in left.folds] for part in parts}
    for number, fold in enumerate(left.folds):
        for image, path in fold.photographs.items():
            shares[part_of[car_of(image)]][number][image] = path
    return [
        replace(
            left,
            part=part,
            folds=[
                replace(fold, photographs=share)
                for fold, share in zip(left.folds, shares[part], strict=True)
            ],
        )
        for part in parts
    ]


def _written(
    task: PredictionTask, maker: dict[str, Any], scratch: Path | None
) -> AbstractContextManager[MapStore]:
    """Return the store to write to; whoever does a part may be taken for dead, and wake up."""
    if task.part == WHOLE:
        return written_store(task.file, maker, scratch)
    return published(task.file, maker, scratch)


def _has_to_predict(task: PredictionTask) -> bool:
    """Whether a member lacks maps; says why one that has a store already does."""
    why = reasons(task)
    for reason in why if task.file.exists() else ():
        say(f"predict: {reason}")
    return bool(why)


def _groups(tasks: Sequence[PredictionTask], machine: Machine) -> Iterator[list[PredictionTask]]:
    """Yield the members in groups whose weights take at most WEIGHTS_SHARE of the free memory."""
    limit = WEIGHTS_SHARE * free_memory(device_named(machine.device))
    taken, group = 0, list[PredictionTask]()
    for task in tasks:
        weights = [training.weights for fold in task.folds for training in fold.trainings]
        needed = sum(path.stat().st_size for path in weights if path.exists())
        if group and taken + needed > limit:
            yield group
            taken, group = 0, []
        taken, group = taken + needed, [*group, task]
    if group:
        yield group
