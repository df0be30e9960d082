"""Trained networks and photographs -> probability maps, of several members in one pass.

Reads  weights.safetensors of trainings, and photographs. Writes map stores, image by image: each
       map with the hash of its photograph and the time it took; and beside each store a JSON file
       with the mean time, for people.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.config.part import WHOLE, Part
from bench.config.recipe import Recipe
from bench.data.images import read_image
from bench.masks.resize import shrink
from bench.masks.store import MapStore
from bench.masks.types import Size
from bench.networks.manifest import TRAIN_AGAIN, check_weights
from bench.networks.predictor import FoldTask, MemberPredictor
from bench.system.device import Machine, free_memory
from bench.system.errors import BadData, Incomplete, Missing
from bench.system.files import json_text, sha256, update_text
from bench.system.progress import say, track
from bench.system.threads import BackgroundWorkers, prefetch

VERSION = 1  # raised when the same weights would give other maps: no older map is then current
WEIGHTS_SHARE = 0.25  # of free memory for weights; the rest is for what networks compute


@dataclass(frozen=True)
class PredictionTask:
    """A recipe, the photographs that each of its networks predicts, and the store of its maps."""

    recipe: Recipe
    folds: Sequence[FoldTask]
    store: Path
    part: Part = WHOLE  # of the cars that the member predicts in all


def run(tasks: Sequence[PredictionTask], machine: Machine) -> None:
    """Write the map of every photograph that its member's store lacks.

    Lacking, too, is the map of a photograph whose content was another, and every map in a store
    that another recipe or other weights made. Each photograph is read once for all members whose
    weights fit into memory together. All members have the same number of folds, and their k-th
    folds list the same photographs.

    Raises:
        Missing: a network is not trained.
        BadData: weights are damaged.
        Incomplete: photographs are damaged; the maps of all others are there.
        BenchError: memory or the disk is full; the maps written so far are kept.
    """
    unfinished = [task for task in tasks if _has_to_predict(task)]
    for training in {each for task in unfinished for fold in task.folds for each in fold.trainings}:
        check_weights(training)  # before any map of other weights goes
    damaged: dict[str, BadData] = {}
    images: set[str] = set()
    for group in _groups(unfinished, machine):
        with ExitStack() as stack:
            stores = [
                stack.enter_context(MapStore.renew(task.store, made_by(task.recipe, task.folds)))
                for task in group
            ]
            for folds in zip(*(task.folds for task in group), strict=True):
                predictors = [
                    MemberPredictor(task.recipe, fold, maps, machine)
                    for task, fold, maps in zip(group, folds, stores, strict=True)
                ]
                damaged |= _predict(predictors, machine)
                images |= {image for each in predictors for image in each.photographs}
            for task, maps in zip(group, stores, strict=True):
                update_text(timing_file(task.store), _timing(maps))
    if damaged:
        raise Incomplete(
            f"{len(damaged)} of {len(images)} photographs are damaged, the maps of all others are "
            f"stored; the first: {next(iter(damaged.values()))}"
        )


def _has_to_predict(task: PredictionTask) -> bool:
    """Whether a member lacks maps; says why one that has a store already does."""
    why = reasons(task)
    for reason in why if task.store.exists() else ():
        say(f"predict: {reason}")
    return bool(why)


def reasons(task: PredictionTask) -> list[str]:
    """Say why a member has to predict, a phrase each; nothing where its store is current.

    Raises:
        Missing: a network is not trained to the end.
    """
    name, maker = task.recipe.name, made_by(task.recipe, task.folds)
    maps = MapStore.find(task.store)
    if not maps:
        return [f"no maps of {name} yet"]
    with maps:
        if maps.made_by != maker:
            return [f"the maps of {name} are of other weights or another recipe"]
        stored = set(maps.ids())
        lacking = {image for fold in task.folds for image in fold.lacking(maps)}
        timing = timing_file(task.store)
        timed = timing.is_file() and timing.read_bytes() == _timing(maps).encode()
    counts = {"no maps yet": len(lacking - stored), "changed": len(lacking & stored)}
    reasons = [f"{name}: {count} photographs {what}" for what, count in counts.items() if count]
    return reasons or ([] if timed else [f"{timing.name} of {name} is missing or damaged"])


def lacking(task: PredictionTask) -> set[str]:
    """Return the photographs whose maps have to be predicted, or predicted again.

    Raises:
        Missing: a network is not trained to the end.
    """
    maker = made_by(task.recipe, task.folds)
    maps = MapStore.find(task.store)
    if not maps:
        return {image for fold in task.folds for image in fold.photographs}
    with maps:
        if maps.made_by != maker:
            return {image for fold in task.folds for image in fold.photographs}
        return {image for fold in task.folds for image in fold.lacking(maps)}


def timing_file(store: Path) -> Path:
    """Return the file beside a store that says how long a map took."""
    return store.with_suffix(".json")


def _timing(maps: MapStore) -> str:
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
    with MapStore.open(store) as maps:
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


def _predict(predictors: Sequence[MemberPredictor], machine: Machine) -> dict[str, BadData]:
    """Write every missing map; return the photographs that could not be read with their errors."""
    photographs = {
        image: path for predictor in predictors for image, path in predictor.photographs.items()
    }
    damaged: dict[str, BadData] = {}

    def read(image: str) -> tuple[str, Size, dict[Size, Tensor]] | None:
        sizes = {each.recipe.size for each in predictors if image in each.photographs}
        try:
            return image, *_read_shrunk(photographs[image], sizes)
        except BadData as error:
            damaged[image] = error
            return None

    name = predictors[0].recipe.name
    label = f"{name}: predict" if len(predictors) == 1 else f"predict {len(predictors)} members"
    with BackgroundWorkers(machine.jobs) as workers:
        began = time.monotonic()
        shrunk = prefetch(read, list(photographs), machine.jobs)
        for photo in track(shrunk, label, len(photographs)):
            if photo:
                image, size, small = photo
                lacking = [each for each in predictors if image in each.photographs]
                _charge(time.monotonic() - began, lacking)
                for predictor in lacking:
                    predictor.add(image, size, small[predictor.recipe.size], workers)
            began = time.monotonic()
        for predictor in predictors:
            predictor.flush(workers)
    return damaged


def _read_shrunk(path: Path, sizes: set[Size]) -> tuple[Size, dict[Size, Tensor]]:
    """Read a photograph: its size, and its pixels on each grid as uint8 (3, h, w)."""
    photo = read_image(path)
    small = {size: torch.from_numpy(shrink(photo, size)).permute(2, 0, 1) for size in sizes}
    return (photo.shape[0], photo.shape[1]), small


def _charge(seconds: float, predictors: Sequence[MemberPredictor]) -> None:
    """Charge time spent on shared work equally to the members."""
    for predictor in predictors:
        predictor.seconds += seconds / len(predictors)
