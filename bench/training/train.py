"""One recipe and one fold -> a trained network.

Reads  a data folder, the recipe, the images to learn from and those that choose the best epoch.
Writes `<folder>/`: recipe.yaml, state.pt (to resume), history.csv, weights.safetensors (the best
       epoch), last.safetensors, and manifest.json, last of all: a folder that has it is finished.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from bench.config.layout import TrainingFolder
from bench.config.machine import Machine
from bench.config.recipe import NOT_TRAINED, Recipe, scaled
from bench.config.strict import check_same
from bench.data.dataset import DataSet, Lessons
from bench.masks.types import ReadMap, Size
from bench.networks.edge import typical_tiles
from bench.networks.manifest import is_whole, read_manifest
from bench.system.device import Accelerator, accelerator_of, enough_memory, refused_beyond_free_ram
from bench.system.environment import OtherWork, environment
from bench.system.files import sha256, write_json, write_text
from bench.system.progress import enter_span, report_dice, say, track
from bench.system.threads import prefetch
from bench.training import check, memory
from bench.training.augment import Augment, no_map
from bench.training.dataset import Taught, TrainingSet, batches, crops_of, sample, samples_of
from bench.training.epoch import Score, edge_score, evaluate, train_one_epoch, validation_set
from bench.training.optimiser import after_epoch
from bench.training.state import State, begin_or_resume, save, trial_state
from bench.training.tensorboard import write_scalars
from models.interface import channels_of, parameter_count
from models.summary import gflops

RANK_SEED = 1_000_003  # between the random numbers of two ranks


@dataclass(frozen=True)
class Task:
    """One training: a recipe, the images it may use, and the folder it fills."""

    recipe: Recipe
    train: Sequence[str]
    valid: Sequence[str]
    folder: TrainingFolder
    lessons: Lessons | None = None  # of the recipe's teacher
    tensorboard: Path | None = None  # the folder of each epoch's figures for TensorBoard, if wanted
    read_map: ReadMap = no_map  # the maps that an edge network learns to sharpen


def run(task: Task, data: DataSet, cache: Path, machine: Machine) -> None:
    """Train, or go on where an interrupted training stopped; leave a finished training alone.

    This process does it alone; `ranks.run` shares it with others. On the CPU the result is the same
    bit for bit, interrupted or not, as long as the micro-batch is the same.

    Args:
        cache: the folder of shrunk photographs, shared by all trainings.

    Raises:
        BadConfig: the network cannot be built, or the folder was made by another recipe.
        Missing: the encoder's pretrained weights are neither on this machine nor on the hub.
        BenchError: the loss is not finite, or memory runs out; the last good epoch is kept.
    """
    fewest = begin(task, data, machine)
    if fewest:
        finish(task, data, cache, machine, fewest)


def begin(task: Task, data: DataSet, machine: Machine) -> int:
    """Check a training and prepare its folder; 0 if it is finished.

    Returns: the fewest images from which its network can learn at once.

    Raises:
        BadConfig: as `run`.
    """
    recipe, folder = task.recipe, task.folder
    if folder.recipe.exists():
        check_same(folder.recipe, recipe, ignored=NOT_TRAINED)
    elif folder.finished:
        write_text(folder.recipe, recipe.training_yaml())
    if folder.finished:
        if is_whole(folder):
            with suppress(OSError):  # there only where a process was killed after the manifest
                folder.state.unlink()
            report_dice(read_manifest(folder.manifest).valid_dice, recipe.name)
            return 0
        folder.manifest.unlink()  # first of all: what is trained from here on is not finished
    fewest = check.check_training(recipe, task.train, task.valid, data, machine)
    write_text(folder.recipe, recipe.training_yaml())
    return fewest


def finish(task: Task, data: DataSet, cache: Path, machine: Machine, fewest: int) -> None:
    """Train all that is left; each rank of a training does so at the same time.

    Args:
        fewest: as `begin` returns it.

    Raises: as `run`.
    """
    recipe, folder = task.recipe, task.folder
    accelerator = accelerator_of(machine.device, machine.precision)
    steps = len(task.train) * recipe.crops // recipe.batch
    state = begin_or_resume(recipe, steps, folder, accelerator)
    Trainer(task, data, cache, machine, accelerator, state, fewest).train()
    if accelerator.writes:
        folder.state.unlink()


@dataclass(frozen=True)
class Trainer:
    """A training: its task and data, the device it runs on, and its state, which changes."""

    task: Task
    data: DataSet
    cache: Path
    machine: Machine
    accelerator: Accelerator
    state: State
    fewest: int  # images from which the network can learn at once

    @property
    def recipe(self) -> Recipe:
        """The recipe of the task."""
        return self.task.recipe

    @property
    def share(self) -> Recipe:
        """The recipe with this rank's share of its batch."""
        mine = range(self.recipe.batch)[self.accelerator.share(self.recipe.batch)]
        return self.recipe.model_copy(update={"batch": len(mine)})

    def train(self) -> None:
        """Train every stage of the recipe that is left, then write the manifest."""
        last = 0
        for scale, epochs in self.recipe.stages():
            last += epochs
            if len(self.state.history) < last and not self.finished():
                self.train_stage(scale, last)
        if not self.recipe.epochs:
            self.keep_as_built()
        if self.accelerator.writes:
            self.write_manifest()

    def train_stage(self, scale: float, last: int) -> None:
        """Train at `scale` times the recipe's size, up to epoch `last` or to an early stop."""
        size = scaled(self.recipe.size, scale)
        enter_span(self.share_done(), 0)
        with self.accelerator.first_where_files_are_written():
            dataset, score_of = self.prepare(size)
        micro_batch = self.machine.micro_batch or self.find_micro_batch(size)
        while len(self.state.history) < last and not self.finished():
            self.add_epoch(scale, dataset, score_of, min(micro_batch, self.share.batch))

    def finished(self) -> bool:
        """Whether all epochs are done, or those at the full size have stood still for too long."""
        history, stopping = self.state.history, self.recipe.early_stopping
        if len(history) >= self.recipe.epochs or stopping is None:
            return len(history) >= self.recipe.epochs
        dice = [row["valid_dice"] for row in history if row["scale"] == 1]
        before, recent = dice[: -stopping.patience], dice[-stopping.patience :]
        return bool(before) and max(recent) <= max(before) + stopping.min_delta

    def share_done(self) -> float:
        """Return the share of the training's work that is done."""
        done = sum(row["scale"] ** 2 for row in self.state.history)
        return done / self.recipe.full_size_epochs

    def prepare(self, size: Size) -> tuple[TrainingSet, Score]:
        """Return the samples to learn from, and the score that chooses the best epoch."""
        task, recipe, data, accelerator = self.task, self.recipe, self.data, self.accelerator
        cache, jobs, folder = self.cache, self.machine.jobs, recipe.backgrounds
        augment = Augment(recipe.augment, size, Path(folder) if folder else None)
        if recipe.edge:
            score = edge_score(data, task.valid, task.read_map, recipe, accelerator, jobs)
            crops = crops_of(data, task.train, task.read_map, recipe, cache, jobs)
            return TrainingSet(crops, range(len(crops)), augment, recipe.seed), score
        images = sorted(data.train)
        samples = samples_of(data, images, size, cache, jobs)
        row_of = {image: row for row, image in enumerate(images)}
        rows = [row_of[image] for image in task.train]
        taught = None
        if lessons := task.lessons:
            soft = samples_of(lessons, sorted(lessons.photographs), size, cache, jobs)
            taught = Taught(soft, lessons.share)
        dataset = TrainingSet(samples, rows, augment, recipe.seed, taught)
        valid = [row_of[image] for image in task.valid]
        held_back = np.stack(list(prefetch(samples.__getitem__, valid, jobs)))
        validation = validation_set(data, task.valid, held_back, jobs)
        return dataset, partial(evaluate, validation=validation, accelerator=accelerator)

    def find_micro_batch(self, size: Size) -> int:
        """Return how many images of a batch fit into memory, tried with a second network on noise.

        Raises:
            BenchError: memory is too small for any number of images.
        """
        alone = replace(self.accelerator, rank=0, ranks=1)  # others may try other numbers of images
        trial = trial_state(self.recipe)
        trial.network.to(self.accelerator.device)

        def step(images: int) -> float:
            channels = channels_of(trial.network) + 1  # and the target
            noise = torch.randint(0, 256, (images, channels, *size), dtype=torch.uint8)
            batch = iter([(noise[:, :-1], noise[:, -1:])])
            return train_one_epoch(trial, batch, self.recipe, [images], alone, self.recipe.name)

        device = self.accelerator.device
        found = memory.find_micro_batch(step, self.share, size, device, self.fewest)
        return self.accelerator.smallest(found)

    def add_epoch(
        self, scale: float, dataset: TrainingSet, score_of: Score, micro_batch: int
    ) -> None:
        """Train and validate for one more epoch; save the state, the weights and the figures."""
        state, recipe = self.state, self.recipe
        epoch, began, others = len(state.history), time.monotonic(), OtherWork()
        rate = state.optimiser.param_groups[0]["lr"]
        label = f"{recipe.name} epoch {epoch + 1}/{recipe.epochs}"
        torch.manual_seed(recipe.seed + epoch + RANK_SEED * self.accelerator.rank)  # for dropout
        workers = self.accelerator.loader_workers(self.machine.jobs)
        share = self.accelerator.share(recipe.batch)
        loader = batches(dataset, recipe.batch, epoch, recipe.seed, workers, share)
        enter_span(self.share_done(), scale**2 / recipe.full_size_epochs)
        counted = track(loader, label, len(dataset) // recipe.batch)
        parts = memory.split_batch(self.share.batch, micro_batch, self.fewest)
        fewer = memory.next_smaller(micro_batch, self.share.batch, self.fewest)
        with (
            enough_memory(recipe.name, micro_batch, recipe.size, fewer),
            refused_beyond_free_ram(self.accelerator.device),
        ):
            loss = train_one_epoch(state, counted, recipe, parts, self.accelerator, label)
            scarce = micro_batch < self.share.batch
            score = score_of(state.evaluated_network, micro_batch if scarce else None)
        after_epoch(state.schedule, score)
        row: dict[str, float] = {
            "epoch": epoch + 1,
            "scale": scale,
            "lr": float(rate),
            "train_loss": loss,
            "valid_dice": score,
            "seconds": time.monotonic() - began,
            "other_cores": others.cores(),
        }
        state.history.append(row)
        if self.accelerator.writes:
            self.write_epoch(row)
        report_dice(score, recipe.name)
        say(f"{label}: loss {loss:.4f}, validation Dice {score:.5f}, {row['seconds']:.0f} s")

    def write_epoch(self, row: dict[str, float]) -> None:
        """Write what the last epoch has made."""
        save(self.state, self.recipe, self.task.folder)
        if self.task.tensorboard:
            write_scalars(self.task.tensorboard, len(self.state.history), row)

    def keep_as_built(self) -> None:
        """Validate and save a network without training: a classical method, or loaded weights."""
        size, valid = self.recipe.size, self.task.valid
        read = partial(sample, self.data, size)
        samples = np.stack(list(prefetch(read, valid, self.machine.jobs)))
        validation = validation_set(self.data, valid, samples, self.machine.jobs)
        score = evaluate(self.state.evaluated_network, None, validation, self.accelerator)
        self.state.history.append({"epoch": 0, "scale": 1.0, "valid_dice": score, "seconds": 0.0})
        if self.accelerator.writes:
            save(self.state, self.recipe, self.task.folder)
        say(f"{self.recipe.name}: nothing to train, validation Dice {score:.5f}")

    def write_manifest(self) -> None:
        """Write what was trained, on what, how well and how long."""
        best, folder = self.state.best(), self.task.folder
        manifest = {
            "recipe": self.recipe.name,
            "train_images": len(self.task.train),
            "valid_images": len(self.task.valid),
            "parameters": parameter_count(self.state.network),
            "gflops": gflops(self.state.network, self.recipe.size) * typical_tiles(self.recipe),
            "best_epoch": int(best["epoch"]),
            "valid_dice": best["valid_dice"],
            "seconds": sum(row["seconds"] for row in self.state.history),
            "other_cores": max(row.get("other_cores", 0.0) for row in self.state.history),
            "device": self.accelerator.name,
            "processes": self.accelerator.ranks,
            "precision": ", then ".join(self.state.precisions),
            "weights_sha256": sha256(folder.weights),
            "environment": environment(),
        }
        write_json(folder.manifest, manifest)
