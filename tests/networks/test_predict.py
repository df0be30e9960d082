"""Prediction: every photograph once, the mean over networks, and what is kept when one is bad."""

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from bench.config.layout import TrainingFolder
from bench.config.machine import Machine
from bench.config.recipe import Tta
from bench.data.carvana import open_folder
from bench.masks.store import MapStore
from bench.networks import predict, predictor, wanted
from bench.networks.infer import mean_probability
from bench.networks.load import load_network
from bench.networks.tta import views
from bench.networks.wanted import FoldTask, PredictionTask
from bench.system.device import accelerator_of
from bench.system.errors import BadData, Incomplete, Missing
from bench.training import train
from tests.tiny import RECIPE

RECIPE = RECIPE.model_copy(update={"epochs": 1, "tta": Tta(flip=True, scales=(1.0, 1.5))})
MACHINE = Machine(device="cpu", jobs=2)


@pytest.fixture(scope="module")
def trained(tiny_carvana, tmp_path_factory):
    """Two networks of one recipe, by other seeds, and the photographs they have not seen."""
    data, folder = open_folder(tiny_carvana), tmp_path_factory.mktemp("trained")
    images = sorted(data.train)
    for seed in (0, 1):
        recipe = RECIPE.model_copy(update={"seed": seed})
        task = train.Task(recipe, images[:8], images[-2:], TrainingFolder(folder / f"{seed}"))
        train.run(task, data, folder / "cache", MACHINE)
    return folder, {image: data.train[image] for image in images[20:31]}


def one_fold(training, photographs):
    return [FoldTask([TrainingFolder(training)], photographs)]


def maps_of(path):
    with MapStore.open(path) as store:
        return {image: store.read(image) for image in store.ids()}


def test_maps_are_uint8_at_the_photographs_own_size_and_the_mean_of_all_networks(trained, tmp_path):
    folder, photographs = trained
    for name, seeds in {"zero": "0", "one": "1", "both": "01"}.items():
        parts = [FoldTask([TrainingFolder(folder / seed) for seed in seeds], photographs)]
        predict.run([PredictionTask(RECIPE, parts, tmp_path / f"{name}.sqlite")], MACHINE)
    zero, one, both = (maps_of(tmp_path / f"{name}.sqlite") for name in ("zero", "one", "both"))
    assert zero.keys() == photographs.keys()
    for image in photographs:
        assert both[image].dtype == np.uint8
        assert both[image].shape == (80, 120)
        exact = (zero[image].astype(int) + one[image]) / 2
        assert np.abs(both[image] - exact).max() <= 1  # each is rounded once
    assert wanted.ms_per_image(tmp_path / "both.sqlite") > 0


def test_the_most_that_others_did_while_maps_were_made_is_kept(trained, tmp_path, monkeypatch):
    folder, photographs = trained
    store = tmp_path / "one.sqlite"
    some = dict(list(photographs.items())[:1])
    for done, busy, kept in ((some, 1.4, 1.4), (photographs, 0.3, 1.4), (photographs, 9.0, 1.4)):
        monkeypatch.setattr(predict.OtherWork, "cores", lambda _, busy=busy: busy)
        predict.run([PredictionTask(RECIPE, one_fold(folder / "0", done), store)], MACHINE)
        assert wanted.noted_other_cores(store) == kept
    wanted.timing_file(store).write_text("damaged")
    predict.run([PredictionTask(RECIPE, one_fold(folder / "0", photographs), store)], MACHINE)
    assert wanted.noted_other_cores(store) == 9.0


def members_of(folder, photographs, stores):
    """Two members that look at the photographs at different sizes and in different batches."""
    small = RECIPE.model_copy(update={"batch": 3})
    large = RECIPE.model_copy(update={"size": (40, 60), "tta": Tta(flip=False)})
    return [
        PredictionTask(small.named("small"), one_fold(folder / "0", photographs), stores[0]),
        PredictionTask(large.named("large"), one_fold(folder / "1", photographs), stores[1]),
    ]


@pytest.mark.slow
def test_several_members_read_each_photograph_once_and_see_what_each_sees_alone(
    trained, tmp_path, monkeypatch
):
    folder, photographs = trained
    alone = [tmp_path / f"alone-{k}.sqlite" for k in range(2)]
    for member in members_of(folder, photographs, alone):
        predict.run([member], MACHINE)
    read = []
    read_image = predictor.read_image
    monkeypatch.setattr(predictor, "read_image", lambda path: read.append(path) or read_image(path))
    together = [tmp_path / f"together-{k}.sqlite" for k in range(2)]
    predict.run(members_of(folder, photographs, together), MACHINE)
    assert sorted(read) == sorted(photographs.values())
    for one, other in zip(alone, together, strict=True):
        assert_same(maps_of(one), maps_of(other))
        assert wanted.ms_per_image(other) > 0
    read.clear()
    predict.run(members_of(folder, photographs, together), MACHINE)
    assert not read


@pytest.mark.slow
def test_a_member_that_lacks_maps_gets_those_alone(trained, tmp_path, monkeypatch):
    folder, photographs = trained
    first = dict(list(photographs.items())[:4])
    stores = [tmp_path / f"{k}.sqlite" for k in range(2)]
    predict.run(members_of(folder, first, stores)[:1], MACHINE)
    seen = []
    found = mean_probability

    def noted(networks, images, *rest, **more):
        seen.append(len(images))
        return found(networks, images, *rest, **more)

    monkeypatch.setattr(predictor, "mean_probability", noted)
    predict.run(members_of(folder, photographs, stores), MACHINE)
    assert sum(seen) == 2 * len(photographs) - len(first)
    assert maps_of(stores[0]).keys() == maps_of(stores[1]).keys() == photographs.keys()


def test_members_whose_weights_do_not_fit_together_take_turns(trained, tmp_path, monkeypatch):
    folder, photographs = trained
    stores = [tmp_path / f"{k}.sqlite" for k in range(2)]
    members = members_of(folder, photographs, stores)
    assert [len(group) for group in predict._groups(members, MACHINE)] == [2]
    monkeypatch.setattr(predict, "free_memory", lambda machine: 1)
    assert [len(group) for group in predict._groups(members, MACHINE)] == [1, 1]
    predict.run(members, MACHINE)
    assert maps_of(stores[1]).keys() == photographs.keys()


def assert_same(maps, others):
    assert maps.keys() == others.keys()
    assert all((maps[image] == others[image]).all() for image in maps)


def test_an_interrupted_prediction_goes_on_with_what_is_missing(trained, tmp_path, monkeypatch):
    folder, photographs = trained
    parts = one_fold(folder / "0", photographs)
    predict.run([PredictionTask(RECIPE, parts, tmp_path / "whole.sqlite")], MACHINE)
    seen = []
    found = mean_probability

    def dies_in_the_second_batch(networks, images, *rest, **more):
        seen.append(len(images))
        if len(seen) == 2:
            raise KeyboardInterrupt
        return found(networks, images, *rest, **more)

    monkeypatch.setattr(predictor, "mean_probability", dies_in_the_second_batch)
    store = tmp_path / "cut.sqlite"
    with pytest.raises(KeyboardInterrupt):
        predict.run([PredictionTask(RECIPE, parts, store)], MACHINE)
    assert len(maps_of(store)) == RECIPE.batch
    predict.run([PredictionTask(RECIPE, parts, store)], MACHINE)
    assert sum(seen[2:]) == len(photographs) - RECIPE.batch
    whole, cut = maps_of(tmp_path / "whole.sqlite"), maps_of(store)
    assert all((whole[image] == cut[image]).all() for image in photographs)


def test_a_damaged_photograph_is_named_and_the_others_are_kept(trained, tmp_path):
    folder, photographs = trained
    copies = {image: tmp_path / path.name for image, path in photographs.items()}
    for image, path in photographs.items():
        shutil.copy(path, copies[image])
    broken = sorted(copies)[3]
    copies[broken].write_bytes(copies[broken].read_bytes()[:900])
    store = tmp_path / "maps.sqlite"
    task = PredictionTask(RECIPE, one_fold(folder / "0", copies), store)
    for _ in range(2):  # the second time, it alone is left
        with pytest.raises(Incomplete, match=f"1 of 11 photographs.*{broken}"):
            predict.run([task], MACHINE)
    assert maps_of(store).keys() == copies.keys() - {broken}
    shutil.copy(photographs[broken], copies[broken])
    predict.run(
        [PredictionTask(RECIPE, one_fold(folder / "0", copies), store)],
        MACHINE,
    )
    assert maps_of(store).keys() == copies.keys()


def test_maps_of_other_weights_are_not_mixed(trained, tmp_path):
    folder, photographs = trained
    store = tmp_path / "maps.sqlite"
    predict.run(
        [PredictionTask(RECIPE, one_fold(folder / "0", photographs), store)],
        MACHINE,
    )
    other = PredictionTask(RECIPE, one_fold(folder / "1", photographs), store)
    assert wanted.reasons(other) == ["the maps of it are of other weights or another recipe"]
    predict.run([other], MACHINE)
    assert wanted.reasons(other) == []
    alone = tmp_path / "alone.sqlite"
    predict.run([replace(other, store=alone)], MACHINE)
    assert all((maps_of(store)[image] == map).all() for image, map in maps_of(alone).items())


def test_a_photograph_of_another_content_is_predicted_again(trained, tmp_path):
    folder, photographs = trained
    fold = one_fold(folder / "0", photographs)[0]
    hashes = dict.fromkeys(photographs, "before")
    task = PredictionTask(RECIPE, [replace(fold, hashes=hashes)], tmp_path / "maps.sqlite")
    predict.run([task], MACHINE)
    assert wanted.reasons(task) == []
    hashes[next(iter(photographs))] = "after"
    assert wanted.reasons(task) == ["it: 1 photograph changed"]
    predict.run([task], MACHINE)
    with MapStore.open(task.store) as store:
        assert store.made_from() == hashes


def test_untrained_and_damaged_networks_are_named(trained, tmp_path):
    folder, photographs = trained
    with pytest.raises(Missing, match="not trained to the end"):
        wanted.made_by(PredictionTask(RECIPE, one_fold(tmp_path / "none", photographs), tmp_path))
    shutil.copytree(folder / "0", tmp_path / "it")
    (tmp_path / "it" / "weights.safetensors").unlink()
    with pytest.raises(Missing, match=r"weights\.safetensors: not there; put it back, or train"):
        wanted.made_by(PredictionTask(RECIPE, one_fold(tmp_path / "it", photographs), tmp_path))
    (tmp_path / "it" / "weights.safetensors").write_bytes(b"no tensors")
    with pytest.raises(BadData, match=r"not a whole safetensors file .*; train the suite again"):
        load_network(RECIPE, TrainingFolder(tmp_path / "it"))


def test_loaded_networks_do_not_depend_on_the_batch(trained):
    network = load_network(RECIPE, TrainingFolder(trained[0] / "0"))
    images = torch.randint(0, 256, (3, 3, 32, 48), dtype=torch.uint8)
    accelerator = accelerator_of(MACHINE.device, MACHINE.precision)
    seen = views(RECIPE.tta)
    together = mean_probability([network], images, seen, accelerator)
    alone = mean_probability([network], images[1:2], seen, accelerator)
    assert torch.allclose(together[1:2], alone, atol=0.02)


def test_the_environment_stays_as_it_is_while_photographs_are_decoded(trained, monkeypatch):
    """A decoder's thread looks into it from C, and dies where it is being written."""
    network = load_network(RECIPE, TrainingFolder(trained[0] / "0"))
    images = torch.zeros((1, 3, 32, 48), dtype=torch.uint8)
    accelerator, changes = accelerator_of(MACHINE.device, MACHINE.precision), []
    for name in ("putenv", "unsetenv"):
        monkeypatch.setattr(os, name, lambda *given: changes.append(given))
    for exact in (False, True):
        mean_probability([network], images, views(Tta()), accelerator, exact=exact)
    assert not changes


def test_a_store_that_a_killed_process_left_empty_is_filled(trained, tmp_path):
    folder, photographs = trained
    store = tmp_path / "maps.sqlite"
    store.write_bytes(b"")
    predict.run([PredictionTask(RECIPE, one_fold(folder / "0", photographs), store)], MACHINE)
    assert maps_of(store).keys() == photographs.keys()
