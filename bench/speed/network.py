"""The network itself on this machine's cores: how it may be run, and whether the masks stay.

Reads  a trained network's folder (recipe.yaml, weights.safetensors), photographs. Writes nothing.

Times are the clock's, with all cores: a network keeps them all busy. The floor is a matrix product
in bf16 of as many operations.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor, nn

from bench.carvana import read_image
from bench.config import Recipe, load_recipe
from bench.losses import total_loss
from bench.metrics import counts_from_runs, dice
from bench.networks import build, freeze
from bench.optimise import make_optimiser
from bench.predict import load_network
from bench.progress import say
from bench.resize import Size, grow, shrink
from bench.rle import Runs, map_runs, runs
from bench.speed.samples import Samples, samples
from bench.speed.timing import Row, interleaved
from bench.tta import View, probabilities
from models.blocks import normalise, padded_forward
from models.summary import gflops

OURS = "channels_last + bf16 (ours)"
BATCH = 4
SECONDS = 5.0  # for each way
CLOSE = 1e-4  # of Dice, that another precision may cost at most
Predict = Callable[[Tensor], Tensor]  # uint8 (B, 3, h, w) -> probabilities (B, h, w)


def run(training: Path | None, name: str, data: Path | None) -> list[Row]:
    """Rows of prediction and of training, each way beside ours; parity is said.

    Args:
        training: folder of a trained network; without it a new one of the recipe `name`, whose
            masks mean nothing, so that parity is not looked at.

    Raises:
        BadConfig: there is no such recipe. Missing: there is no such network.
    """
    recipe = load_recipe(str(training / "recipe.yaml") if training else name)
    with TemporaryDirectory(prefix="carvana-speed-") as folder:
        given = samples(data, Path(folder))
        photos = [read_image(path) for path in given.photographs[:BATCH]]
    small = [torch.from_numpy(shrink(photo, recipe.size)).permute(2, 0, 1) for photo in photos]
    images = torch.stack(small)
    if training:
        network = load_network(name, recipe, training)
    else:
        network = build(name, recipe, pretrained=False).eval()
    floor = _product(gflops(network, recipe.size) * len(images))
    ways = _predictions(network, images)
    if training:
        _say_parity(ways, images, given)
    rows = _rows(f"prediction, {name}", ways, images, floor)
    steps = _steps(name, recipe, images, _targets(given, recipe.size))
    return rows + _rows(f"training step, {name}", steps, images, floor)


def _rows(
    part: str, ways: dict[str, Predict], images: Tensor, floor: Callable[[], object]
) -> list[Row]:
    calls: dict[str, Callable[[], object]] = {
        name: partial(way, images) for name, way in ways.items()
    }
    for name, call in calls.items():
        began = time.perf_counter()
        call()
        say(f"{part}: {name}: first call {time.perf_counter() - began:.1f} s")
    times = interleaved({"floor": floor, **calls}, SECONDS * len(calls), time.perf_counter)
    ms = {name: float(np.median(each)) * 1000 / len(images) for name, each in times.items()}
    bars = {"eager fp32": 2.5 if part.startswith("training") else 4.0}
    return [
        Row(part, ms[OURS], name, ms[name], ms[name] / ms[OURS], ms["floor"], bars.get(name), "")
        for name in ways
        if name != OURS
    ]


def _product(billions: float) -> Callable[[], object]:
    """A matrix product in bf16 of so many billions of operations."""
    side = 1024
    columns = max(1, round(billions * 1e9 / 2 / side**2))
    one = torch.ones(side, side, dtype=torch.bfloat16)
    other = torch.ones(side, columns, dtype=torch.bfloat16)
    return lambda: one @ other


def _bf16() -> AbstractContextManager[object]:
    return torch.autocast("cpu", torch.bfloat16)


def _eager(network: nn.Module) -> Predict:
    """Plain PyTorch: float32 in its usual layout."""

    @torch.inference_mode()
    def predict(images: Tensor) -> Tensor:
        return torch.sigmoid(padded_forward(network, normalise(images).contiguous()))[:, 0]

    return predict


def _ours(network: nn.Module, precision: Callable[[], AbstractContextManager[object]]) -> Predict:
    """What the stage `predict` does."""

    def predict(images: Tensor) -> Tensor:
        with precision():
            return probabilities(network, images, [View()])

    return predict


def _predictions(network: nn.Module, images: Tensor) -> dict[str, Predict]:
    last = deepcopy(network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    compiled = torch.compile(deepcopy(last))
    ways = {
        "eager fp32": _eager(network),
        "channels_last fp32": _ours(network, nullcontext),
        OURS: _ours(network, _bf16),
        "and weights channels_last": _ours(last, _bf16),
        "and torch.compile": _ours(compiled, _bf16),  # type: ignore[arg-type]
    }
    if find_spec("openvino"):
        ways["OpenVINO bf16"] = openvino(network, images)
    return ways


def openvino(network: nn.Module, images: Tensor) -> Predict:
    """The network as OpenVINO runs it in bf16, for images of one shape (the extra `export`)."""
    import openvino as ov

    example = normalise(images)
    model = ov.convert_model(deepcopy(network), example_input=example, input=[example.shape])
    options = {"INFERENCE_PRECISION_HINT": "bf16", "PERFORMANCE_HINT": "LATENCY"}
    compiled = ov.compile_model(model, "CPU", options)

    def predict(some: Tensor) -> Tensor:
        logits = torch.from_numpy(compiled(normalise(some).numpy())[0])
        return torch.sigmoid(logits)[:, 0]

    return predict


def _targets(given: Samples, size: Size) -> Tensor:
    masks = [shrink(mask.astype(np.uint8) * 255, size) for mask in given.masks[:BATCH]]
    return torch.from_numpy(np.stack(masks))[:, None]


def _steps(name: str, recipe: Recipe, images: Tensor, targets: Tensor) -> dict[str, Predict]:
    """Whole training steps: forward, loss, backward, optimiser."""

    def step_of(
        layout: torch.memory_format, precision: Callable[[], AbstractContextManager[object]],
        compiled: bool = False,
    ) -> Predict:  # fmt: skip
        network = build(name, recipe, pretrained=False).train()
        freeze(network, recipe.freeze)
        network = network.to(memory_format=layout)  # type: ignore[call-overload]
        optimiser = make_optimiser(recipe.optimiser, network)
        used = torch.compile(network) if compiled else network

        def step(some: Tensor) -> Tensor:
            ready = normalise(some).contiguous(memory_format=layout)
            with precision():
                logits = padded_forward(used, ready)  # type: ignore[arg-type]
            loss = total_loss(recipe, logits, targets / 255, some / 255)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            optimiser.zero_grad()
            return loss.detach()

        return step

    return {
        "eager fp32": step_of(torch.contiguous_format, nullcontext),
        "channels_last fp32": step_of(torch.channels_last, nullcontext),
        OURS: step_of(torch.channels_last, _bf16),
        "and torch.compile": step_of(torch.channels_last, _bf16, compiled=True),
    }


def _say_parity(ways: dict[str, Predict], images: Tensor, given: Samples) -> None:
    """Say, for each way, which share of a photograph's pixels changes sides, and what it costs."""
    truths = [runs(mask) for mask in given.masks[:BATCH]]
    sizes = [(mask.shape[0], mask.shape[1]) for mask in given.masks[:BATCH]]
    exact = _masks(ways["eager fp32"], images, sizes)
    for name, way in ways.items():
        found = _masks(way, images, sizes)
        changed = [
            sum(counts_from_runs(one, other)[1:]) / (size[0] * size[1])
            for one, other, size in zip(found, exact, sizes, strict=True)
        ]
        gain = np.mean(_dices(found, truths)) - np.mean(_dices(exact, truths))
        verdict = "within" if abs(gain) < CLOSE else "NOT within"
        say(
            f"parity, {name}: {np.mean(changed):.2e} of the pixels change, Dice {gain:+.1e}, "
            f"{verdict} {CLOSE:g}"
        )


def _masks(way: Predict, images: Tensor, sizes: Sequence[Size]) -> list[Runs]:
    return [
        map_runs(grow(one.float().numpy(), size))
        for one, size in zip(way(images), sizes, strict=True)
    ]


def _dices(found: Sequence[Runs], truths: Sequence[Runs]) -> list[float]:
    return [dice(counts_from_runs(one, truth)) for one, truth in zip(found, truths, strict=True)]
