"""What a recipe says of its training: frozen, started from, in stages, averaged, stopped early."""

import json

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from bench.config.recipe import Recipe
from bench.networks.build import build
from bench.system.errors import BadConfig, Missing
from bench.training import train
from tests.tiny import RECIPE, same, weights


def changed(**fields):
    return Recipe.model_validate({**dict(RECIPE), **fields}).named(RECIPE.name)


def history(folder):
    return pd.read_csv(folder / "history.csv")


@pytest.mark.slow
def test_frozen_modules_keep_weights_and_statistics(bench):
    trained = weights(bench.run("frozen", changed(freeze=["encoder"], epochs=1)))
    torch.manual_seed(RECIPE.seed)
    start = build(RECIPE).state_dict()
    moved = {key for key in start if not torch.equal(start[key], trained[key])}
    assert moved and not any(key.startswith("encoder.") for key in moved)


def test_freezing_what_is_not_there_is_refused(bench):
    with pytest.raises(BadConfig, match="no module 'encodr', only encoder, decoder"):
        bench.run("it", changed(freeze=["encodr"]))


def test_a_network_that_is_wholly_frozen_may_be_taken_as_it_is(bench):
    parts = ["encoder", "decoder", "segmentation_head"]
    folder = bench.run("it", changed(freeze=parts, epochs=0))
    torch.manual_seed(RECIPE.seed)
    assert same(build(RECIPE).state_dict(), load_file(folder / "weights.safetensors"))
    with pytest.raises(BadConfig, match=r"recipe it: .* fewer modules, or set `epochs` to 0"):
        bench.run("trained", changed(freeze=parts))


@pytest.mark.slow
def test_start_from_takes_what_fits(bench):
    first = bench.run("first", changed(epochs=1))
    start = str(first / "weights.safetensors")
    given = load_file(start)
    recipe = changed(start_from=start, freeze=["decoder", "segmentation_head"], epochs=1, seed=9)
    again = weights(bench.run("again", recipe))
    kept = [key for key in given if key.startswith("decoder.") and "num_batches" not in key]
    assert kept and all(torch.equal(given[key], again[key]) for key in kept)
    with pytest.raises(Missing, match="no file"):
        bench.run("none", changed(start_from="nowhere.safetensors"))


@pytest.mark.slow
def test_small_sizes_come_first_and_never_count_as_best(bench, monkeypatch):
    scores = iter([0.9, 0.5, 0.4])
    monkeypatch.setattr(train, "evaluate", lambda *_, **__: next(scores))
    folder = bench.run("it", changed(gradual=[{"scale": 0.5, "epochs": 1}]))
    assert list(history(folder)["scale"]) == [0.5, 1, 1]
    assert json.loads((folder / "manifest.json").read_text())["best_epoch"] == 2
    assert {path.name[:5] for path in (bench.folder / "cache").glob("*.npy")} == {"16x24", "32x48"}


@pytest.mark.slow
def test_training_stops_when_validation_stands_still(bench, monkeypatch):
    scores = iter([0.5, 0.8, 0.8001, 0.7, 0.9])
    monkeypatch.setattr(train, "evaluate", lambda *_, **__: next(scores))
    stopping = {"patience": 2, "min_delta": 0.001}
    folder = bench.run("it", changed(epochs=9, early_stopping=stopping))
    assert len(history(folder)) == 4


@pytest.mark.slow
def test_schedules_step_when_they_should(bench, monkeypatch):
    halving = changed(epochs=4, schedule={"name": "step", "every": 2, "factor": 0.5})
    assert list(history(bench.run("step", halving))["lr"] / RECIPE.optimiser.lr) == [1, 1, 0.5, 0.5]
    scores = iter([0.5, 0.4, 0.3, 0.6])
    monkeypatch.setattr(train, "evaluate", lambda *_, **__: next(scores))
    plateau = changed(epochs=4, schedule={"name": "plateau", "patience": 0, "factor": 0.1})
    rates = history(bench.run("plateau", plateau))["lr"] / RECIPE.optimiser.lr
    assert list(rates) == pytest.approx([1, 1, 0.1, 0.01])


@pytest.mark.slow
def test_averaged_weights_follow_and_survive_an_interruption(bench, monkeypatch):
    recipe = changed(ema=0.9, epochs=2)
    whole = bench.run("whole", recipe)
    assert not same(load_file(whole / "weights.safetensors"), weights(whole))
    real = train.Trainer.add_epoch

    def interrupted(trainer, *rest):
        if trainer.state.history:
            raise KeyboardInterrupt
        real(trainer, *rest)

    monkeypatch.setattr(train.Trainer, "add_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bench.run("parts", recipe)
    monkeypatch.undo()
    parts = bench.run("parts", recipe)
    kept = [load_file(each / "weights.safetensors") for each in (whole, parts)]
    assert same(*kept)
