"""Trained networks and photographs -> probability maps.

Reads  weights.safetensors of trainings, and photographs. Writes a map store, image by image, and
       beside it a JSON file with the time it took, once every map is there.
"""

import hashlib
import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from bench.carvana import read_image
from bench.config import Recipe, to_yaml
from bench.device import Machine, enough_memory
from bench.errors import BadData, Incomplete, Missing
from bench.files import sha256, write_json
from bench.maps import MapStore
from bench.networks import build
from bench.parallel import ahead, batched
from bench.progress import track
from bench.resize import Size, grow, shrink
from bench.tta import View, probabilities, views


@dataclass(frozen=True)
class Part:
    """Photographs and the trained networks, one or more, whose mean probability is their map."""

    trainings: Sequence[Path]  # folders with weights.safetensors
    photographs: Mapping[str, Path]  # by image id


def run(name: str, recipe: Recipe, parts: Sequence[Part], store: Path, machine: Machine) -> None:
    """Write the map of every photograph that has none in the store yet.

    Raises:
        Missing: a network is not trained.
        BadData: weights are damaged.
        Incomplete: photographs are damaged; the maps of all others are there.
        BenchError: memory or the disk is full; the maps written so far are kept.
    """
    if _is_complete(store, recipe, parts):
        return
    with MapStore.create(store, made_by(recipe, parts)) as maps:
        done = set(maps.ids())
        left = [_without(part, done) for part in parts]
        began = time.monotonic()
        damaged = [error for part in left for error in _predict(name, recipe, part, maps, machine)]
        images = sum(len(part.photographs) for part in left)
        ms = (time.monotonic() - began) / images * 1000
    if damaged:
        raise Incomplete(
            f"{len(damaged)} of {images} photographs are damaged, the maps of all others are "
            f"stored; the first: {damaged[0]}"
        )
    write_json(_timing(store), {"images": images, "ms_per_image": ms})


def made_by(recipe: Recipe, parts: Sequence[Part]) -> dict[str, Any]:
    """What decides the maps: the recipe and the weights, as the store keeps it."""
    files = [folder / "weights.safetensors" for part in parts for folder in part.trainings]
    untrained = [file for file in files if not (file.parent / "manifest.json").exists()]
    if untrained:
        raise Missing(f"{untrained[0].parent}: not trained to the end yet; train it first")
    return {
        "recipe_sha256": hashlib.sha256(to_yaml(recipe).encode()).hexdigest(),
        "weights_sha256": [sha256(file) for file in files],
    }


def _is_complete(store: Path, recipe: Recipe, parts: Sequence[Part]) -> bool:
    """Whether a store has every map, made as it would be made now; it is only read."""
    if not store.exists():
        return False
    with MapStore.open(store) as maps:
        wanted = {image for part in parts for image in part.photographs}
        return maps.made_by == made_by(recipe, parts) and wanted <= set(maps.ids())


def load_network(name: str, recipe: Recipe, training: Path) -> nn.Module:
    """The trained network of a folder, in evaluation mode.

    Raises:
        BadData: the weights are damaged or belong to another network.
    """
    network = build(name, recipe, pretrained=False)
    path = training / "weights.safetensors"
    try:
        network.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise BadData(f"{path}: damaged or of another network ({error}); train again") from error
    return network.eval()


def _without(part: Part, done: set[str]) -> Part:
    left = {image: path for image, path in part.photographs.items() if image not in done}
    return Part(part.trainings, left)


def _predict(
    name: str, recipe: Recipe, part: Part, maps: MapStore, machine: Machine
) -> list[BadData]:
    """Write the maps of a part; what is wrong with photographs that could not be read."""
    accelerator = machine.accelerator()
    networks = [
        load_network(name, recipe, training).to(accelerator.device) for training in part.trainings
    ]
    seen = views(recipe.tta.scales, recipe.tta.flip)
    batch = min(machine.micro_batch or recipe.batch, recipe.batch)
    images = list(part.photographs)
    damaged: list[BadData] = []

    def read(image: str) -> tuple[str, Size, Tensor] | None:
        try:
            photo = read_image(part.photographs[image])
        except BadData as error:
            damaged.append(error)
            return None
        small = shrink(photo, recipe.size)
        return image, (photo.shape[0], photo.shape[1]), torch.from_numpy(small).permute(2, 0, 1)

    photos = track(ahead(read, images, machine.jobs), f"{name}: predict", len(images))
    with enough_memory(name, batch, recipe.size):
        for some in batched((photo for photo in photos if photo), batch):
            stacked = torch.stack([small for _, _, small in some])
            found = mean_probability(networks, stacked, seen, accelerator)
            for (image, size, _), one in zip(some, found, strict=True):
                maps.write(image, grow(one.numpy(), size))
    return damaged


def mean_probability(
    networks: Sequence[nn.Module], images: Tensor, seen: Sequence[View], accelerator: Accelerator
) -> Tensor:
    """float32 (B, H, W) in [0, 1], on the CPU, of uint8 images (B, 3, H, W)."""
    images = images.to(accelerator.device)
    with accelerator.autocast():
        found = [probabilities(network, images, seen) for network in networks]
    return torch.stack(found).mean(0).cpu()


def ms_per_image(store: Path) -> float:
    """How long a map of this store took, from photograph to disk.

    NaN where the process was killed between the last map and the note of its time.
    """
    timing = _timing(store)
    return float(json.loads(timing.read_text())["ms_per_image"]) if timing.exists() else math.nan


def _timing(store: Path) -> Path:
    return store.with_suffix(".json")
