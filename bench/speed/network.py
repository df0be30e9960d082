"""The network itself on this machine's cores: how it may be run, and whether the masks stay.

Reads  a trained network's folder (recipe.yaml, weights.safetensors), photographs. Writes nothing.

Times are the clock's, with all cores: a network keeps them all busy. The floor is a matrix product
in bf16 of as many operations; a training step has three times those of a prediction.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from bench.config.library import load_recipe
from bench.data.images import read_image
from bench.masks.resize import shrink, target_of
from bench.masks.types import Size
from bench.networks.load import load_network
from bench.speed.network_parity import say_parity
from bench.speed.network_variants import COMPILED, EAGER, OPENVINO, OURS, predictions, steps
from bench.speed.samples import Samples, samples
from bench.speed.timing import Row, Way, interleaved
from bench.system.device import Machine
from bench.system.progress import say
from bench.training.state import scratch
from models.summary import gflops

SECONDS = 5.0  # for each way
TRAINING = 3  # a step's operations: forward, and backward to the inputs and to the weights
SIDE, PRODUCT = 1024, 10  # of a matrix, and billions of operations of one product
KERNELS = "TORCHINDUCTOR_CACHE_DIR"  # where torch keeps what it compiled
CANNOT = (RuntimeError, OSError, ImportError)  # of torch's compiler, g++ and OpenVINO
Call = TypeVar("Call", bound=Callable[[], Any])


@dataclass(frozen=True)
class Ready(Generic[Call]):
    """A way that has done its first call, and the seconds until then."""

    call: Call
    seconds: float


def run(training: Path | None, name: str, data: Path | None) -> list[Row]:
    """Rows of prediction and of training, each way beside ours; parity is said.

    Args:
        training: folder of a trained network; without it a new one of the recipe `name`, whose
            masks mean nothing, so that parity is not looked at.

    Raises:
        BadConfig: there is no such recipe. Missing: there is no such network.
    """
    recipe = load_recipe(str(training / "recipe.yaml") if training else name)
    accelerator = Machine("cpu").accelerator()
    with TemporaryDirectory(prefix="carvana-speed-") as folder, _kernels_in(folder):
        given = samples(data, Path(folder))
        images, targets = batch(given, recipe.size)
        network = (
            load_network(name, recipe, training)
            if training
            else scratch(name, recipe).network.eval()
        )
        floor = gflops(network, recipe.size) * len(images)
        part = f"prediction, {name}"
        ways = prepare(part, predictions(network, images, accelerator, Path(folder)))
        if training:
            say_parity({way: ready.call for way, ready in ways.items()}, given.masks)
        rows = _rows(part, ways, len(images), product(floor), {EAGER: 4.0})
        part = f"training step, {name}"
        found = prepare(part, steps(name, recipe, images, targets, accelerator))
        return rows + _rows(part, found, len(images), product(TRAINING * floor), {EAGER: 2.5})


def batch(given: Samples, size: Size) -> tuple[Tensor, Tensor]:
    """The photographs, uint8 (B, 3, h, w), and their targets, uint8 (B, 1, h, w)."""
    photos = [shrink(read_image(path), size) for path in given.photographs]
    targets = [target_of(mask, size) for mask in given.masks]
    return (
        torch.from_numpy(np.stack(photos)).permute(0, 3, 1, 2),
        torch.from_numpy(np.stack(targets))[:, None],
    )


def prepare(part: str, makers: Mapping[str, Callable[[], Call]]) -> dict[str, Ready[Call]]:
    """Every way after its first call; one that cannot run here is left out, and why is said."""
    ready = {}
    for name, make in makers.items():
        say(f"{part}: {name}: first call ...")
        began = time.perf_counter()
        try:
            call = make()
            call()
        except CANNOT as error:
            if name == OURS:
                raise
            reason = (str(error).strip() or repr(error)).splitlines()[0]
            say(f"{part}: {name}: left out, it does not run here ({reason})")
            continue
        ready[name] = Ready(call, time.perf_counter() - began)
        say(f"{part}: {name}: ready after {ready[name].seconds:.1f} s")
    return ready


def _rows(
    part: str,
    ways: Mapping[str, Ready[Any]],
    images: int,
    floor: Way,
    bars: Mapping[str, float],
) -> list[Row]:
    calls = {name: ready.call for name, ready in ways.items()}
    times = interleaved({"floor": floor, **calls}, SECONDS * len(calls), time.perf_counter)
    ms = {name: float(np.median(each)) * 1000 / images for name, each in times.items()}
    notes = {
        name: payback(ways[name].seconds - ways[OURS].seconds, ms[OURS] - ms[name])
        for name in (COMPILED, OPENVINO) if name in ways
    }  # fmt: skip
    return [
        Row(
            part, ms[OURS], name, ms[name], ms[name] / ms[OURS], ms["floor"], bars.get(name),
            notes.get(name, ""),
        )
        for name in ways if name != OURS
    ]  # fmt: skip


def payback(seconds: float, gain_ms: float) -> str:
    """After how many images a way has earned what making it took.

    >>> payback(60, 20), payback(60, -5)
    ('60 s to make, earned after 3000 images', '60 s to make, never earned')
    """
    earned = (
        f"earned after {1000 * seconds / gain_ms:.0f} images" if gain_ms > 0 else "never earned"
    )
    return f"{seconds:.0f} s to make, {earned}"


def product(billions: float, device: torch.device | str = "cpu") -> Way:
    """Matrix products in bf16 of so many billions of operations in all."""
    repeats = max(1, round(billions / PRODUCT))
    columns = max(1, round(billions * 1e9 / repeats / 2 / SIDE**2))
    one = torch.ones(SIDE, SIDE, dtype=torch.bfloat16, device=device)
    other = torch.ones(SIDE, columns, dtype=torch.bfloat16, device=device)
    return lambda: float([one @ other for _ in range(repeats)][-1][0, 0])  # a GPU is waited for


@contextmanager
def _kernels_in(folder: str) -> Iterator[None]:
    """What torch compiles is kept in `folder`: nothing of an earlier run makes this one faster."""
    before = os.environ.get(KERNELS)
    os.environ[KERNELS] = str(Path(folder) / "kernels")
    try:
        yield
    finally:
        os.environ.pop(KERNELS)
        if before is not None:
            os.environ[KERNELS] = before
