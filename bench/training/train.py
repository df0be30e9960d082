"""One recipe and one fold -> a trained network.

Reads  a Carvana folder, the recipe, the images to learn from and those that choose the best epoch.
Writes `<folder>/`: recipe.yaml, state.pt (to resume), history.csv, weights.safetensors (the best
       epoch), last.safetensors, and manifest.json, last of all: a folder that has it is finished.
"""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from bench.config.library import scaled
from bench.config.recipe import Recipe
from bench.config.strict import check_same, to_yaml
from bench.data.carvana import Carvana
from bench.masks.types import Size
from bench.metrics.overlap import counts_from_runs, dice
from bench.networks.build import train_mode
from bench.networks.infer import probabilities
from bench.networks.outputs import runs_of
from bench.networks.tta import View
from bench.system.device import Machine, device_name, enough_memory
from bench.system.environment import environment
from bench.system.errors import BadConfig, BenchError
from bench.system.files import sha256, write_json, write_text
from bench.system.progress import enter_span, report_dice, say, track
from bench.training.augment import Augment
from bench.training.dataset import (
    TrainingSet,
    Validation,
    batches,
    sample,
    samples_of,
    validation_set,
)
from bench.training.losses import total_loss
from bench.training.memory import micro_batch_that_fits
from bench.training.optimiser import after_batch, after_epoch
from bench.training.state import State, save, scratch, share_done, start, work
from bench.training.tensorboard import write_scalars
from models.interface import normalise, padded_forward, parameter_count

VALIDATION_BATCH = 8


@dataclass(frozen=True)
class Task:
    """One training: a recipe, the images it may use, and the folder it fills."""

    recipe: Recipe
    train: Sequence[str]
    valid: Sequence[str]
    folder: Path
    tensorboard: bool = False  # whether `<folder>/tensorboard` gets each epoch's figures, too


def run(task: Task, data: Carvana, cache: Path, machine: Machine) -> None:
    """Train, or go on where an interrupted training stopped; a finished one is left alone.

    On the CPU the result is the same bit for bit, interrupted or not, while as many images fit
    into memory at once.

    Args:
        cache: the folder of shrunk photographs, shared by all trainings.

    Raises:
        BadConfig: the network cannot be built so, or the folder was made by another recipe.
        Missing: the encoder's pretrained weights are not to be had.
        BenchError: the loss is not finite, or memory runs out; the last good epoch is kept.
    """
    recipe, folder = task.recipe, task.folder
    if (folder / "recipe.yaml").exists():
        check_same(folder / "recipe.yaml", recipe)
    if (folder / "manifest.json").exists():
        report_dice(
            json.loads((folder / "manifest.json").read_text()).get("valid_dice", 0),
            task.recipe.name,
        )
        return
    steps = len(task.train) // recipe.batch
    if not steps:
        raise BadConfig(
            f"{recipe.name}: batch {recipe.batch} is larger than {len(task.train)} training images"
        )
    write_text(folder / "recipe.yaml", to_yaml(recipe))
    accelerator = machine.accelerator()
    state = start(recipe, steps, saved=folder / "state.pt")
    state.network, state.optimiser = accelerator.prepare(state.network, state.optimiser)
    if state.average:
        state.average.to(accelerator.device)
    last = 0
    for scale, epochs in recipe.stages():
        last += epochs
        if len(state.history) < last and not finished(state, recipe):
            train_stage(state, task, scale, last, data, cache, accelerator, machine)
    if not recipe.epochs:
        keep_as_built(state, task, data, accelerator)
    write_manifest(state, task, accelerator)
    (folder / "state.pt").unlink()


def train_stage(
    state: State,
    task: Task,
    scale: float,
    last: int,
    data: Carvana,
    cache: Path,
    accelerator: Accelerator,
    machine: Machine,
) -> None:
    """Train at `scale` times the recipe's size, up to epoch `last` or to an early stop."""
    size = scaled(task.recipe.size, scale)
    enter_span(share_done(state, task.recipe), 0)
    dataset, validation = prepare(task, size, data, cache, machine.jobs)
    if machine.micro_batch is None:
        machine = replace(machine, micro_batch=fitting(task, size, accelerator))
    while len(state.history) < last and not finished(state, task.recipe):
        add_epoch(state, task, scale, dataset, validation, accelerator, machine)


def fitting(task: Task, size: Size, accelerator: Accelerator) -> int:
    """How many images of a batch fit into memory, tried on a network apart and on noise.

    Raises:
        BenchError: not even the fewest.
    """
    recipe = task.recipe
    trial = scratch(recipe)
    trial.network.to(accelerator.device)

    def step(images: int) -> float:
        noise = torch.randint(0, 256, (images, 4, *size), dtype=torch.uint8)
        batch = iter([(noise[:, :3], noise[:, 3:])])
        return train_one_epoch(trial, batch, task.recipe, images, accelerator, task.recipe.name)

    return micro_batch_that_fits(
        step, task.recipe.batch, accelerator.device, task.recipe.name, size
    )


def keep_as_built(state: State, task: Task, data: Carvana, accelerator: Accelerator) -> None:
    """Validate and keep a network that is not trained: a classical method, or given weights."""
    samples = np.stack([sample(data, task.recipe.size, image) for image in task.valid])
    score = evaluate(state.judged, validation_set(data, task.valid, samples), accelerator)
    state.history.append({"epoch": 0, "scale": 1.0, "valid_dice": score, "seconds": 0.0})
    save(state, task.folder, accelerator)
    say(f"{task.recipe.name}: nothing to train, validation Dice {score:.5f}")


def finished(state: State, recipe: Recipe) -> bool:
    """Whether all epochs are done, or those at the full size have stood still for too long."""
    if len(state.history) >= recipe.epochs or recipe.early_stopping is None:
        return len(state.history) >= recipe.epochs
    dice = [row["valid_dice"] for row in state.history if row["scale"] == 1]
    patience, min_delta = recipe.early_stopping.patience, recipe.early_stopping.min_delta
    before, recent = dice[:-patience], dice[-patience:]
    return bool(before) and max(recent) <= max(before) + min_delta


def prepare(
    task: Task, size: Size, data: Carvana, cache: Path, jobs: int
) -> tuple[TrainingSet, Validation]:
    """What the network learns from, and what chooses its best epoch."""
    images = sorted(data.train)
    samples = samples_of(data, images, size, cache, jobs)
    row_of = {image: row for row, image in enumerate(images)}
    augment = Augment(task.recipe.augment, size)
    rows = [row_of[image] for image in task.train]
    dataset = TrainingSet(samples, rows, augment, task.recipe.seed)
    held_back = np.stack([samples[row_of[image]] for image in task.valid])
    return dataset, validation_set(data, task.valid, held_back)


def add_epoch(
    state: State,
    task: Task,
    scale: float,
    dataset: TrainingSet,
    validation: Validation,
    accelerator: Accelerator,
    machine: Machine,
) -> None:
    """Train and validate for one more epoch, and keep what came of it."""
    epoch, began, recipe = len(state.history), time.monotonic(), task.recipe
    rate = state.optimiser.param_groups[0]["lr"]
    label = f"{task.recipe.name} epoch {epoch + 1}/{recipe.epochs}"
    torch.manual_seed(recipe.seed + epoch)  # for dropout, so that a resumed epoch draws the same
    loader = batches(dataset, recipe.batch, epoch, recipe.seed, machine.loader_workers())
    done = share_done(state, recipe)
    enter_span(done, scale**2 / work(recipe))
    counted = track(loader, label, len(dataset) // recipe.batch)
    micro_batch = min(machine.micro_batch or recipe.batch, recipe.batch)
    with enough_memory(task.recipe.name, micro_batch, recipe.size):
        loss = train_one_epoch(state, counted, recipe, micro_batch, accelerator, label)
        score = evaluate(state.judged, validation, accelerator)
    after_epoch(state.schedule, score)
    row: dict[str, float] = {
        "epoch": epoch + 1,
        "scale": scale,
        "lr": float(rate),
        "train_loss": loss,
        "valid_dice": score,
        "seconds": time.monotonic() - began,
    }
    state.history.append(row)
    save(state, task.folder, accelerator)
    report_dice(score, task.recipe.name)
    if task.tensorboard:
        write_scalars(task.folder / "tensorboard", epoch + 1, row)
    say(f"{label}: loss {loss:.4f}, validation Dice {score:.5f}, {row['seconds']:.0f} s")


def train_one_epoch(
    state: State,
    loader: Iterator[tuple[Tensor, Tensor]],
    recipe: Recipe,
    micro_batch: int,
    accelerator: Accelerator,
    label: str,
) -> float:
    """The mean loss over the batches of an epoch.

    A batch goes through the network in micro-batches whose gradients add up to the batch's own;
    only batch norm sees the micro-batch, as it does on several devices.

    Raises:
        BenchError: the loss is not finite.
    """
    train_mode(accelerator.unwrap_model(state.network), recipe.freeze)
    losses: list[float] = []
    for images, targets in loader:
        parts = zip(
            torch.split(images, micro_batch), torch.split(targets, micro_batch), strict=True
        )
        batch_loss = sum(
            _backward(state.network, image, target, len(image) / len(images), recipe, accelerator)
            for image, target in parts
        )
        if not batch_loss < float("inf"):
            raise BenchError(
                f"{label}, batch {len(losses) + 1}: the loss is {batch_loss}; the last epoch's "
                "state is kept. Lower `lr` in the recipe and train again"
            )
        state.optimiser.step()
        state.optimiser.zero_grad()
        after_batch(state.schedule)
        if state.average:
            state.average.update_parameters(accelerator.unwrap_model(state.network))
        losses.append(batch_loss)
    return sum(losses) / len(losses)


def _backward(
    network: nn.Module,
    image: Tensor,
    target: Tensor,
    share: float,
    recipe: Recipe,
    accelerator: Accelerator,
) -> float:
    """Add the gradient of a micro-batch, which is `share` of its batch, and return its loss."""
    photo = image.to(accelerator.device, non_blocking=True)
    target = target.to(accelerator.device, non_blocking=True)
    image = normalise(photo).contiguous(memory_format=torch.channels_last)
    with accelerator.autocast():
        logits = padded_forward(network, image)
    loss = share * total_loss(recipe, logits, target / 255, photo / 255)
    accelerator.backward(loss)
    return loss.item()


def evaluate(network: nn.Module, validation: Validation, accelerator: Accelerator) -> float:
    """Mean Dice of the validation photographs at their full size, without augmentation."""
    network.eval()
    scores = []
    for first in range(0, len(validation.sizes), VALIDATION_BATCH):
        some = slice(first, first + VALIDATION_BATCH)
        images = torch.from_numpy(validation.samples[some, ..., :3]).permute(0, 3, 1, 2)
        with accelerator.autocast():
            found = probabilities(network, images.to(accelerator.device), [View()])
        for one, size, truth in zip(
            found, validation.sizes[some], validation.truths[some], strict=True
        ):
            scores.append(dice(counts_from_runs(runs_of(one, size), truth)))
    return sum(scores) / len(scores)


def write_manifest(state: State, task: Task, accelerator: Accelerator) -> None:
    """Say what was trained, on what, how well and how long."""
    best = state.best()
    manifest = {
        "recipe": task.recipe.name,
        "train_images": len(task.train),
        "valid_images": len(task.valid),
        "parameters": parameter_count(state.network),
        "best_epoch": int(best["epoch"]),
        "valid_dice": best["valid_dice"],
        "seconds": sum(row["seconds"] for row in state.history),
        "device": device_name(accelerator),
        "precision": accelerator.mixed_precision,
        "weights_sha256": sha256(task.folder / "weights.safetensors"),
        "environment": environment(),
    }
    write_json(task.folder / "manifest.json", manifest)
