"""Predict with one member's networks: photographs wait for a full batch, maps go to a store."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from bench.config.layout import TrainingFolder
from bench.config.recipe import Recipe
from bench.masks.store import MapStore
from bench.masks.types import Size
from bench.networks.infer import mean_probability
from bench.networks.load import ready_network
from bench.networks.outputs import map_of
from bench.networks.tta import views
from bench.system.device import Machine, enough_memory, refused_beyond_free_ram, wait_for
from bench.system.threads import BackgroundWorkers


@dataclass(frozen=True)
class FoldTask:
    """Photographs, and the trained networks, one or more, whose mean probability is each map."""

    trainings: Sequence[TrainingFolder]
    photographs: Mapping[str, Path]  # by image id


class Stopwatch:
    """The time of a member's maps: its own work, and its share of waiting for photographs."""

    def __init__(self) -> None:
        self.images = 0
        self.seconds = 0.0

    def to_json(self) -> dict[str, float]:
        """Return the number of images and the mean ms of an image; NaN where there is none."""
        ms = self.seconds / self.images * 1000 if self.images else math.nan
        return {"images": self.images, "ms_per_image": ms}


class MemberPredictor:
    """The networks of a recipe, which predict a fold batch by batch into a map store.

    Attributes:
        photographs: those whose maps the store lacks, by image id.

    Raises:
        BadData: weights are damaged.
    """

    def __init__(
        self,
        recipe: Recipe,
        fold: FoldTask,
        maps: MapStore,
        stopwatch: Stopwatch,
        machine: Machine,
    ) -> None:
        self.recipe, self._maps, self.stopwatch = recipe, maps, stopwatch
        self._accelerator = machine.accelerator()
        device = self._accelerator.device
        stored = set(maps.ids())
        self.photographs = {
            image: path for image, path in fold.photographs.items() if image not in stored
        }
        trainings = fold.trainings if self.photographs else ()
        self._networks = [ready_network(recipe, training, device) for training in trainings]
        self._views = views(recipe.tta)
        self._batch = min(machine.micro_batch or recipe.batch, recipe.batch)
        self._waiting: list[tuple[str, Size, Tensor]] = []

    def add(self, image: str, size: Size, small: Tensor, workers: BackgroundWorkers) -> None:
        """Add a photograph of `size`, shrunk to the network's grid: uint8 (3, h, w)."""
        self._waiting.append((image, size, small))
        if len(self._waiting) == self._batch:
            self.flush(workers)

    def flush(self, workers: BackgroundWorkers) -> None:
        """Predict the photographs that wait; the workers write the maps in the background.

        Raises:
            BenchError: the device's memory is full.
        """
        began = time.monotonic()
        if self._waiting:
            with (
                enough_memory(self.recipe.name, self._batch, self.recipe.size),
                refused_beyond_free_ram(self._accelerator.device),
            ):
                images = torch.stack([small for _, _, small in self._waiting])
                probabilities = mean_probability(
                    self._networks, images, self._views, self._accelerator, max_batch=self._batch
                )
                wait_for(self._accelerator.device)  # or its time would count as the next member's
            for (image, size, _), probability in zip(self._waiting, probabilities, strict=True):
                workers.submit(self._write, image, probability, size)
        self.stopwatch.images += len(self._waiting)
        self.stopwatch.seconds += time.monotonic() - began
        self._waiting.clear()

    def _write(self, image: str, probability: Tensor, size: Size) -> None:
        with enough_memory(self.recipe.name, self._batch, self.recipe.size):
            map = map_of(probability, size)
        self._maps.write(image, map)
