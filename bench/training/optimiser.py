"""Optimisers and schedules: torch's, with a recipe's numbers."""

from typing import Any

import torch
from torch import nn
from torch.optim import lr_scheduler

from bench.config.recipe import Optimiser, Plateau, Recipe, Step

Schedule = lr_scheduler.LRScheduler | lr_scheduler.ReduceLROnPlateau


def make_optimiser(
    options: Optimiser, network: nn.Module, *, scaled: bool = False
) -> torch.optim.Optimizer:
    """Return torch's optimiser of all parameters that are not frozen.

    A fused optimiser passes over the weights once, not a dozen times: half the time on a CPU.

    Args:
        scaled: gradients are scaled, as those of fp16 are. Where those of the first step overflow,
            a fused SGD would take memory that nobody has written for its momentum.
    """
    groups = _groups(options, network)
    common: dict[str, Any] = {"lr": options.lr, "weight_decay": options.weight_decay}
    match options.name:
        case "sgd":
            momentum = options.momentum
            return torch.optim.SGD(groups, momentum=momentum, fused=not scaled, **common)
        case "adam":
            return torch.optim.Adam(groups, fused=True, **common)
        case "adamw":
            return torch.optim.AdamW(groups, fused=True, **common)


def _groups(options: Optimiser, network: nn.Module) -> list[dict[str, Any]]:
    """Return the parameters in groups: the encoder's apart if it has a rate of its own."""
    named = {name: weight for name, weight in network.named_parameters() if weight.requires_grad}
    if options.encoder_lr is None:
        return [{"params": list(named.values())}]
    encoder = [weight for name, weight in named.items() if name.startswith("encoder.")]
    others = [weight for name, weight in named.items() if not name.startswith("encoder.")]
    return [{"params": others}, {"params": encoder, "lr": options.encoder_lr}]


def make_schedule(recipe: Recipe, optimiser: torch.optim.Optimizer, steps: int) -> Schedule:
    """Return torch's schedule of the learning rate.

    Args:
        steps: batches of an epoch.
    """
    rates = [group["lr"] for group in optimiser.param_groups]
    match recipe.schedule:
        case "constant":
            return lr_scheduler.ConstantLR(optimiser, factor=1.0)
        case "cosine":
            return lr_scheduler.CosineAnnealingLR(optimiser, steps * recipe.epochs)
        case "one_cycle":
            return lr_scheduler.OneCycleLR(
                optimiser, max_lr=rates, total_steps=max(1, steps * recipe.epochs)
            )
        case Step(every=epochs, factor=factor):
            return lr_scheduler.StepLR(optimiser, steps * epochs, gamma=factor)
        case Plateau(patience=patience, factor=factor):
            return lr_scheduler.ReduceLROnPlateau(
                optimiser, mode="max", factor=factor, patience=patience
            )


def after_batch(schedule: Schedule) -> None:
    """Advance every schedule but a plateau's, which waits for validation."""
    if not isinstance(schedule, lr_scheduler.ReduceLROnPlateau):
        schedule.step()


def after_epoch(schedule: Schedule, valid_dice: float) -> None:
    """Advance a plateau's schedule by the epoch's validation Dice."""
    if isinstance(schedule, lr_scheduler.ReduceLROnPlateau):
        schedule.step(valid_dice)
