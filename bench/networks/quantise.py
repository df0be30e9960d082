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
from statistics import fmean

import numpy as np
import torch
from torch import Tensor

from bench.config.layout import TrainingFolder
from bench.config.recipe import Recipe
from bench.data.dataset import DataSet
from bench.data.image_ids import spread
from bench.data.images import read_image
from bench.masks.resize import shrink
from bench.masks.types import Map
from bench.metrics.parity import MAX_DICE_CHANGE, Parity, parity
from bench.networks.engines.openvino import FILES, Converted, convert_to_int8
from bench.networks.infer import map_of, mean_probability
from bench.networks.load import load_network, ready_network
from bench.networks.quantised import Quantised
from bench.networks.tta import views
from bench.system.device import Accelerator, accelerator_of
from bench.system.files import sha256, write_bytes, write_json
from bench.system.progress import say, track
from bench.system.temporaries import temporary_folder
from bench.system.text import payback, several
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


def run(task: Task, data: DataSet, precision: str) -> Quantised | None:
    """Make a trained network's form in int8, and say what it costs and gains.

    Args:
        precision: in which the network predicts otherwise.

    Returns:
        What was found; None where the network predicts as before, because int8 costs more Dice
        than `metrics.parity` allows, or is not faster.

    Raises:
        Missing: OpenVINO or NNCF is not installed.
        BenchError: OpenVINO does not know an operation of the network.
        BadData: the weights or a photograph are damaged.
    """
    recipe, training = task.recipe, task.training
    name = f"{recipe.name}, {training.folder.name}"
    weights = sha256(training.weights)  # those that are read below, whatever they are afterwards
    images = torch.cat([_seen(recipe, data, image) for image in spread(task.train, FITTED)])
    network = load_network(recipe, training)
    with temporary_folder("int8") as temporary:
        folder = temporary / Path(recipe.name).name / training.folder.name  # as messages name it
        folder.mkdir(parents=True)
        say(f"{name}: fitting int8 to {several(len(images), 'training photograph')} ...")
        began = time.monotonic()
        convert_to_int8(network, padded(normalise(images), stride_of(network)), folder)
        seconds = time.monotonic() - began
        found = _compare(task, data, folder, weights, accelerator_of("cpu", precision))
        worth_it = found.gain > -MAX_DICE_CHANGE and found.ms < FASTER * found.ms_before
        say(
            f"{name}: {found.ms:.0f} ms a photograph in int8, {found.ms_before:.0f} as it was "
            f"trained; {payback(seconds, found.ms_before - found.ms)}; on "
            f"{several(found.photographs, 'validation photograph')} Dice changes by "
            f"{found.gain:+.6f}, and {100 * found.changed:.3f} % of the pixels: "
            f"{'from now on it predicts in int8' if worth_it else 'it stays as it was trained'}"
        )
        training.quantised.unlink(missing_ok=True)
        if not worth_it:
            return None
        for file in FILES:
            write_bytes(training.folder / file, (folder / file).read_bytes())
        write_json(training.quantised, found.model_dump())
    return found


def _compare(
    task: Task, data: DataSet, folder: Path, weights: str, accelerator: Accelerator
) -> Quantised:
    """Compare a network of these weights with its form in int8 on validation cars."""
    recipe = task.recipe
    trained = ready_network(recipe, task.training, accelerator.device)
    in_int8 = Converted(folder, stride_of(trained), bf16=accelerator.precision == "bf16")
    networks, images = (in_int8, trained), spread(task.valid, COMPARED)
    for network in networks:  # the first time makes it ready
        mean_probability([network], _seen(recipe, data, images[0]), views(recipe.tta), accelerator)
    parities, times = list[Parity](), list[list[float]]()
    for image in track(images, f"{recipe.name}: compare int8", len(images)):
        seen, mask = _seen(recipe, data, image), data.mask(image)
        maps, taken = list[Map](), list[float]()
        for network in networks:
            began = time.perf_counter()
            probability = mean_probability([network], seen, views(recipe.tta), accelerator)
            taken.append(time.perf_counter() - began)
            maps.append(map_of(probability[0], (mask.shape[0], mask.shape[1])))
        times.append(taken)
        parities.append(parity(maps[:1], maps[1:], [mask]))
    ms, ms_before = (1000 * np.median(times, axis=0)).tolist()
    return Quantised(
        weights_sha256=weights,
        files={file: sha256(folder / file) for file in FILES},
        ms=ms,
        ms_before=ms_before,
        changed=fmean(each.changed for each in parities),
        gain=fmean(each.gain for each in parities),
        photographs=len(images),
    )


def _seen(recipe: Recipe, data: DataSet, image: str) -> Tensor:
    """Return a training photograph as the network sees it, uint8 (1, 3, h, w)."""
    seen = shrink(read_image(data.train[image]), recipe.size)
    return torch.from_numpy(seen).permute(2, 0, 1).unsqueeze(0)
