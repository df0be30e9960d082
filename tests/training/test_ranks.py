"""Several processes for one training, started by the real launcher: what one learns, they learn."""

import json
import shutil
from contextlib import suppress
from dataclasses import replace

import pandas as pd
import psutil
import pytest
import torch
from pydantic import TypeAdapter

from bench.config.layout import TrainingFolder
from bench.config.machine import Machine
from bench.data.carvana import open_folder
from bench.system.errors import BadConfig, BenchError, Missing
from bench.training import ranks, train
from tests.soft_lessons import soft_lessons
from tests.tiny import RECIPE, same, weights

ONE = Machine("cpu", 2, 2, "fp32")
TWO = replace(ONE, gpus_per_training=2)
SHORT = RECIPE.model_copy(update={"epochs": 2, "ema": 0.9})


def go(bench, name, machine, recipe=SHORT, share=0.0):
    data, folder = open_folder(bench.data), TrainingFolder(bench.folder / name)
    images = sorted(data.train)
    lessons = soft_lessons(data, sorted(data.test), share) if share else None
    task = train.Task(recipe, images[:20], images[-20:], folder, lessons)
    way = ranks if machine.gpus_per_training > 1 else train
    way.run(task, data, bench.folder / "cache", machine)
    return folder


@pytest.mark.slow
def test_two_processes_learn_what_one_learns_in_halves_of_a_batch(bench, capsys):
    one, two = (go(bench, *where, share=0.5) for where in (("one", ONE), ("two", TWO)))
    histories = [pd.read_csv(folder.history) for folder in (one, two)]
    for figure, apart in {"train_loss": 1e-5, "valid_dice": 1e-3}.items():  # pixels may flip
        assert (histories[0][figure] - histories[1][figure]).abs().max() < apart
    assert json.loads(two.manifest.read_bytes())["processes"] == 2
    assert json.loads(one.manifest.read_bytes())["processes"] == 1
    files = [sorted(path.name for path in folder.folder.iterdir()) for folder in (one, two)]
    assert files[0] == files[1]
    said = capsys.readouterr().err.splitlines()
    assert len([line for line in said if "it epoch 2/2: loss" in line]) == 2


def ranks_alive():
    """The ranks that this process has started, by their number."""
    alive = {}
    for each in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it has just ended
            if "bench.training.ranks" in " ".join(each.cmdline()) and "RANK" in each.environ():
                alive[each.environ()["RANK"]] = each
    return alive


def when_said(monkeypatch, words, act):
    """Act as soon as the training has said a line with these words."""
    say = ranks.say

    def hear(line):
        say(line)
        if words in line:
            act()

    monkeypatch.setattr(ranks, "say", hear)


def interrupt():
    raise KeyboardInterrupt


@pytest.mark.slow
def test_a_rank_that_is_killed_is_named_and_the_same_command_goes_on(bench, monkeypatch):
    recipe = SHORT.model_copy(update={"epochs": 4})
    whole = go(bench, "whole", TWO, recipe)
    with monkeypatch.context() as patch:
        when_said(patch, "epoch 1/4: loss", interrupt)
        with pytest.raises(KeyboardInterrupt):
            go(bench, "it", TWO, recipe)
    assert not ranks_alive()
    with monkeypatch.context() as patch:
        when_said(patch, "epoch 2/4: loss", lambda: ranks_alive()["1"].kill())
        with pytest.raises(BenchError, match=r"it: rank 1 \(process \d+\) of 2 was killed"):
            go(bench, "it", TWO, recipe)
    assert not ranks_alive()
    cut = go(bench, "it", TWO, recipe)
    assert same(weights(cut.folder), weights(whole.folder))
    histories = [pd.read_csv(folder.history)["train_loss"] for folder in (whole, cut)]
    pd.testing.assert_series_equal(*histories)


@pytest.mark.slow
def test_an_error_of_all_ranks_or_of_one_is_one_error_with_its_exit_code(bench, tmp_path):
    steep = RECIPE.optimiser.model_copy(update={"name": "sgd", "lr": 1000.0})
    recipe = RECIPE.model_copy(update={"optimiser": steep, "schedule": "constant"})
    with pytest.raises(BenchError, match=r"the loss is .*Lower `lr` in the recipe") as error:
        go(bench, "steep", replace(TWO, precision="fp16"), recipe)
    assert error.value.exit_code == 1
    data = shutil.copytree(bench.data, tmp_path / "damaged")
    photograph = min(open_folder(data).train.values())
    photograph.write_bytes(photograph.read_bytes()[:700])
    with pytest.raises(BenchError, match=photograph.name) as error:  # only one rank reads it first
        go(replace(bench, data=data), "damaged", TWO)
    assert error.value.exit_code == 3


def test_a_rank_may_take_its_part_of_what_is_free_for_the_process_that_starts_it(
    bench, monkeypatch
):
    taken = []

    def take(memory):
        taken.append(memory)
        interrupt()

    def be_a_rank(folder, count):
        monkeypatch.setattr(ranks, "free_ram", lambda: 10**12)
        names = (folder / ranks.NAMES).read_bytes()
        ranks._join_and_train(TypeAdapter(ranks.Names).validate_json(names))

    monkeypatch.setattr(ranks, "free_ram", lambda: 10**9)
    monkeypatch.setattr(ranks, "take_share", take)
    monkeypatch.setattr(ranks, "_launch", be_a_rank)
    with pytest.raises(KeyboardInterrupt):
        go(bench, "it", TWO)
    assert taken == [10**9 // 2]


def test_too_many_devices_are_refused_at_once(bench, monkeypatch):
    with pytest.raises(BadConfig, match=r"a batch of 4 is too small .*; use 4 at most"):
        go(bench, "it", replace(TWO, gpus_per_training=5))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(Missing, match="--gpus-per-training 2: more than the 1 GPUs here"):
        go(bench, "it", replace(TWO, device="auto"))
    with pytest.raises(BadConfig, match="--device cuda:0 names one GPU"):
        go(bench, "it", replace(TWO, device="cuda:0"))
    assert not (bench.folder / "it").exists()
