"""Predict with members' networks: photographs wait for a full batch, maps go to stores.

An edge network's photographs do not wait: the strips of one fill batches. Their maps below it are
read.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from bench.config.machine import Machine
from bench.config.recipe import Recipe
from bench.data.images import read_image
from bench.masks.resize import shrink
from bench.masks.store import MapStore
from bench.masks.types import ReadMap, Size
from bench.networks.edge import Sharpener
from bench.networks.engines.engines import open_network
from bench.networks.infer import map_of, mean_probability
from bench.networks.quantised import quantised
from bench.networks.tta import views
from bench.networks.wanted import FoldTask
from bench.system.device import accelerator_of, enough_memory, refused_beyond_free_ram, wait_for
from bench.system.errors import BadData
from bench.system.progress import track
from bench.system.threads import BackgroundWorkers, prefetch


class MemberPredictor:
    """The networks of a recipe, which predict a fold batch by batch into a map store.

    Attributes:
        photographs: those of the fold, by image id.
        seconds: time spent since maps were last handed to the store: this member's own work, and
            its share of waiting for photographs.

    Raises:
        BadData: weights are damaged.
    """

    def __init__(self, recipe: Recipe, fold: FoldTask, maps: MapStore, machine: Machine) -> None:
        self.recipe, self._maps = recipe, maps
        self.photographs, self._hashes = fold.photographs, fold.hashes
        trainings = fold.trainings if self.photographs else ()
        engines = ["openvino" if quantised(training) else None for training in trainings]
        device = "cpu" if any(engines) else machine.device
        self._accelerator = accelerator_of(device, machine.precision)
        self._networks = [
            open_network(recipe, training, engine, self._accelerator)
            for training, engine in zip(trainings, engines, strict=True)
        ]
        self._views = views(recipe.tta)
        self._batch = min(machine.micro_batch or recipe.batch, recipe.batch)
        self.seconds = 0.0
        self._waiting: list[tuple[str, Size, Tensor]] = []

    def grids(self, photo: Size) -> set[Size]:
        """Return the sizes in which the networks see a photograph."""
        return {self.recipe.size}

    def add(
        self, image: str, size: Size, grids: Mapping[Size, Tensor], workers: BackgroundWorkers
    ) -> None:
        """Add a photograph of `size`, shrunk to (at least) each of `grids`: uint8 (3, h, w)."""
        self._waiting.append((image, size, grids[self.recipe.size]))
        if len(self._waiting) == self._batch:
            self.flush(workers)

    def flush(self, workers: BackgroundWorkers) -> None:
        """Predict the photographs that wait; the workers write the maps in the background.

        Raises:
            BenchError: the device's memory is full.
        """
        if not self._waiting:
            return
        began = time.monotonic()
        with (
            enough_memory(self.recipe.name, self._batch, self.recipe.size),
            refused_beyond_free_ram(self._accelerator.device),
        ):
            images = torch.stack([small for _, _, small in self._waiting])
            probabilities = mean_probability(
                self._networks, images, self._views, self._accelerator, max_batch=self._batch
            )
            wait_for(self._accelerator.device)  # or its time would count as the next member's
        predicted = time.monotonic()
        seconds = (self.seconds + predicted - began) / len(self._waiting)
        for (image, size, _), probability in zip(self._waiting, probabilities, strict=True):
            workers.submit(self._write, image, probability, size, seconds)
        self.seconds = time.monotonic() - predicted  # until the workers could take more
        self._waiting.clear()

    def _write(self, image: str, probability: Tensor, size: Size, seconds: float) -> None:
        with enough_memory(self.recipe.name, self._batch, self.recipe.size):
            map = map_of(probability, size)
        self._maps.write(image, map, self._hashes.get(image, ""), seconds)


class EdgePredictor(MemberPredictor):
    """Edge networks, which sharpen the maps of a fold photograph by photograph."""

    def __init__(
        self, recipe: Recipe, fold: FoldTask, maps: MapStore, machine: Machine, read_map: ReadMap
    ) -> None:
        super().__init__(recipe, fold, maps, machine)
        self._read_map = read_map
        at_once = recipe.model_copy(update={"batch": self._batch})
        self._sharpen = Sharpener(at_once, self._networks, self._accelerator)

    def grids(self, photo: Size) -> set[Size]:
        """Return the photograph's own size."""
        return {photo}

    def add(
        self, image: str, size: Size, grids: Mapping[Size, Tensor], workers: BackgroundWorkers
    ) -> None:
        """Sharpen the map of a photograph; a worker writes it in the background.

        Raises:
            BenchError: the device's memory is full.
        """
        began = time.monotonic()
        with (
            enough_memory(self.recipe.name, self._batch, self.recipe.size),
            refused_beyond_free_ram(self._accelerator.device),
        ):
            map = self._sharpen(grids[size].permute(1, 2, 0).numpy(), self._read_map(image))
        predicted = time.monotonic()
        seconds = self.seconds + predicted - began
        workers.submit(self._maps.write, image, map, self._hashes.get(image, ""), seconds)
        self.seconds = time.monotonic() - predicted  # until the workers could take more


def predict_together(
    predictors: Sequence[MemberPredictor], machine: Machine
) -> dict[str, BadData | None]:
    """Write the maps of members' photographs, each of which is read once.

    Returns:
        The photographs; those that are damaged with the error.
    """
    photographs = {
        image: path for predictor in predictors for image, path in predictor.photographs.items()
    }
    damaged: dict[str, BadData] = {}

    def read(image: str) -> tuple[str, Size, dict[Size, Tensor]] | None:
        asking = [each for each in predictors if image in each.photographs]
        try:
            return image, *_read_shrunk(photographs[image], asking)
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
                image, size, grids = photo
                lacking = [each for each in predictors if image in each.photographs]
                _charge(time.monotonic() - began, lacking)
                for predictor in lacking:
                    predictor.add(image, size, grids, workers)
            began = time.monotonic()
        for predictor in predictors:
            predictor.flush(workers)
    return {image: damaged.get(image) for image in photographs}


def _read_shrunk(
    path: Path, predictors: Sequence[MemberPredictor]
) -> tuple[Size, dict[Size, Tensor]]:
    """Read a photograph: its size, and its pixels on each predictor's grids as uint8 (3, h, w)."""
    photo = read_image(path)
    size = photo.shape[0], photo.shape[1]
    grids = {grid for each in predictors for grid in each.grids(size)}
    return size, {grid: torch.from_numpy(shrink(photo, grid)).permute(2, 0, 1) for grid in grids}


def _charge(seconds: float, predictors: Sequence[MemberPredictor]) -> None:
    """Charge time spent on shared work equally to the members."""
    for predictor in predictors:
        predictor.seconds += seconds / len(predictors)
