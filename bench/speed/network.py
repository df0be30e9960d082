"""Time ways of running a network on this machine's GPU, or else its cores, and compare their masks.

Reads  a trained network's folder (recipe.yaml, weights.safetensors), photographs.
Writes OpenVINO's form of the network to a temporary folder.

Times are wall time: a network keeps the GPU, or all cores, busy. The floor is a matrix product of
as many operations as the network has on paper, in the precision that ours has here; a training step
has three times as many as a prediction. Ours may do with fewer (models/upsampling.py).
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from bench.config.layout import TrainingFolder
from bench.config.library import load_recipe
from bench.config.recipe import Recipe
from bench.data.images import read_image
from bench.masks.resize import shrink, target_of
from bench.masks.types import Size
from bench.networks.load import load_network
from bench.speed.network_parity import say_parity
from bench.speed.network_variants import COMPILED, EAGER, OPENVINO, predictions, steps
from bench.speed.samples import BenchmarkSamples, load_samples
from bench.speed.timing import FLOOR, OURS, PeerComparison, Variant, interleaved
from bench.system.device import HALF, Accelerator, accelerator_of
from bench.system.progress import say
from bench.system.text import payback
from bench.training.state import trial_state
from models.summary import gflops

SECONDS_A_VARIANT = 5.0
TRAINING_FACTOR = 3  # a step's operations: forward, backward to the inputs and to the weights
MATRIX_SIDE = {"cpu": 1024, "cuda": 8192}  # rows and columns of the left matrix
PRODUCT_GFLOPS = {"cpu": 10, "cuda": 1000}  # of one matrix product, about
UNAVAILABLE = (RuntimeError, OSError, ImportError)  # from torch's compiler, g++ and OpenVINO
Call = TypeVar("Call", bound=Callable[[], Any])


@dataclass(frozen=True)
class Ready(Generic[Call]):
    """A variant after its first call, and the seconds this took from its making on."""

    call: Call
    seconds: float


def run(training: Path | None, name: str, data: Path | None, folder: Path) -> list[PeerComparison]:
    """Time prediction and training, each variant beside ours; log the parity of their masks.

    Args:
        training: folder of a trained network; without it a new one of the recipe `name`, whose
            masks mean nothing, so that parity is left out.
        folder: temporary, for drawn photographs and OpenVINO's form of the network.

    Raises:
        BadConfig: there is no such recipe. Missing: there is no such network.
    """
    recipe = recipe_of(training, name)
    accelerator = accelerator_of("auto")
    samples = load_samples(data, folder)
    images, targets = batch(samples, recipe.size)
    network = trial_state(recipe).network.eval()
    if training:
        network = load_network(recipe, TrainingFolder(training))
    network.to(accelerator.device)
    floor = gflops(network, recipe.size) * len(images)
    part = f"prediction, {recipe.name}"
    ready = prepare(part, predictions(network, images, accelerator, folder))
    if training:
        say_parity({variant: done.call for variant, done in ready.items()}, samples.masks)
    rows = _rows(part, ready, len(images), product(floor, accelerator), {EAGER: 4.0})
    part = f"training step, {recipe.name}"
    trained = prepare(part, steps(recipe, images, targets, accelerator))
    floor *= TRAINING_FACTOR
    return rows + _rows(part, trained, len(images), product(floor, accelerator), {EAGER: 2.5})


def recipe_of(training: Path | None, name: str) -> Recipe:
    """Return a training's recipe under its folder's name, or the recipe `name` without one.

    Raises:
        BadConfig: there is no such recipe. Missing: there is no such training.
    """
    if not training:
        return load_recipe(name).named(name)
    label = "/".join(training.resolve().parts[-2:])
    return load_recipe(str(TrainingFolder(training).recipe)).named(label)


def batch(samples: BenchmarkSamples, size: Size) -> tuple[Tensor, Tensor]:
    """Return the photographs, uint8 (B, 3, h, w), and their targets, uint8 (B, 1, h, w)."""
    photos = [shrink(read_image(path), size) for path in samples.photographs]
    targets = [target_of(mask, size) for mask in samples.masks]
    return (
        torch.from_numpy(np.stack(photos)).permute(0, 3, 1, 2),
        torch.from_numpy(np.stack(targets))[:, None],
    )


def prepare(part: str, makers: Mapping[str, Callable[[], Call]]) -> dict[str, Ready[Call]]:
    """Make every variant and call it once; log why a variant is left out that cannot run here."""
    ready = {}
    for name, make in makers.items():
        say(f"{part}: {name}: first call ...")
        began = time.perf_counter()
        try:
            call = make()
            call()
        except UNAVAILABLE as error:
            if name == OURS:
                raise
            reason = (str(error).strip() or repr(error)).splitlines()[0]
            say(f"{part}: {name}: left out, it does not run here ({reason})")
            continue
        ready[name] = Ready(call, time.perf_counter() - began)
        say(f"{part}: {name}: ready after {ready[name].seconds:.1f} s")
    return ready


def _rows(
    part: str,
    variants: Mapping[str, Ready[Any]],
    images: int,
    floor: Variant,
    bars: Mapping[str, float],
) -> list[PeerComparison]:
    calls = {name: ready.call for name, ready in variants.items()}
    times = interleaved({FLOOR: floor, **calls}, SECONDS_A_VARIANT * len(calls), time.perf_counter)
    ms = {name: float(np.median(rounds)) * 1000 / images for name, rounds in times.items()}
    notes = {
        name: payback(variants[name].seconds - variants[OURS].seconds, ms[OURS] - ms[name])
        for name in (COMPILED, OPENVINO)
        if name in variants
    }
    return [
        PeerComparison.of(part, ms, name, bars.get(name), notes.get(name, ""))
        for name in variants
        if name != OURS
    ]


def product(gflops: float, accelerator: Accelerator) -> Variant:
    """Return matrix products of so many billions of operations in all, in the device's precision.

    Where a processor has no bf16, a product in it is slower than the network.
    """
    device, kind = accelerator.device, accelerator.device.type
    number = HALF.get(accelerator.precision, torch.float32)
    side, repeats = MATRIX_SIDE[kind], max(1, round(gflops / PRODUCT_GFLOPS[kind]))
    columns = max(1, round(gflops * 1e9 / repeats / 2 / side**2))
    left = torch.rand(side, side, dtype=number, device=device)
    right = torch.rand(side, columns, dtype=number, device=device)
    return lambda: float([left @ right for _ in range(repeats)][-1][0, 0])  # waits for a GPU
