"""Time whether photographs reach the network as fast as it takes them, to train and to predict.

Reads  a data folder, and a trained network's folder or a recipe.
Writes samples, maps and, without a trained network, an untrained one below a temporary folder.

The stages themselves are timed, in wall time and with all cores, beside the same networks on a
batch held in memory; the loader alone is timed on one core, in processor time. The floors are a
matrix product of as many operations as the network has on paper, and one copy of a sample.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import safetensors.torch

from bench.config.layout import TrainingFolder
from bench.config.machine import Machine
from bench.config.recipe import Recipe
from bench.data.dataset import DataSet
from bench.data.images import read_image
from bench.masks.resize import shrink
from bench.networks.build import meta_network
from bench.networks.infer import mean_probability
from bench.networks.load import ready_network
from bench.networks.predict import run as predict
from bench.networks.tta import views
from bench.networks.wanted import FoldTask, PredictionTask, ms_per_image
from bench.own.opening import open_data
from bench.speed.network import TRAINING_FACTOR, product, recipe_of
from bench.speed.timing import (
    FLOOR,
    OURS,
    PeerComparison,
    Variant,
    copy_floor,
    interleaved,
    one_core,
)
from bench.system.device import accelerator_of, device_named
from bench.system.errors import Missing
from bench.system.files import write_json
from bench.system.progress import say
from bench.system.temporaries import temporary_folder
from bench.system.text import several
from bench.training.augment import Augment
from bench.training.dataset import Decoded, Samples, TrainingSet, batches, cached_samples
from bench.training.epoch import train_one_epoch
from bench.training.state import trial_state
from models.interface import parameter_count
from models.summary import gflops

STEPS_A_ROUND = {"cpu": 8, "cuda": 200}  # at most; fewer with fewer photographs
PREDICTION_ROUNDS = 5
TRAINING_S = 10.0  # for each variant of training
LOADING_S = 2.0  # for each variant of loading
TFLOPS = 790  # bf16, measured on an H200
CACHED, DECODED, READ = "cached samples", "decoded in every epoch", "photographs to predict"
HELD = "a batch held in memory"
BARE_STEP, BARE_PREDICTION = "a bare training step", "a bare prediction"


@dataclass(frozen=True)
class Work:
    """The network that is trained and predicts, and its photographs."""

    recipe: Recipe
    training: TrainingFolder  # with weights.safetensors
    photographs: dict[str, Path]
    sets: dict[str, TrainingSet]  # CACHED and DECODED
    gflops: float  # of one view of a photograph
    machine: Machine


def run(training: Path | None, name: str, data: Path, jobs: int) -> list[PeerComparison]:
    """Time training and prediction beside the bare network, and the loader by itself.

    Args:
        training: folder of a trained network; without it a new one of the recipe `name`.

    Raises:
        BadConfig: there is no such recipe. Missing: there is no such network, or fewer training
            photographs than a batch has.
    """
    recipe = recipe_of(training, name)
    machine = Machine(jobs=jobs)
    carvana = open_data(data)
    if len(carvana.train) < recipe.batch:
        raise Missing(
            f"{data}: {several(len(carvana.train), 'training photograph')}, and a batch of "
            f"{recipe.name} has {recipe.batch}; name a recipe of a smaller batch, or other data"
        )
    steps = STEPS_A_ROUND[device_named(machine.device).type]
    images = sorted(carvana.train)[: steps * recipe.batch]
    with temporary_folder("speed") as folder:
        work = Work(
            recipe,
            TrainingFolder(training) if training else _untrained(recipe, folder),
            {image: carvana.train[image] for image in images},
            _sets(carvana, images, recipe, folder, jobs),
            gflops(meta_network(recipe), recipe.size),
            machine,
        )
        trained, step_ms = _time_training(work)
        predicted, forward_ms = _time_prediction(work, folder)
        return [*trained, predicted, *_time_loading(work, step_ms, forward_ms)]


def _untrained(recipe: Recipe, folder: Path) -> TrainingFolder:
    training, network = TrainingFolder(folder), trial_state(recipe).network
    whole = {key: value.contiguous() for key, value in network.state_dict().items()}
    safetensors.torch.save_file(whole, training.weights)
    write_json(training.manifest, {"parameters": parameter_count(network), "seconds": 0.0})
    return training


def _sets(
    data: DataSet, images: Sequence[str], recipe: Recipe, folder: Path, jobs: int
) -> dict[str, TrainingSet]:
    kinds: dict[str, Samples | Decoded] = {
        CACHED: cached_samples(data, images, recipe.size, folder, jobs),
        DECODED: Decoded(data, images, recipe.size),
    }
    augment = Augment(recipe.augment, recipe.size)
    return {
        kind: TrainingSet(samples, range(len(images)), augment, recipe.seed)
        for kind, samples in kinds.items()
    }


def _time_training(work: Work) -> tuple[list[PeerComparison], float]:
    """Time the training loop with its loader; return also the ms of an image without a loader."""
    recipe, accelerator = work.recipe, accelerator_of(work.machine.device)
    state = trial_state(recipe)
    state.network.to(accelerator.device)
    steps = len(work.photographs) // recipe.batch
    held = next(batches(work.sets[CACHED], recipe.batch, 0, recipe.seed, 0))

    def epoch(kind: str) -> float:
        loader = iter([held] * steps)
        if kind != HELD:
            workers = accelerator.loader_workers(work.machine.jobs)
            loader = batches(work.sets[kind], recipe.batch, 0, recipe.seed, workers)
        return train_one_epoch(state, loader, recipe, [recipe.batch], accelerator, recipe.name)

    variants: dict[str, Variant] = {kind: partial(epoch, kind) for kind in (HELD, CACHED, DECODED)}
    variants[FLOOR] = product(TRAINING_FACTOR * work.gflops * recipe.batch, accelerator)
    say(f"{recipe.name}: training, {steps} steps a round")
    times = interleaved(variants, TRAINING_S * len(variants), time.perf_counter)
    ms = {name: 1000 * median(rounds) / recipe.batch for name, rounds in times.items()}
    ms |= {kind: ms[kind] / steps for kind in (HELD, CACHED, DECODED)}
    rows = [
        PeerComparison.of(f"training, {kind}", ms | {OURS: ms[kind]}, HELD, bar)
        for kind, bar in ((CACHED, 0.85), (DECODED, None))
    ]
    return rows, ms[HELD]


def _time_prediction(work: Work, folder: Path) -> tuple[PeerComparison, float]:
    """Time the stage `predict`; return also the ms of an image of the bare network."""
    recipe, accelerator = work.recipe, accelerator_of(work.machine.device)
    network = ready_network(recipe, work.training, accelerator.device)
    images = next(batches(work.sets[CACHED], recipe.batch, 0, recipe.seed, 0))[0]
    tta_views = views(recipe.tta)

    def stage(number: int) -> float:
        store = folder / f"{number}.sqlite"
        fold = FoldTask([work.training], work.photographs)
        predict([PredictionTask(recipe, [fold], store)], work.machine)
        return ms_per_image(store)

    def ms_of(variant: Variant) -> float:
        began = time.perf_counter()
        variant()
        return 1000 * (time.perf_counter() - began) / recipe.batch

    def bare() -> None:
        mean_probability([network], images, tta_views, accelerator, max_batch=recipe.batch).cpu()

    floor = product(len(tta_views) * work.gflops * recipe.batch, accelerator)
    for variant in (bare, floor):
        variant()  # first calls choose algorithms
    say(f"{recipe.name}: prediction, {len(work.photographs)} photographs a round")
    rounds = [(stage(number), ms_of(bare), ms_of(floor)) for number in range(PREDICTION_ROUNDS)]
    medians = (median(times) for times in zip(*rounds, strict=True))
    ms = dict(zip((OURS, HELD, FLOOR), medians, strict=True))
    return PeerComparison.of("prediction, photograph to stored map", ms, HELD, 0.9), ms[HELD]


def _time_loading(work: Work, step_ms: float, forward_ms: float) -> list[PeerComparison]:
    """Time loading on one core beside the network's step and its prediction."""
    photographs = list(work.photographs.values())[: work.recipe.batch]

    def load(kind: str) -> None:
        for index in range(len(photographs)):
            work.sets[kind][index]

    variants: dict[str, Variant] = {
        CACHED: partial(load, CACHED),
        DECODED: partial(load, DECODED),
        READ: lambda: [shrink(read_image(path), work.recipe.size) for path in photographs],
        FLOOR: copy_floor(4 * work.recipe.size[0] * work.recipe.size[1] * len(photographs)),
    }
    with one_core():
        times = interleaved(variants, LOADING_S * len(variants))
    ms = {name: 1000 * median(rounds) / len(photographs) for name, rounds in times.items()}
    ms |= {BARE_STEP: step_ms, BARE_PREDICTION: forward_ms}
    operations = {
        BARE_STEP: TRAINING_FACTOR * work.gflops,
        BARE_PREDICTION: len(views(work.recipe.tta)) * work.gflops,
    }
    return [
        PeerComparison.of(
            f"a core, {kind}",
            ms | {OURS: ms[kind]},
            peer,
            note=feeds(ms[kind], ms[peer], operations[peer]),
        )
        for kind, peer in ((CACHED, BARE_STEP), (DECODED, BARE_STEP), (READ, BARE_PREDICTION))
    ]


def feeds(load_ms: float, bare_ms: float, gflops: float) -> str:
    """Say how many cores load as fast as the network takes images, here and at TFLOPS.

    >>> feeds(10, 40, 790)
    '100 images/s, 0.25 cores feed this network, 10.0 one at 790 TFLOP/s'
    """
    fastest_ms = gflops / TFLOPS
    return (
        f"{1000 / load_ms:.0f} images/s, {load_ms / bare_ms:.2f} cores feed this network, "
        f"{load_ms / fastest_ms:.1f} one at {TFLOPS} TFLOP/s"
    )
