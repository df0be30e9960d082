"""Estimate a recipe's time and disk before it runs; measure the time and memory of one image."""

import time
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from statistics import median

import torch
from torch import nn

from bench.config.machine import Machine
from bench.config.recipe import Recipe
from bench.masks.types import Size
from bench.networks.build import build, freeze
from bench.networks.edge import typical_tiles
from bench.networks.tta import views
from bench.system.device import Accelerator, accelerator_of, wait_for
from bench.system.environment import peak_memory
from bench.system.errors import BenchError
from bench.training.check import fewest_at_once
from bench.training.dataset import CACHE_BYTES
from bench.training.losses import total_loss
from models.interface import channels_of, padded_forward, parameter_count

PROBE = (128, 192)  # height x width at which a step is timed; time grows with the area
MAP_BYTES = 300_000  # of a stored map: 40 to 600 kB on networks' maps of 1280x1918
STEPS, REPEATS = 2, 5  # timed for an estimate, and for a measurement


@dataclass(frozen=True)
class Amount:
    """How much a recipe has to do, over all folds.

    Args:
        networks: that are trained.
        learned: photographs that an epoch of every network has.
        cached: photographs that are kept on the networks' grid, once for all networks.
        predicted: photographs, each counted for every network that predicts it.
        maps: that are stored.
    """

    networks: int
    learned: int
    cached: int
    predicted: int
    maps: int


@dataclass(frozen=True)
class Cost:
    """An estimate (on a CPU, to a factor of two): seconds on this machine, bytes on its disk."""

    train_s: float
    predict_s: float
    disk_bytes: int


@dataclass(frozen=True)
class Measured:
    """Medians for one image; `peak_gb` is the process's on a CPU, the tensors' on a GPU.

    A network that cannot learn from one image alone is measured on two.
    """

    train_ms: float
    predict_ms: float
    peak_gb: float
    device: str


def estimate(recipe: Recipe, amount: Amount, machine: Machine) -> Cost:
    """Estimate the cost of a recipe.

    A few small steps are timed on this machine.

    Raises:
        BadConfig: the network cannot be built.
    """
    network = build(recipe, pretrained=False)
    weights = 4 * parameter_count(network)
    forward_s, step_s = _probe(network, recipe, machine)
    pixels = recipe.size[0] * recipe.size[1]
    samples = 4 * amount.cached * pixels
    kept = samples if samples <= CACHE_BYTES else 0
    if recipe.edge:  # crops for one network at a time, with map and band
        kept = 6 * amount.learned // amount.networks * recipe.crops * pixels
    seen = sum(view.scale**2 for view in views(recipe.tta))  # of a photograph's pixels
    return Cost(
        train_s=step_s * amount.learned * recipe.crops * recipe.full_size_epochs,
        predict_s=forward_s * amount.predicted * seen * typical_tiles(recipe),
        disk_bytes=kept + 5 * amount.networks * weights + amount.maps * MAP_BYTES,
    )


def measure(recipe: Recipe, machine: Machine) -> Measured:
    """Measure the time and memory of one image of the recipe's size, in a process of its own.

    Raises:
        BadConfig: the network cannot be built.
        BenchError: the process was ended, as the system does when memory is full.
    """
    alone = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    try:
        return alone.submit(_measure, recipe, machine).result()
    except BrokenExecutor as error:
        raise BenchError(
            f"{recipe.name}: its measurement was ended; is the memory full?"
        ) from error
    finally:
        alone.shutdown()


def _measure(recipe: Recipe, machine: Machine) -> Measured:
    accelerator = accelerator_of(machine.device, machine.precision)
    network = build(recipe, pretrained=False).to(accelerator.device)
    freeze(network, recipe)
    few = fewest_at_once(recipe, None)
    _, step_s = _times(network.train(), recipe, recipe.size, few, REPEATS, accelerator)
    peak = peak_memory()
    if accelerator.device.type == "cuda":
        peak = torch.cuda.max_memory_allocated(accelerator.device)
    with torch.inference_mode():
        forward_s, _ = _times(network.eval(), recipe, recipe.size, 1, REPEATS, accelerator)
    return Measured(
        train_ms=median(step_s) * 1000 / few,
        predict_ms=median(forward_s) * 1000,
        peak_gb=peak / 1e9,
        device=accelerator.name,
    )


def _probe(network: nn.Module, recipe: Recipe, machine: Machine) -> tuple[float, float]:
    """Return the seconds of an image at the recipe's size: forward, and whole training step."""
    accelerator = accelerator_of(machine.device, machine.precision)
    network = network.to(accelerator.device).train()
    size: Size = (min(PROBE[0], recipe.size[0]), min(PROBE[1], recipe.size[1]))
    forward_s, step_s = _times(network, recipe, size, 2, STEPS, accelerator)
    grown = recipe.size[0] * recipe.size[1] / (size[0] * size[1]) / 2
    return min(forward_s) * grown, min(step_s) * grown


def _times(
    network: nn.Module,
    recipe: Recipe,
    size: Size,
    batch: int,
    repeats: int,
    accelerator: Accelerator,
) -> tuple[list[float], list[float]]:
    """Return the seconds of each forward pass and each whole step, after one that warms up."""
    image = torch.zeros(batch, channels_of(network), *size, device=accelerator.device)
    image = image.contiguous(memory_format=torch.channels_last)
    forward_s, step_s = [], []
    for _ in range(1 + repeats):
        began = _now(accelerator)
        with accelerator.autocast():
            logits = padded_forward(network, image)
        forward_s.append(_now(accelerator) - began)
        if logits.requires_grad:  # a classical method learns nothing
            total_loss(recipe, logits, torch.zeros_like(logits), image[:, :3]).backward()  # type: ignore[no-untyped-call]
        step_s.append(_now(accelerator) - began)
    return forward_s[1:], step_s[1:]


def _now(accelerator: Accelerator) -> float:
    """Return the time at which the accelerator has finished its queued work."""
    wait_for(accelerator.device)
    return time.monotonic()
