"""Trained networks and photographs -> probability maps.

Reads  weights.safetensors of trainings, and photographs. Writes a map store, image by image, and
       beside it a JSON file with the time it took, once every map is there.
"""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from bench.carvana import read_image
from bench.config import Recipe, to_yaml
from bench.device import Machine, enough_memory
from bench.errors import BadData, Missing
from bench.files import sha256, write_json
from bench.maps import MapStore
from bench.networks import build
from bench.parallel import ahead
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
        BadData: weights or a photograph are damaged.
        BenchError: memory or the disk is full; the maps written so far are kept.
    """
    timing = store.with_suffix(".json")
    if _is_complete(store, recipe, parts):
        return
    with MapStore.create(store, made_by(recipe, parts)) as maps:
        done = set(maps.ids())
        left = [_without(part, done) for part in parts]
        if not any(part.photographs for part in left):
            return
        began = time.monotonic()
        for part in left:
            _predict(name, recipe, part, maps, machine)
        images = sum(len(part.photographs) for part in left)
        ms = (time.monotonic() - began) / images * 1000
    write_json(timing, {"images": images, "ms_per_image": ms})


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


def _predict(name: str, recipe: Recipe, part: Part, maps: MapStore, machine: Machine) -> None:
    accelerator = machine.accelerator()
    networks = [
        load_network(name, recipe, training).to(accelerator.device) for training in part.trainings
    ]
    seen = views(recipe.tta.scales, recipe.tta.flip)
    batch = min(machine.micro_batch or recipe.batch, recipe.batch)
    images = list(part.photographs)
    batches = [images[first : first + batch] for first in range(0, len(images), batch)]

    def read(some: list[str]) -> tuple[list[str], list[Size], Tensor]:
        photos = [read_image(part.photographs[image]) for image in some]
        small = np.stack([shrink(photo, recipe.size) for photo in photos])
        sizes = [(photo.shape[0], photo.shape[1]) for photo in photos]
        return some, sizes, torch.from_numpy(small).permute(0, 3, 1, 2)

    counted = track(ahead(read, batches, machine.jobs), f"{name}: predict", len(batches))
    with enough_memory(name, batch, recipe.size):
        for some, sizes, photos in counted:
            found = mean_probability(networks, photos, seen, accelerator)
            for image, size, one in zip(some, sizes, found, strict=True):
                maps.write(image, grow(one.numpy(), size))


def mean_probability(
    networks: Sequence[nn.Module], images: Tensor, seen: Sequence[View], accelerator: Accelerator
) -> Tensor:
    """float32 (B, H, W) in [0, 1], on the CPU, of uint8 images (B, 3, H, W)."""
    images = images.to(accelerator.device)
    with accelerator.autocast():
        found = [probabilities(network, images, seen) for network in networks]
    return torch.stack(found).mean(0).cpu()


def ms_per_image(store: Path) -> float:
    """How long a map of this store took, from photograph to disk."""
    timing = store.with_suffix(".json")
    return float(json.loads(timing.read_text())["ms_per_image"])
