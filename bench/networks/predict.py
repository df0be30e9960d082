"""Trained networks and photographs -> probability maps, of several members in one pass.

Reads  weights.safetensors of trainings, and photographs. Writes map stores, image by image, and
       beside each a JSON file with the time it took, once every map is there.
"""

import hashlib
import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.config.recipe import Recipe
from bench.config.strict import to_yaml
from bench.data.images import read_image
from bench.masks.resize import shrink
from bench.masks.store import MapStore
from bench.masks.types import Size
from bench.networks.infer import mean_probability
from bench.networks.load import _weights, ready_network
from bench.networks.outputs import map_of
from bench.networks.tta import views
from bench.system.device import Machine, enough_memory, free_memory, wait_for
from bench.system.errors import BadData, Incomplete, Missing
from bench.system.files import sha256, write_json
from bench.system.progress import track
from bench.system.threads import BackgroundWorkers, prefetch

WEIGHTS = 0.25  # of free memory for weights; the rest is for what networks compute


@dataclass(frozen=True)
class Part:
    """Photographs and the trained networks, one or more, whose mean probability is their map."""

    trainings: Sequence[Path]  # folders with weights.safetensors
    photographs: Mapping[str, Path]  # by image id


@dataclass(frozen=True)
class Member:
    """A recipe, its networks with what they look at, and the store of its maps."""

    recipe: Recipe
    parts: Sequence[Part]
    store: Path


def run(members: Sequence[Member], machine: Machine) -> None:
    """Write the map of every photograph that its member's store lacks.

    A photograph is read once for all members, or for as many as fit into memory together. Every
    member has as many parts as the others, and parts at one place are of the same photographs.

    Raises:
        Missing: a network is not trained.
        BadData: weights are damaged.
        Incomplete: photographs are damaged; the maps of all others are there.
        BenchError: memory or the disk is full; the maps written so far are kept.
    """
    left = [member for member in members if not _is_complete(member)]
    damaged: dict[str, BadData] = {}
    images: set[str] = set()
    for group in _fitting(left, machine):
        with ExitStack() as stack:
            stores = [
                stack.enter_context(MapStore.create(each.store, made_by(each.recipe, each.parts)))
                for each in group
            ]
            turns = [_Turn() for _ in group]
            for parts in zip(*(member.parts for member in group), strict=True):
                looks = [
                    _Look(member, _without(part, set(maps.ids())), maps, turn, machine)
                    for member, part, maps, turn in zip(group, parts, stores, turns, strict=True)
                ]
                damaged |= _predict(looks, machine)
                images |= {image for look in looks for image in look.part.photographs}
        if not damaged:
            for member, turn in zip(group, turns, strict=True):
                write_json(_timing(member.store), turn.to_json())
    if damaged:
        raise Incomplete(
            f"{len(damaged)} of {len(images)} photographs are damaged, the maps of all others are "
            f"stored; the first: {next(iter(damaged.values()))}"
        )


def _fitting(members: Sequence[Member], machine: Machine) -> Iterator[list[Member]]:
    """The members in groups whose weights take at most WEIGHTS of the memory that is free."""
    room, taken, group = WEIGHTS * free_memory(machine), 0, list[Member]()
    for member in members:
        needed = sum(
            _weights(each).stat().st_size
            for part in member.parts
            for each in part.trainings
            if _weights(each).exists()
        )
        if group and taken + needed > room:
            yield group
            taken, group = 0, []
        taken, group = taken + needed, [*group, member]
    if group:
        yield group


def made_by(recipe: Recipe, parts: Sequence[Part]) -> dict[str, Any]:
    """What decides the maps: the recipe and the weights, as the store keeps it."""
    files = [_weights(folder) for part in parts for folder in part.trainings]
    untrained = [file for file in files if not (file.parent / "manifest.json").exists()]
    if untrained:
        raise Missing(f"{untrained[0].parent}: not trained to the end yet; train it first")
    return {
        "recipe_sha256": hashlib.sha256(to_yaml(recipe).encode()).hexdigest(),
        "weights_sha256": [sha256(file) for file in files],
    }


def _is_complete(member: Member) -> bool:
    """Whether a store has every map, made as it would be made now; it is only read."""
    if not member.store.exists():
        return False
    with MapStore.open(member.store) as maps:
        wanted = {image for part in member.parts for image in part.photographs}
        made = made_by(member.recipe, member.parts)
        return maps.made_by == made and wanted <= set(maps.ids())


def _without(part: Part, done: set[str]) -> Part:
    left = {image: path for image, path in part.photographs.items() if image not in done}
    return Part(part.trainings, left)


class _Turn:
    """How long a member's maps took: its own work, and its share of waiting for photographs."""

    def __init__(self) -> None:
        self.images = 0
        self.seconds = 0.0

    def to_json(self) -> dict[str, float]:
        """Images, and the time of one of them."""
        ms = self.seconds / self.images * 1000 if self.images else math.nan
        return {"images": self.images, "ms_per_image": ms}


class _Look:
    """The networks of a member's part, and the photographs that wait until a batch is full."""

    def __init__(
        self, member: Member, part: Part, maps: MapStore, turn: _Turn, machine: Machine
    ) -> None:
        self.recipe, self.part = member.recipe, part
        self._maps, self.turn = maps, turn
        self._accelerator = machine.accelerator()
        self._networks = [
            ready_network(member.recipe, training, self._accelerator.device)
            for training in (part.trainings if part.photographs else ())
        ]
        self._views = views(member.recipe.tta)
        self._batch = min(machine.micro_batch or self.recipe.batch, self.recipe.batch)
        self._waiting: list[tuple[str, Size, Tensor]] = []

    def take(self, image: str, size: Size, small: Tensor, workers: BackgroundWorkers) -> None:
        """A photograph of `size`, uint8 (3, h, w) on the network's grid."""
        self._waiting.append((image, size, small))
        if len(self._waiting) == self._batch:
            self.finish(workers)

    def finish(self, workers: BackgroundWorkers) -> None:
        """Find the maps of the photographs that wait; the workers write them meanwhile."""
        began = time.monotonic()
        if self._waiting:
            with enough_memory(self.recipe.name, self._batch, self.recipe.size):
                stacked = torch.stack([small for _, _, small in self._waiting])
                found = mean_probability(
                    self._networks, stacked, self._views, self._accelerator, most=self._batch
                )
                wait_for(self._accelerator.device)  # or the next member would be charged with it
            for (image, size, _), one in zip(self._waiting, found, strict=True):
                workers.submit(self._write, image, one, size)
        self.turn.images += len(self._waiting)
        self.turn.seconds += time.monotonic() - began
        self._waiting.clear()

    def _write(self, image: str, probability: Tensor, size: Size) -> None:
        with enough_memory(self.recipe.name, self._batch, self.recipe.size):
            map = map_of(probability, size)
        self._maps.write(image, map)


def _predict(looks: Sequence[_Look], machine: Machine) -> dict[str, BadData]:
    """Write the maps that all these lack; by image, what is wrong with those not to be read."""
    photographs = {image: path for look in looks for image, path in look.part.photographs.items()}
    damaged: dict[str, BadData] = {}

    def read(image: str) -> tuple[str, Size, dict[Size, Tensor]] | None:
        sizes = {look.recipe.size for look in looks if image in look.part.photographs}
        try:
            return image, *_shrunk(photographs[image], sizes)
        except BadData as error:
            damaged[image] = error
            return None

    label = (
        f"{looks[0].recipe.name}: predict" if len(looks) == 1 else f"predict {len(looks)} members"
    )
    with BackgroundWorkers(machine.jobs) as workers:
        began = time.monotonic()
        shrunk = prefetch(read, list(photographs), machine.jobs)
        for found in track(shrunk, label, len(photographs)):
            if found:
                image, size, small = found
                taking = [look for look in looks if image in look.part.photographs]
                _share(time.monotonic() - began, taking)
                for look in taking:
                    look.take(image, size, small[look.recipe.size], workers)
            began = time.monotonic()
        for look in looks:
            look.finish(workers)
        began = time.monotonic()
    _share(time.monotonic() - began, [look for look in looks if look.part.photographs])
    return damaged


def _shrunk(path: Path, sizes: set[Size]) -> tuple[Size, dict[Size, Tensor]]:
    """A photograph's size, and it on networks' grids: uint8 (3, h, w)."""
    photo = read_image(path)
    small = {size: torch.from_numpy(shrink(photo, size)).permute(2, 0, 1) for size in sizes}
    return (photo.shape[0], photo.shape[1]), small


def _share(seconds: float, looks: Sequence[_Look]) -> None:
    """Time that was spent for all of them."""
    for look in looks:
        look.turn.seconds += seconds / len(looks)


def ms_per_image(store: Path) -> float:
    """How long a map of this store took, from photograph to disk.

    NaN where the process was killed between the last map and the note of its time.
    """
    timing = _timing(store)
    return float(json.loads(timing.read_text())["ms_per_image"]) if timing.exists() else math.nan


def _timing(store: Path) -> Path:
    return store.with_suffix(".json")
