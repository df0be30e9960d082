"""Steps in fp16: gradients that overflow cost one batch, and an interruption costs nothing."""

import json

import pytest
import torch

from bench.config.layout import TrainingFolder
from bench.config.machine import Machine
from bench.data.carvana import open_folder
from bench.system.device import accelerator_of
from bench.system.errors import BenchError
from bench.training import epoch, train
from bench.training.state import begin, begin_or_resume
from tests.tiny import RECIPE, same, weights

FP16 = Machine("cpu", 1, 4, "fp16")
AVERAGED = RECIPE.model_copy(update={"ema": 0.9})


@pytest.fixture
def overflows(monkeypatch):
    """A switch: while it is on, a finite loss has gradients that do not fit into fp16."""
    switch, loss = {"on": True}, epoch._loss

    def large(*arguments):
        return loss(*arguments) * (1e36 if switch["on"] else 1)

    monkeypatch.setattr(epoch, "_loss", large)
    return switch


def state_and_step(recipe):
    accelerator = accelerator_of(FP16.device, FP16.precision)
    state = begin(recipe, 5, accelerator)
    images = torch.randint(0, 256, (4, 4, 32, 48), dtype=torch.uint8)
    batch = images[:, :3], images[:, 3:]

    def step():
        return epoch.train_one_epoch(state, iter([batch]), recipe, [4], accelerator, "it")

    return state, step


def all_weights(state):
    networks = state.network, state.average
    return [[one.detach().clone() for one in each.parameters()] for each in networks]


def changed(before, now):
    """Whether each of two networks has learned."""
    return [not all(map(torch.equal, *pair)) for pair in zip(before, now, strict=True)]


def test_gradients_that_overflow_change_no_weights_and_the_schedule_goes_on(overflows):
    state, step = state_and_step(AVERAGED)
    before, scale = all_weights(state), state.scaler.get_scale()
    step()
    assert changed(before, all_weights(state)) == [False, False]
    assert state.scaler.get_scale() == scale / 2
    assert state.schedule.last_epoch == 1
    overflows["on"] = False
    step()
    assert changed(before, all_weights(state)) == [True, True]
    assert state.schedule.last_epoch == 2


def test_a_first_step_that_overflows_leaves_no_momentum_behind(overflows):
    """A fused SGD would go on with whatever its memory held before."""
    sgd = RECIPE.optimiser.model_copy(update={"name": "sgd", "momentum": 0.9})
    state, step = state_and_step(RECIPE.model_copy(update={"optimiser": sgd}))
    step()
    assert not any("momentum_buffer" in each for each in state.optimiser.state.values())


def test_gradients_that_always_overflow_are_an_error_with_a_cure(overflows, monkeypatch):
    monkeypatch.setattr(epoch, "LEAST_SCALE", 2.0**14)
    state, step = state_and_step(RECIPE)
    with pytest.raises(BenchError, match=r"it, batch 1: gradients overflow .*--precision fp32"):
        for _ in range(3):
            step()
    assert state.schedule.last_epoch == 3


def test_a_loss_beyond_fp16_names_the_other_precision(monkeypatch):
    _, step = state_and_step(RECIPE)
    monkeypatch.setattr(epoch, "_loss", lambda *_: torch.tensor(torch.inf, requires_grad=True))
    with pytest.raises(BenchError, match=r"the loss is inf.*Lower `lr`.* or use --precision fp32"):
        step()


class Cut:
    """A training of two epochs in fp16 that is interrupted after the first one."""

    def __init__(self, bench, monkeypatch):
        self.bench, self.recipe = bench, AVERAGED.model_copy(update={"epochs": 2})

        def interrupt(*_):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(train, "report_dice", interrupt)
            with pytest.raises(KeyboardInterrupt):
                self.go_on(FP16)

    def go_on(self, machine, name="cut"):
        data, folder = open_folder(self.bench.data), TrainingFolder(self.bench.folder / name)
        images = sorted(data.train)
        task = train.Task(self.recipe, images[:20], images[-6:], folder)
        train.run(task, data, self.bench.folder / "cache", machine)
        return folder


@pytest.fixture
def cut(bench, monkeypatch):
    return Cut(bench, monkeypatch)


@pytest.mark.slow
def test_an_interrupted_training_in_fp16_ends_in_the_same_bits(cut):
    folder = TrainingFolder(cut.bench.folder / "cut")
    saved = torch.load(folder.state, weights_only=True)["scaler"]
    half = accelerator_of(FP16.device, FP16.precision)
    assert begin_or_resume(cut.recipe, 5, folder, half).scaler.state_dict() == saved
    assert saved["_growth_tracker"] > 0
    resumed, whole = cut.go_on(FP16), cut.go_on(FP16, "whole")
    assert same(weights(resumed.folder), weights(whole.folder))
    assert json.loads(resumed.manifest.read_bytes())["precision"] == "fp16"


@pytest.mark.slow
def test_going_on_in_another_precision_is_said_and_noted(cut, capsys):
    folder = cut.go_on(Machine("cpu", 1, 4, "fp32"))
    said = "it: 1 epoch in fp16 so far, from here on in fp32; --precision fp16 would go on as it"
    assert said in capsys.readouterr().err
    assert json.loads(folder.manifest.read_bytes())["precision"] == "fp16, then fp32"
