"""What a recipe will cost in time and disk, said before it runs."""

import time
from dataclasses import dataclass

import torch

from bench.config import Recipe
from bench.device import Machine
from bench.losses import total_loss
from bench.networks import build
from bench.resize import Size
from models.blocks import padded_forward, parameter_count

PROBE = (128, 192)  # height x width at which a step is timed; time grows with the area
MAP_BYTES = 300_000  # of a stored map: 40 to 600 kB on networks' maps of 1280x1918
STEPS = 3  # the first is not timed


@dataclass(frozen=True)
class Cost:
    """An estimate, good to a factor of about two: seconds on this machine, bytes on its disk."""

    train_s: float
    predict_s: float
    disk_bytes: int


def estimate(name: str, recipe: Recipe, train: int, predict: int, machine: Machine) -> Cost:
    """Cost of training on `train` images and predicting `predict`, timed on a few small steps.

    Raises:
        BadConfig: the network cannot be built.
    """
    network = build(name, recipe, pretrained=False)
    weights = 4 * parameter_count(network)
    forward_s, step_s = _probe(network, recipe, machine)
    views = len(recipe.tta.scales) * (2 if recipe.tta.flip else 1)
    samples = 4 * train * recipe.size[0] * recipe.size[1]
    return Cost(
        train_s=step_s * train * sum(epochs * scale**2 for scale, epochs in recipe.stages()),
        predict_s=forward_s * predict * views,
        disk_bytes=samples + 5 * weights + predict * MAP_BYTES,
    )


def _probe(network: torch.nn.Module, recipe: Recipe, machine: Machine) -> tuple[float, float]:
    """Seconds an image takes at the recipe's size: forward alone, and a whole training step."""
    accelerator = machine.accelerator()
    network = network.to(accelerator.device).train()
    size: Size = (min(PROBE[0], recipe.size[0]), min(PROBE[1], recipe.size[1]))
    image = torch.zeros(2, 3, *size, device=accelerator.device)
    image = image.contiguous(memory_format=torch.channels_last)
    forward_s, step_s = [], []
    for _ in range(STEPS):
        began = time.monotonic()
        with accelerator.autocast():
            logits = padded_forward(network, image)
        forward_s.append(time.monotonic() - began)
        if logits.requires_grad:  # a classical method learns nothing
            total_loss(recipe.loss, logits, torch.zeros_like(logits)).backward()  # type: ignore[no-untyped-call]
        step_s.append(time.monotonic() - began)
    grown = recipe.size[0] * recipe.size[1] / (size[0] * size[1]) / len(image)
    return min(forward_s[1:]) * grown, min(step_s[1:]) * grown
