"""The state of a training: made from a recipe, saved after each epoch, restored bit for bit."""

import io
import zipfile
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import pandas as pd
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim.swa_utils import AveragedModel

from bench.config.layout import TrainingFolder
from bench.config.recipe import Recipe
from bench.config.strict import read_value
from bench.networks.build import build, freeze
from bench.networks.load import starting_network
from bench.system import files
from bench.system.device import Accelerator
from bench.system.errors import BadConfig, BadFile
from bench.system.files import replacing, write_bytes
from bench.system.progress import say
from bench.system.text import several
from bench.training.optimiser import Schedule, make_optimiser, make_schedule

CHECKSUM = b"\nsha256:"  # stands, with the hash of all before it, at the end of a saved state


class Damaged(Exception):
    """What is wrong with a saved state."""


@dataclass
class State:
    """Everything that changes during a training; the history has one row an epoch."""

    network: nn.Module
    optimiser: torch.optim.Optimizer
    schedule: Schedule
    average: AveragedModel | None = None  # of the network's weights, where the recipe has an `ema`
    history: list[dict[str, float]] = field(default_factory=list)
    weights_sha256: str = ""  # of the best epoch's file
    scaler: GradScaler = field(default_factory=lambda: GradScaler(enabled=False))
    precisions: list[str] = field(default_factory=list)  # of the epochs; another one at each change

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
            "scaler": self.scaler,
        }
        if self.average:
            stateful["average"] = self.average
        return {name: part.state_dict() for name, part in stateful.items()}

    def best(self) -> dict[str, float]:
        """Return the first epoch with the highest validation Dice of those at the largest size."""
        return max(self.history, key=lambda row: (row["scale"], row["valid_dice"]))


def begin_or_resume(
    recipe: Recipe, steps: int, folder: TrainingFolder, accelerator: Accelerator
) -> State:
    """Begin a training at its first epoch, or go on after the epoch whose state is saved.

    A state that is damaged, or not of this recipe and these weights, is said, and the training
    begins again; what it left stays until the first epoch has ended.

    Args:
        steps: batches of an epoch.

    Raises:
        BadConfig, BadFile, Missing: as `starting_network`; or the saved state holds code.
    """
    if folder.state.exists():
        state = begin(recipe, steps, accelerator)
        try:
            restore(state, recipe, folder)
            return state
        except Damaged as damaged:
            say(f"{folder.state}: damaged ({damaged}); {recipe.name} trains from the start")
    return begin(recipe, steps, accelerator)


def begin(recipe: Recipe, steps: int, accelerator: Accelerator) -> State:
    """Return the state before the first epoch, on the accelerator.

    Raises:
        BadConfig, BadFile, Missing: as `starting_network`.
    """
    torch.manual_seed(recipe.seed)
    network = starting_network(recipe)
    network.to(accelerator.device)
    scaler = accelerator.scaler()
    optimiser = make_optimiser(recipe.optimiser, network, scaled=scaler.is_enabled())
    return State(
        network,
        optimiser,
        make_schedule(recipe, optimiser, steps),
        averaged(network, recipe.ema) if recipe.ema else None,
        scaler=scaler,
        precisions=[accelerator.precision],
    )


def trial_state(recipe: Recipe) -> State:
    """Return the state of an untrained network, always the same, to try or time training steps.

    Steps do all the work of a training, but at a learning rate of 0, so that no loss diverges.
    """
    torch.manual_seed(recipe.seed)
    network = build(recipe, pretrained=False)
    freeze(network, recipe)
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


def restore(state: State, recipe: Recipe, folder: TrainingFolder) -> None:
    """Restore a saved state.

    Raises:
        Damaged: the file is not whole, or not of this recipe and the weights beside it.
        BadFile: it holds code.
    """
    stored = _read(folder.state)
    try:
        if not _is_of(recipe, stored.get("recipe", recipe.training_yaml())):
            raise Damaged("it is of another recipe")
        state.network.load_state_dict(stored["network"])
        state.optimiser.load_state_dict(stored["optimiser"])
        state.schedule.load_state_dict(stored["schedule"])
        if state.average:
            state.average.load_state_dict(stored["average"])
        if stored.get("scaler"):  # empty where the epochs so far were not in fp16
            state.scaler.load_state_dict(stored["scaler"])
        state.history = stored["history"]
        _note_precision(state, stored.get("precisions", state.precisions), recipe.name)
        if len(state.history) > max(1, recipe.epochs):
            raise Damaged("it has more epochs than the recipe")
        found = files.sha256(folder.weights) if folder.weights.exists() else ""
        state.weights_sha256 = stored.get("weights_sha256", found)
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError, OSError) as error:
        raise Damaged(f"it does not fit: {error}") from error
    except BadConfig as error:
        raise Damaged(str(error)) from error
    if not found or state.weights_sha256 != found:
        _write_weights_again(state, folder)


def _is_of(recipe: Recipe, stored: str) -> bool:
    """Whether the text of a stored recipe decides the same training."""
    if stored == recipe.training_yaml():
        return True
    there = Recipe.model_validate(read_value(stored, "the recipe in it"))
    return there.training_fields() == recipe.training_fields()


def _write_weights_again(state: State, folder: TrainingFolder) -> None:
    """Write the weights of the best epoch, if it is the last one: a kill came before they were."""
    best = safetensors.torch.save(_weights(state.evaluated_network))
    if sha256(best).hexdigest() != state.weights_sha256:
        raise Damaged(f"{folder.weights.name} has changed since its epoch")
    write_bytes(folder.weights, best)


def _note_precision(state: State, before: list[str], name: str) -> None:
    """Note in which precision the epochs so far were, and say it if the next one differs."""
    now = state.precisions[-1]
    if before[-1] != now:
        say(
            f"{name}: {several(len(state.history), 'epoch')} in {before[-1]} so far, from here on "
            f"in {now}; --precision {before[-1]} would go on as it began"
        )
        before = [*before, now]
    state.precisions = before


def _read(saved: Path) -> dict[str, Any]:
    """Return what a saved state holds; only tensors and plain values are read from it.

    An earlier version wrote no checksum.
    """
    content = saved.read_bytes()
    packed, mark, checksum = content.rpartition(CHECKSUM)
    if not mark:
        packed = content
    elif sha256(packed).hexdigest().encode() != checksum:
        raise Damaged("its content has changed since it was written")
    if not zipfile.is_zipfile(io.BytesIO(packed)):  # torch would take it for a bare pickle
        raise Damaged("it is not whole")
    try:
        stored: dict[str, Any] = torch.load(
            io.BytesIO(packed), weights_only=True, map_location="cpu"
        )
    except UnpicklingError as error:
        raise BadFile(
            saved,
            "damaged: it holds more than tensors and numbers, perhaps code, and is not read",
            "remove it to train from the start",
        ) from error
    except Exception as error:  # torch raises errors of many unrelated classes for damaged files
        raise Damaged(str(error)) from error
    return stored


def save(state: State, recipe: Recipe, folder: TrainingFolder) -> None:
    """Save the epoch that has just ended; if it is the best so far, also as weights.safetensors.

    They are written after the state, from which they can be made again, since the state could not
    be gone on from beside the weights of a later epoch.
    """
    weights, best = _weights(state.network), b""
    if state.history[-1] is state.best():
        best = safetensors.torch.save(_weights(state.evaluated_network))
        state.weights_sha256 = sha256(best).hexdigest()
    write_bytes(folder.last_weights, safetensors.torch.save(weights))
    with replacing(folder.history) as temporary:
        pd.DataFrame(state.history).to_csv(temporary, index=False)
    # The state is packed first, because torch itself answers a full disk by a RuntimeError.
    packed = io.BytesIO()
    parts = {
        **state.parts(),
        "network": weights,
        "history": state.history,
        "precisions": state.precisions,
        "recipe": recipe.training_yaml(),
        "weights_sha256": state.weights_sha256,
    }
    torch.save(parts, packed)
    packed.write(CHECKSUM + sha256(packed.getbuffer()).hexdigest().encode())
    write_bytes(folder.state, packed.getbuffer())
    if best:
        write_bytes(folder.weights, best)


def _weights(network: nn.Module) -> dict[str, Tensor]:
    return {key: value.contiguous() for key, value in network.state_dict().items()}
