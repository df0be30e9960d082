"""Whether photographs reach the network as fast as it takes them, in training and in prediction.

Reads  a Carvana folder, and a trained network's folder or a recipe. Writes samples, maps and, where
       no network is given, an untrained one below a temporary folder.

The stages themselves are timed, by the clock and with all cores, beside the same networks on the
same batch held in memory; the loader alone is timed on one core, by the processor's time. The
floors are a matrix product of as many operations, and one copy of a sample.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import safetensors.torch

from bench.config.library import load_recipe
from bench.config.recipe import Recipe
from bench.data.carvana import Carvana, open_folder
from bench.data.images import read_image
from bench.masks.resize import shrink
from bench.networks.build import shapes
from bench.networks.infer import mean_probability
from bench.networks.load import ready_network
from bench.networks.predict import Member, Part, ms_per_image
from bench.networks.predict import run as predict
from bench.networks.tta import views
from bench.speed.network import TRAINING, product
from bench.speed.timing import Row, Way, copying, interleaved, one_core
from bench.system.device import Machine
from bench.system.files import write_json
from bench.system.progress import say
from bench.training.augment import Augment
from bench.training.dataset import Decoded, Samples, TrainingSet, batches, cached_samples
from bench.training.state import scratch
from bench.training.train import train_one_epoch
from models.summary import gflops

STEPS = {"cpu": 8, "cuda": 200}  # of a round, as far as there are photographs
ROUNDS = 5  # of predictions
SECONDS = 10.0  # for each way to train
ALONE_S = 2.0  # for each way to load
TFLOPS = 790  # bf16, measured on an H200
CACHED, DECODED, READ = "cached samples", "decoded in every epoch", "photographs to predict"
HELD, STEP, FORWARD = "a batch held in memory", "a bare training step", "a bare prediction"


@dataclass(frozen=True)
class Given:
    """What is trained and predicted."""

    name: str
    recipe: Recipe
    training: Path  # with weights.safetensors
    photographs: dict[str, Path]
    sets: dict[str, TrainingSet]  # CACHED and DECODED
    gflops: float  # of a prediction
    machine: Machine


def run(training: Path | None, name: str, data: Path, jobs: int) -> list[Row]:
    """Rows of training and of prediction beside the bare network, and of the loader by itself.

    Args:
        training: folder of a trained network; without it a new one of the recipe `name`.

    Raises:
        BadConfig: there is no such recipe. Missing: there is no such network, or no photographs.
    """
    recipe = load_recipe(str(training / "recipe.yaml") if training else name)
    machine = Machine(jobs=jobs)
    found = open_folder(data)
    steps = STEPS[machine.accelerator().device.type]
    images = sorted(found.train)[: steps * recipe.batch]
    with TemporaryDirectory(prefix="carvana-speed-") as folder:
        given = Given(
            name,
            recipe,
            training or _untrained(name, recipe, Path(folder)),
            {image: found.train[image] for image in images},
            _sets(found, images, recipe, Path(folder), jobs),
            gflops(shapes(name, recipe), recipe.size),
            machine,
        )
        trained, step_ms = _training(given)
        predicted, forward_ms = _prediction(given, Path(folder))
        return [*trained, predicted, *_alone(given, step_ms, forward_ms)]


def _untrained(name: str, recipe: Recipe, folder: Path) -> Path:
    weights = scratch(name, recipe).network.state_dict()
    whole = {key: value.contiguous() for key, value in weights.items()}
    safetensors.torch.save_file(whole, folder / "weights.safetensors")
    write_json(folder / "manifest.json", {"recipe": name})
    return folder


def _sets(
    data: Carvana, images: Sequence[str], recipe: Recipe, folder: Path, jobs: int
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


def _training(given: Given) -> tuple[list[Row], float]:
    """Rows of the training loop with its loader, and the ms an image takes without."""
    recipe, accelerator = given.recipe, given.machine.accelerator()
    state = scratch(given.name, recipe)
    state.network.to(accelerator.device)
    steps = len(given.photographs) // recipe.batch
    held = next(batches(given.sets[CACHED], recipe.batch, 0, recipe.seed, 0))

    def epoch(kind: str) -> float:
        loader = iter([held] * steps)
        if kind != HELD:
            workers = given.machine.loader_workers()
            loader = batches(given.sets[kind], recipe.batch, 0, recipe.seed, workers)
        return train_one_epoch(state, loader, recipe, recipe.batch, accelerator, given.name)

    ways: dict[str, Way] = {kind: partial(epoch, kind) for kind in (HELD, CACHED, DECODED)}
    ways["floor"] = product(TRAINING * given.gflops * recipe.batch, accelerator.device)
    say(f"{given.name}: training, {steps} steps a round")
    times = interleaved(ways, SECONDS * len(ways), time.perf_counter)
    ms = {way: 1000 * median(each) / recipe.batch for way, each in times.items()}
    ms |= {kind: ms[kind] / steps for kind in (HELD, CACHED, DECODED)}
    rows = [
        Row(
            f"training, {kind}", ms[kind], HELD, ms[HELD], ms[HELD] / ms[kind], ms["floor"], bar, ""
        )
        for kind, bar in ((CACHED, 0.85), (DECODED, None))
    ]
    return rows, ms[HELD]


def _prediction(given: Given, folder: Path) -> tuple[Row, float]:
    """The row of the stage `predict`, and the ms an image takes the bare network."""
    recipe, accelerator = given.recipe, given.machine.accelerator()
    network = ready_network(given.name, recipe, given.training, accelerator.device)
    images = next(batches(given.sets[CACHED], recipe.batch, 0, recipe.seed, 0))[0]
    seen = views(recipe.tta.scales, recipe.tta.flip)

    def stage(number: int) -> float:
        store = folder / f"{number}.sqlite"
        predict([Member(given.name, recipe, [Part([given.training], given.photographs)], store)],
                given.machine)  # fmt: skip
        return ms_per_image(store)

    def of_an_image(way: Way) -> float:
        began = time.perf_counter()
        way()
        return 1000 * (time.perf_counter() - began) / recipe.batch

    def bare() -> None:
        mean_probability([network], images, seen, accelerator, most=recipe.batch).cpu()

    floor = product(len(seen) * given.gflops * recipe.batch, accelerator.device)
    for way in (bare, floor):
        way()  # first calls choose algorithms
    say(f"{given.name}: prediction, {len(given.photographs)} photographs a round")
    rounds = [(stage(number), of_an_image(bare), of_an_image(floor)) for number in range(ROUNDS)]
    ours, theirs, least = (median(each) for each in zip(*rounds, strict=True))
    part = "prediction, photograph to stored map"
    return Row(part, ours, HELD, theirs, theirs / ours, least, 0.9, ""), theirs


def _alone(given: Given, step_ms: float, forward_ms: float) -> list[Row]:
    """How much of what the network takes one core makes, in training and in prediction."""
    some = list(given.photographs.values())[: given.recipe.batch]

    def load(kind: str) -> None:
        for index in range(len(some)):
            given.sets[kind][index]

    ways: dict[str, Way] = {
        CACHED: partial(load, CACHED),
        DECODED: partial(load, DECODED),
        READ: lambda: [shrink(read_image(path), given.recipe.size) for path in some],
        "floor": copying(4 * given.recipe.size[0] * given.recipe.size[1] * len(some)),
    }
    with one_core():
        times = interleaved(ways, ALONE_S * len(ways))
    ms = {way: 1000 * median(each) / len(some) for way, each in times.items()}
    return [
        Row(f"a core, {kind}", ms[kind], peer, bare, bare / ms[kind], ms["floor"], None,
            feeds(ms[kind], bare, operations))
        for kind, peer, bare, operations in (
            (CACHED, STEP, step_ms, TRAINING * given.gflops),
            (DECODED, STEP, step_ms, TRAINING * given.gflops),
            (READ, FORWARD, forward_ms, given.gflops),
        )
    ]  # fmt: skip


def feeds(load_ms: float, bare_ms: float, billions: float) -> str:
    """How many cores load as fast as the network here takes images, and one at TFLOPS.

    >>> feeds(10, 40, 790)
    '100 images/s, 0.25 cores feed this network, 10.0 one at 790 TFLOP/s'
    """
    fastest_ms = billions / TFLOPS
    return (
        f"{1000 / load_ms:.0f} images/s, {load_ms / bare_ms:.2f} cores feed this network, "
        f"{load_ms / fastest_ms:.1f} one at {TFLOPS} TFLOP/s"
    )
