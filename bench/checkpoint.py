"""The state of a training: made from a recipe, saved after each epoch, restored bit for bit."""

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import safetensors.torch
import torch
from accelerate import Accelerator
from torch import nn

from bench.config import Optimiser, Recipe
from bench.errors import BadData
from bench.files import replacing, write_bytes
from bench.networks import build


@dataclass
class State:
    """All that changes while a network is trained; the history has one row an epoch."""

    network: nn.Module
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    history: list[dict[str, float]] = field(default_factory=list)

    def parts(self) -> dict[str, Any]:
        """What torch can save: the parts' own states, by name."""
        stateful: dict[str, Any] = {
            "network": self.network,
            "optimiser": self.optimiser,
            "schedule": self.schedule,
        }
        return {name: part.state_dict() for name, part in stateful.items()}

    def best(self) -> dict[str, float]:
        """The first of the epochs with the highest validation Dice."""
        return max(self.history, key=lambda row: row["valid_dice"])


def start(name: str, recipe: Recipe, steps: int, saved: Path) -> State:
    """A training at its first epoch, or at the one that `saved` leads to.

    Args:
        steps: batches of an epoch.

    Raises:
        BadData: the saved state is damaged.
    """
    torch.manual_seed(recipe.seed)
    network = build(name, recipe)
    optimiser = make_optimiser(recipe.optimiser, network)
    schedule = make_schedule(recipe, optimiser, steps * recipe.epochs)
    state = State(network, optimiser, schedule)
    if saved.exists():
        restore(state, saved)
    return state


def make_optimiser(options: Optimiser, network: nn.Module) -> torch.optim.Optimizer:
    """Torch's optimiser with a recipe's numbers."""
    parameters = [one for one in network.parameters() if one.requires_grad]
    common: dict[str, Any] = {"lr": options.lr, "weight_decay": options.weight_decay}
    match options.name:
        case "sgd":
            return torch.optim.SGD(parameters, momentum=options.momentum, **common)
        case "adam":
            return torch.optim.Adam(parameters, **common)
        case "adamw":
            return torch.optim.AdamW(parameters, **common)


def make_schedule(
    recipe: Recipe, optimiser: torch.optim.Optimizer, total_steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    """Torch's schedule, advanced after every batch."""
    match recipe.schedule:
        case "constant":
            return torch.optim.lr_scheduler.ConstantLR(optimiser, factor=1.0)
        case "cosine":
            return torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, total_steps)
        case "one_cycle":
            return torch.optim.lr_scheduler.OneCycleLR(
                optimiser, max_lr=recipe.optimiser.lr, total_steps=total_steps
            )


def restore(state: State, saved: Path) -> None:
    """Bring a state back to where it was saved; only tensors and plain values are read."""
    try:
        stored = torch.load(saved, weights_only=True, map_location="cpu")
        state.network.load_state_dict(stored["network"])
        state.optimiser.load_state_dict(stored["optimiser"])
        state.schedule.load_state_dict(stored["schedule"])
        state.history = stored["history"]
    except Exception as error:  # torch raises errors of many unrelated classes for damaged files
        raise BadData(f"{saved}: damaged ({error}); remove it to train from the start") from error


def save(state: State, folder: Path, accelerator: Accelerator) -> None:
    """Keep the epoch that has just ended; the best one so far also as weights.safetensors."""
    weights = {
        key: value.contiguous()
        for key, value in accelerator.unwrap_model(state.network).state_dict().items()
    }
    tensors = safetensors.torch.save(weights)
    if state.history[-1] is state.best():
        write_bytes(folder / "weights.safetensors", tensors)
    write_bytes(folder / "last.safetensors", tensors)
    with replacing(folder / "history.csv") as temporary:
        pd.DataFrame(state.history).to_csv(temporary, index=False)
    # Last, since it promises the others. Torch itself answers a full disk by a RuntimeError.
    packed = io.BytesIO()
    torch.save({**state.parts(), "network": weights, "history": state.history}, packed)
    write_bytes(folder / "state.pt", packed.getbuffer())
