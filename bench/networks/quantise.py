"""A trained network -> the same in int8, by which a CPU predicts in about half the time.

Reads  the weights of a training, photographs of its training cars to fit int8 to, and photographs
       and masks of its validation cars to compare on.
Writes network.xml and network.bin into the training's folder, and quantised.json last, where int8
       is close enough and faster; where it is not, nothing.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.config.layout import TrainingFolder
from bench.config.recipe import Recipe
from bench.data.dataset import DataSet
from bench.data.images import read_image
from bench.masks.resize import shrink
from bench.masks.types import Map
from bench.metrics.parity import parity
from bench.networks.engines.openvino import FILES, Converted, convert_to_int8
from bench.networks.infer import map_of, mean_probability
from bench.networks.load import load_network, ready_network
from bench.networks.quantised import Quantised
from bench.networks.tta import views
from bench.system.device import accelerator_of
from bench.system.files import sha256, write_bytes, write_json
from bench.system.progress import say, track
from bench.system.temporaries import temporary_folder
from bench.system.text import payback
from models.interface import normalise, padded, stride_of

FITTED, COMPARED = 32, 64  # photographs at most
FASTER = 0.9  # of the time before; what saves less is not worth another form of the network


@dataclass(frozen=True)
class Task:
    """A trained network, and the photographs, by their ids, that int8 is fitted to and tried on."""

    recipe: Recipe
    training: TrainingFolder
    train: Sequence[str]
    valid: Sequence[str]


def run(task: Task, data: DataSet) -> Quantised | None:
    """Make a trained network's form in int8, and say what it costs and gains.

    Returns:
        What was found; None where the network predicts as before, because int8 costs more Dice
        than `metrics.parity` allows, or is not faster.

    Raises:
        Missing: OpenVINO or NNCF is not installed.
        BenchError: OpenVINO does not know an operation of the network.
        BadData: the weights or a photograph are damaged.
    """
    recipe, training = task.recipe, task.training
    seen = torch.cat([_seen(recipe, data, image) for image in spread(task.train, FITTED)])
    network = load_network(recipe, training)
    with temporary_folder("int8") as temporary:
        folder = temporary / Path(recipe.name).name / training.folder.name  # as messages name it
        folder.mkdir(parents=True)
        say(f"{recipe.name}: fitting int8 to {len(seen)} photographs of training cars ...")
        began = time.monotonic()
        convert_to_int8(network, padded(normalise(seen), stride_of(network)), folder)
        found, worth_it = _compare(task, data, folder, time.monotonic() - began)
        if not worth_it:
            return None
        for name in FILES:
            write_bytes(training.folder / name, (folder / name).read_bytes())
        write_json(training.quantised, found.model_dump())
    return found


def _compare(task: Task, data: DataSet, folder: Path, seconds: float) -> tuple[Quantised, bool]:
    """Compare a network with its form in int8, which took so long to make; is it worth having?"""
    recipe, accelerator = task.recipe, accelerator_of("cpu")
    before = ready_network(recipe, task.training, accelerator.device)
    after = Converted(folder, stride_of(before), bf16=accelerator.precision == "bf16")
    maps: tuple[list[Map], list[Map]] = ([], [])
    times: tuple[list[float], list[float]] = ([], [])
    images = spread(task.valid, COMPARED)
    masks = [data.mask(image) for image in images]
    shown = [_seen(recipe, data, image) for image in images]
    for network in (before, after):
        mean_probability([network], shown[0], views(recipe.tta), accelerator)  # is made ready
    for number in track(range(len(images)), f"{recipe.name}: compare int8", len(images)):
        for network, its_maps, its_times in zip((before, after), maps, times, strict=True):
            began = time.perf_counter()
            probability = mean_probability([network], shown[number], views(recipe.tta), accelerator)
            its_times.append(time.perf_counter() - began)
            its_maps.append(map_of(probability[0], masks[number].shape))
    result = parity(maps[1], maps[0], masks)
    ms_before, ms = (1000 * float(np.median(each)) for each in times)
    worth_it = result.as_good and ms < FASTER * ms_before
    say(
        f"{recipe.name}: {ms:.0f} ms a photograph in int8, {ms_before:.0f} as it was trained; "
        f"{payback(seconds, ms_before - ms)}; on {len(images)} photographs of validation cars Dice "
        f"changes by {result.gain:+.6f}, and {100 * result.changed:.3f} % of the pixels: "
        f"{'from now on it predicts in int8' if worth_it else 'it stays as it was trained'}"
    )
    found = Quantised(
        weights_sha256=sha256(task.training.weights),
        files={name: sha256(folder / name) for name in FILES},
        ms=ms,
        ms_before=ms_before,
        changed=result.changed,
        gain=result.gain,
        photographs=len(images),
        seconds=seconds,
    )
    return found, worth_it


def spread(images: Sequence[str], most: int) -> Sequence[str]:
    """Return at most so many images, spread over all."""
    return images[:: max(1, -(-len(images) // most))]


def _seen(recipe: Recipe, data: DataSet, image: str) -> Tensor:
    """Return a training photograph as the network sees it, uint8 (1, 3, h, w)."""
    return torch.from_numpy(shrink(read_image(data.train[image]), recipe.size)).permute(2, 0, 1)[
        None
    ]
