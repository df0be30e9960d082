"""The network's speed: variants agree, what cannot run is left out, parity is said."""

import functools

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from bench.config.layout import TrainingFolder
from bench.config.machine import Machine
from bench.data.carvana import open_folder
from bench.networks.load import load_network
from bench.speed import network, timing
from bench.speed.network_variants import COMPILED, EAGER, OPENVINO, predictions, steps
from bench.speed.samples import load_samples
from bench.speed.timing import OURS
from bench.system.device import Accelerator, accelerator_of
from bench.training import train
from tests.tiny import RECIPE

pytestmark = pytest.mark.slow

FP32, BF16 = 1e-5, 1e-2  # of a probability, or of a loss: what precision may change


@pytest.fixture(scope="module")
def training(tiny_carvana, tmp_path_factory):
    """The folder of a tiny trained network."""
    data, folder = open_folder(tiny_carvana), tmp_path_factory.mktemp("training")
    images = sorted(data.train)
    recipe = RECIPE.model_copy(update={"epochs": 1})
    task = train.Task(recipe, images[:8], images[-2:], TrainingFolder(folder / "fold0"))
    train.run(task, data, folder / "cache", Machine("cpu", jobs=1))
    return folder / "fold0"


@pytest.fixture
def quick(monkeypatch):
    """One round, and torch.compile without its compiler of C++, which takes minutes."""
    monkeypatch.setattr(timing, "MIN_TIMING_ROUNDS", 1)
    monkeypatch.setattr(timing, "MAX_TIMING_ROUNDS", 1)
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))


def test_every_way_predicts_the_same_and_starts_training_with_the_same_loss(
    training, tiny_carvana, tmp_path, quick
):
    accelerator = accelerator_of("cpu")
    images, targets = network.batch(load_samples(tiny_carvana, tmp_path), RECIPE.size)
    trained = load_network(RECIPE, TrainingFolder(training))
    found = {
        name: make()() for name, make in predictions(trained, images, accelerator, tmp_path).items()
    }
    assert {OURS, EAGER, COMPILED, OPENVINO} <= set(found)
    for name, one in found.items():
        assert one.shape == (4, *RECIPE.size)
        allowed = FP32 if "fp32" in name else BF16
        assert (one - found[EAGER]).abs().mean() < allowed, name
    losses = {name: make()() for name, make in steps(RECIPE, images, targets, accelerator).items()}
    assert losses == pytest.approx(dict.fromkeys(losses, losses[EAGER]), rel=BF16)


def test_rows_are_beside_ours_and_parity_is_said(training, tiny_carvana, tmp_path, quick, capsys):
    rows = network.run(training, "it", tiny_carvana, tmp_path)
    parts = [row.part for row in rows]
    label = f"{training.parent.name}/{training.name}"
    assert set(parts) == {f"prediction, {label}", f"training step, {label}"}
    assert {row.peer for row in rows} >= {EAGER, "channels_last fp32", COMPILED}
    for row in rows:
        assert min(row.ours_ms, row.peer_ms, row.floor_ms) > 0
        assert row.ratio == row.peer_ms / row.ours_ms
        assert ("to make" in row.note) == (row.peer in (COMPILED, OPENVINO))
    assert {row.bar for row in rows if row.peer == EAGER} == {4.0, 2.5}
    said = capsys.readouterr().err
    for name in {row.peer for row in rows if row.part == f"prediction, {label}"} - {EAGER}:
        assert f"parity, {name}: " in said
    assert f"parity, {OURS}: " in said


@pytest.mark.parametrize(("precision", "number"), [("bf16", torch.bfloat16), ("fp32", torch.float)])
def test_a_floor_has_as_many_operations_in_the_precision_of_the_device(precision, number):
    seen = []

    class Products(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, given=(), named=None):
            if function is torch.ops.aten.mm.default:
                left, right = given
                seen.append((left.dtype, 2 * left.numel() * right.shape[1] / 1e9))
            return function(*given, **(named or {}))

    multiply = network.product(1.0, Accelerator(torch.device("cpu"), precision))
    with Products():
        multiply()
    assert {each for each, _ in seen} == {number}
    assert sum(gflops for _, gflops in seen) == pytest.approx(1.0, rel=0.01)


def test_a_way_that_cannot_run_is_left_out_with_its_reason(capsys):
    def broken():
        raise RuntimeError("no C++ compiler\nand many lines more")

    ready = network.prepare("it", {OURS: lambda: lambda: 1, "other": broken})
    assert list(ready) == [OURS]
    assert "other: left out, it does not run here (no C++ compiler)" in capsys.readouterr().err
    with pytest.raises(RuntimeError):
        network.prepare("it", {OURS: broken})
