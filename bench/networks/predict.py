"""Trained networks and photographs -> probability maps, of several members in one pass.

Reads  weights.safetensors of trainings, and photographs. Writes map stores, image by image: each
       map with the hash of its photograph and the time it took; and beside each store a JSON file
       with the mean time, for people.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.config.part import WHOLE, Part
from bench.config.recipe import Recipe
from bench.data.image_ids import car_of
from bench.masks.damage import claim_of, remove
from bench.masks.parts import Maps, find_maps, open_maps, part_path
from bench.masks.publishing import is_elsewhere, published, written_store
from bench.masks.store import MapStore
from bench.networks.manifest import TRAIN_AGAIN, check_weights
from bench.networks.predictor import FoldTask, MemberPredictor, predict_together
from bench.system.claims import claimed
from bench.system.device import Machine, free_memory
from bench.system.errors import BadData, Incomplete, Missing
from bench.system.files import json_text, sha256, update_text
from bench.system.progress import say

VERSION = 1  # raised when the same weights would give other maps: no older map is then current
PHOTOGRAPHS = 1000  # about so many are lost at most where stores appear complete
WEIGHTS_SHARE = 0.25  # of free memory for weights; the rest is for what networks compute


@dataclass(frozen=True)
class PredictionTask:
    """A recipe, the photographs that each of its networks predicts, and the store of its maps."""

    recipe: Recipe
    folds: Sequence[FoldTask]
    store: Path
    part: Part = WHOLE  # of the cars that the member predicts in all

    @property
    def file(self) -> Path:
        """The store that is written: the whole one, or that of the part."""
        if self.part == WHOLE:
            return self.store
        return part_path(self.store, self.part.index, self.part.of)


def run(tasks: Sequence[PredictionTask], machine: Machine, scratch: Path | None = None) -> None:
    """Write the map of every photograph of which its member has none.

    Lacking, too, is the map of a photograph whose content was another, and every map that another
    recipe or other weights made. Each photograph is read once for all members whose weights fit
    into memory together. All members have the same number of folds, and their k-th folds list the
    same photographs.

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
    for training in {each for task in unfinished for fold in task.folds for each in fold.trainings}:
        check_weights(training)  # before any map of other weights goes
    seen: dict[str, BadData | None] = {}
    for group in _groups(unfinished, machine):
        seen |= _predict_group(group, machine, scratch)
    for task in tasks:
        timing = timing_file(task.store)
        if task.part == WHOLE and (task in unfinished or not timing.is_file()):
            with find_maps(task.store) as maps:
                update_text(timing, _timing(maps))
    damaged = [error for error in seen.values() if error]
    if damaged:
        raise Incomplete(
            f"{len(damaged)} of {len(seen)} photographs are damaged, the maps of all others are "
            f"stored; the first: {damaged[0]}"
        )


def _predict_group(
    tasks: Sequence[PredictionTask], machine: Machine, scratch: Path | None
) -> dict[str, BadData | None]:
    """Write what the maps of some members lack; return the photographs, damaged ones with why."""
    makers = {task.store: made_by(task.recipe, task.folds) for task in tasks}
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
            for folds in zip(*(task.folds for task in todo), strict=True):
                predictors = [
                    MemberPredictor(task.recipe, fold.lacking(maps), maps, machine)
                    for task, fold, maps in zip(todo, folds, stores, strict=True)
                ]
                seen |= predict_together(predictors, machine)
    return seen


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
    left = replace(task, folds=_lacking(task, maker))
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


def reasons(task: PredictionTask) -> list[str]:
    """Say why a member has to predict, a phrase each; nothing where its maps are current.

    Raises:
        Missing: a network is not trained to the end.
    """
    name, maker = task.recipe.name, made_by(task.recipe, task.folds)
    with find_maps(task.store) as maps:
        if not maps.files:
            return [f"no maps of {name} yet"]
        if task.part == WHOLE and any(made_by != maker for made_by in maps.makers.values()):
            return [f"the maps of {name} are of other weights or another recipe"]
        stored = set(maps.only(maker).ids())
        timing = timing_file(task.store)
        timed = maps.files != [task.store] or (
            timing.is_file() and timing.read_bytes() == _timing(maps).encode()
        )
    left = {image for fold in _lacking(task, maker) for image in fold.photographs}
    counts = {"no maps yet": len(left - stored), "changed": len(left & stored)}
    reasons = [f"{name}: {count} photographs {what}" for what, count in counts.items() if count]
    return reasons or ([] if timed else [f"{timing.name} of {name} is missing or damaged"])


def lacking(task: PredictionTask) -> set[str]:
    """Return the photographs whose maps have to be predicted, or predicted again.

    Raises:
        Missing: a network is not trained to the end.
    """
    folds = _lacking(task, made_by(task.recipe, task.folds))
    return {image for fold in folds for image in fold.photographs}


def _lacking(task: PredictionTask, maker: dict[str, Any]) -> list[FoldTask]:
    """Return the photographs of each fold that have no current map.

    A part leaves an outdated map in another store as it is, and so lacks nothing once its own store
    has the current one. Without a part, the whole store gets it, where it is read first.
    """
    with find_maps(task.store) as maps:
        folds = [fold.lacking(maps.only(maker)) for fold in task.folds]
        if task.part != WHOLE:
            folds = [fold.lacking(maps.only(maker, [task.file])) for fold in folds]
    return folds


def timing_file(store: Path) -> Path:
    """Return the file beside a store that says how long a map took."""
    return store.with_suffix(".json")


def _timing(maps: Maps) -> str:
    """Return what the file beside a store says."""
    return json_text({"images": len(maps.ids()), "ms_per_image": 1000 * maps.seconds_per_map})


def made_by(recipe: Recipe, folds: Sequence[FoldTask]) -> dict[str, Any]:
    """Return what decides the maps of all photographs, which the store of the maps records.

    Raises:
        Missing: a network is not trained to the end, or its weights are gone.
    """
    trainings = [training for fold in folds for training in fold.trainings]
    for training in trainings:
        if not training.finished:
            raise Missing(f"{training.folder}: not trained to the end yet; train it first")
        if not training.weights.is_file():
            raise Missing(f"{training.weights}: not there; put it back, or {TRAIN_AGAIN}")
    return {
        "recipe_fields": recipe.map_fields(),
        "weights_sha256": [sha256(training.weights) for training in trainings],
        "version": VERSION,
    }


def ms_per_image(store: Path) -> float:
    """Return the mean time of a map of this store in ms, from photograph to disk; NaN: unknown."""
    with open_maps(store) as maps:
        return 1000 * maps.seconds_per_map


def _groups(tasks: Sequence[PredictionTask], machine: Machine) -> Iterator[list[PredictionTask]]:
    """Yield the members in groups whose weights take at most WEIGHTS_SHARE of the free memory."""
    limit, taken, group = WEIGHTS_SHARE * free_memory(machine), 0, list[PredictionTask]()
    for task in tasks:
        weights = [training.weights for fold in task.folds for training in fold.trainings]
        needed = sum(path.stat().st_size for path in weights if path.exists())
        if group and taken + needed > limit:
            yield group
            taken, group = 0, []
        taken, group = taken + needed, [*group, task]
    if group:
        yield group
