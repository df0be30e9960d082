"""Variants of running a network on this machine: the stages' own, and those of others.

A function without arguments makes a variant, since this may take minutes (`torch.compile`).
"""

from collections.abc import Callable
from contextlib import nullcontext
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.config.recipe import Recipe
from bench.networks.engines.openvino import Converted, convert, undisturbed
from bench.networks.infer import mean_probability, probabilities
from bench.networks.load import fuse
from bench.networks.tta import View
from bench.speed.timing import OURS
from bench.system.device import Accelerator, best_precision
from bench.training.epoch import train_one_epoch
from bench.training.losses import total_loss
from bench.training.state import trial_state
from models.interface import normalise, padded_forward, stride_of

EAGER, COMPILED, OPENVINO = "eager fp32", "ours and torch.compile", "OpenVINO"
PLANES = "ours, channels first"  # what a GPU may prefer where convolutions are depthwise
Predict = Callable[[], Tensor]  # returns probabilities (B, h, w) of the images it was made for
TrainStep = Callable[[], float]  # takes a whole training step and returns its loss


def predictions(
    network: nn.Module, images: Tensor, accelerator: Accelerator, folder: Path
) -> dict[str, Callable[[], Predict]]:
    """Return the variants of predicting uint8 images (B, 3, h, w); making the last ones takes long.

    Args:
        folder: to which OpenVINO's form of the network is written.
    """

    def ours(module: nn.Module) -> Predict:
        return lambda: mean_probability([module], images, [View()], accelerator).cpu()

    there = images.to(accelerator.device)

    variants: dict[str, Callable[[], Predict]] = {
        OURS: lambda: ours(fuse(network)),
        EAGER: lambda: plain(network, there),
        "channels_last fp32": lambda: lambda: probabilities(network, there, [View()]).cpu(),
        PLANES: lambda: plain(fuse(network), there, accelerator),
        COMPILED: lambda: ours(_compiled(fuse(network))),
    }
    if find_spec("openvino") and accelerator.device.type == "cpu":
        variants[OPENVINO] = lambda: openvino(network, images, folder)
    return variants


def plain(network: nn.Module, images: Tensor, precise: Accelerator | None = None) -> Predict:
    """Return PyTorch in its usual memory layout: float32, or the precision of an accelerator."""
    usual: Any = deepcopy(network).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]

    @torch.inference_mode()
    def predict() -> Tensor:
        with precise.autocast() if precise else nullcontext():
            logits = padded_forward(usual, normalise(images)).float()
        return torch.sigmoid(logits)[:, 0].cpu()

    return predict


def openvino(network: nn.Module, images: Tensor, folder: Path) -> Predict:
    """Convert the network into `folder`, and return it as an export with --openvino runs it."""
    convert(network, (images.shape[-2], images.shape[-1]), folder)
    bf16 = best_precision(torch.device("cpu")) == "bf16"
    converted = Converted(folder, stride_of(network), bf16=bf16)

    def predict() -> Tensor:
        with undisturbed():
            return probabilities(converted, images, [View()])

    return predict


def steps(
    recipe: Recipe, images: Tensor, targets: Tensor, accelerator: Accelerator
) -> dict[str, Callable[[], TrainStep]]:
    """Return the variants of training on uint8 images (B, 3, h, w) and targets (B, 1, h, w).

    All start from the same random weights.
    """

    def ours(change: Callable[[nn.Module], nn.Module] = lambda network: network) -> TrainStep:
        state = trial_state(recipe)
        state.network = change(state.network.to(accelerator.device))
        batch = [(images, targets)]
        return lambda: train_one_epoch(
            state, iter(batch), recipe, [len(images)], accelerator, recipe.name
        )

    there = images.to(accelerator.device), targets.to(accelerator.device)
    return {
        OURS: ours,
        EAGER: lambda: plain_step(recipe, *there, torch.contiguous_format),
        "channels_last fp32": lambda: plain_step(recipe, *there, torch.channels_last),
        PLANES: lambda: plain_step(recipe, *there, torch.contiguous_format, accelerator),
        COMPILED: lambda: ours(_compiled),
    }


def plain_step(
    recipe: Recipe,
    images: Tensor,
    targets: Tensor,
    layout: torch.memory_format,
    precise: Accelerator | None = None,
) -> TrainStep:
    """Return a training step as PyTorch's tutorials write it, where the images are.

    In float32, or in the precision of an accelerator.
    """
    state = trial_state(recipe)
    network = state.network.train().to(images.device, memory_format=layout)  # type: ignore[call-overload]

    def step() -> float:
        ready = normalise(images).contiguous(memory_format=layout)
        with precise.autocast() if precise else nullcontext():
            logits = padded_forward(network, ready)
        loss = total_loss(recipe, logits, targets / 255, images / 255)
        loss.backward()  # type: ignore[no-untyped-call]
        state.optimiser.step()
        state.optimiser.zero_grad()
        return loss.item()

    return step


def _compiled(network: nn.Module) -> nn.Module:
    return torch.compile(network)  # type: ignore[return-value]
