"""The state of a training: made from a recipe, saved after each epoch, restored bit for bit."""

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import safetensors.torch
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from bench.config.layout import TrainingFolder
from bench.config.recipe import Recipe
from bench.networks.build import build, freeze
from bench.networks.load import start_from
from bench.system.errors import BadData
from bench.system.files import replacing, write_bytes
from bench.training.optimiser import Schedule, make_optimiser, make_schedule


@dataclass
class State:
    """Everything that changes during a training; the history has one row an epoch."""

    network: nn.Module
    optimiser: torch.optim.Optimizer
    schedule: Schedule
    average: AveragedModel | None = None  # of the network's weights, where the recipe has an `ema`
    history: list[dict[str, float]] = field(default_factory=list)

    @property
    def evaluated_network(self) -> nn.Module:
        """The network that is validated and saved: the averaged one if the recipe has an `ema`."""
        return self.average.module if self.average else self.network

    def parts(self) -> dict[str, Any]:
        """Return the states of the network, the optimiser and so on, by name, for `torch.save`."""
        stateful: dict[str, Any] = {
            "network": self.network,
            "optimiser": self.optimiser,
            "schedule": self.schedule,
        }
        if self.average:
            stateful["average"] = self.average
        return {name: part.state_dict() for name, part in stateful.items()}

    def best(self) -> dict[str, float]:
        """Return the first epoch with the highest validation Dice of those at the largest size."""
        return max(self.history, key=lambda row: (row["scale"], row["valid_dice"]))


def begin_or_resume(recipe: Recipe, steps: int, saved: Path) -> State:
    """Begin a training at its first epoch, or go on after the epoch that `saved` holds.

    Args:
        steps: batches of an epoch.

    Raises:
        BadConfig: the network has no module that the recipe freezes, or `start_from` fits nothing.
        BadData: the saved state is damaged.
    """
    torch.manual_seed(recipe.seed)
    network = build(recipe)
    if recipe.start_from:
        start_from(network, Path(recipe.start_from))
    freeze(network, recipe.freeze)
    optimiser = make_optimiser(recipe.optimiser, network)
    schedule = make_schedule(recipe, optimiser, steps)
    average = averaged(network, recipe.ema) if recipe.ema else None
    state = State(network, optimiser, schedule, average)
    if saved.exists():
        restore(state, saved)
    return state


def trial_state(recipe: Recipe) -> State:
    """Return the state of an untrained network, always the same, to try or time training steps.

    Steps do all the work of a training, but at a learning rate of 0, so that no loss diverges.
    """
    torch.manual_seed(recipe.seed)
    network = build(recipe, pretrained=False)
    freeze(network, recipe.freeze)
    optimiser = make_optimiser(recipe.optimiser, network)
    for group in optimiser.param_groups:
        group["lr"] = 0.0
    constant = recipe.model_copy(update={"schedule": "constant"})
    return State(network, optimiser, make_schedule(constant, optimiser, steps=1))


def averaged(network: nn.Module, decay: float) -> AveragedModel:
    """Return a copy of a network whose weights and statistics follow the trained one's.

    Source: Tarvainen and Valpola 2017, section 2; the decay grows towards `decay`, so that
    the first, poor weights are soon forgotten.
    """

    def follow(average: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
        kept = torch.as_tensor((1 + count) / (10 + count)).clamp(max=decay)
        return torch.lerp(current, average, kept) if average.is_floating_point() else current

    return AveragedModel(network, avg_fn=follow, use_buffers=True)


def restore(state: State, saved: Path) -> None:
    """Restore a saved state; only tensors and plain values are read from the file.

    Raises:
        BadData: the file is damaged.
    """
    try:
        stored = torch.load(saved, weights_only=True, map_location="cpu")
        state.network.load_state_dict(stored["network"])
        state.optimiser.load_state_dict(stored["optimiser"])
        state.schedule.load_state_dict(stored["schedule"])
        if state.average:
            state.average.load_state_dict(stored["average"])
        state.history = stored["history"]
    except Exception as error:  # torch raises errors of many unrelated classes for damaged files
        raise BadData(f"{saved}: damaged ({error}); remove it to train from the start") from error


def save(state: State, folder: TrainingFolder, accelerator: Accelerator) -> None:
    """Save the epoch that has just ended; if it is the best so far, also as weights.safetensors."""
    weights = _weights(accelerator.unwrap_model(state.network))
    if state.history[-1] is state.best():
        best = _weights(accelerator.unwrap_model(state.evaluated_network))
        write_bytes(folder.weights, safetensors.torch.save(best))
    write_bytes(folder.last_weights, safetensors.torch.save(weights))
    with replacing(folder.history) as temporary:
        pd.DataFrame(state.history).to_csv(temporary, index=False)
    # The state is written last, so its existence means that the other files are complete. It is
    # packed first, because torch itself answers a full disk by a RuntimeError.
    packed = io.BytesIO()
    torch.save({**state.parts(), "network": weights, "history": state.history}, packed)
    write_bytes(folder.state, packed.getbuffer())


def _weights(network: nn.Module) -> dict[str, Tensor]:
    return {key: value.contiguous() for key, value in network.state_dict().items()}
