"""Prediction in parts: each writes its own store, and together they are one."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from bench.config.layout import TrainingFolder
from bench.config.machine import Machine
from bench.config.part import Part
from bench.data.carvana import open_folder
from bench.data.image_ids import car_of
from bench.masks import publishing
from bench.masks.parts import find_maps, map_files, open_maps, part_path
from bench.masks.store import MapStore
from bench.networks import predict, wanted
from bench.networks.wanted import FoldTask, PredictionTask
from bench.system import disk
from bench.system.errors import BenchError
from tests.tiny import RECIPE, Bench

RECIPE = RECIPE.model_copy(update={"epochs": 1})
MACHINE = Machine(device="cpu", jobs=2)


@pytest.fixture(scope="module")
def whole(tiny_carvana, tmp_path_factory):
    """What a trained network predicts of all cars, and the store in which that lies."""
    data, folder = open_folder(tiny_carvana), tmp_path_factory.mktemp("trained")
    for seed in (0, 1):
        Bench(tiny_carvana, folder).run(f"{seed}", RECIPE.model_copy(update={"seed": seed}))
    hashes = {image: f"hash of {image}" for image in data.train}
    fold = FoldTask([TrainingFolder(folder / "0")], data.train, hashes)
    task = PredictionTask(RECIPE, [fold], folder / "one" / "maps-test.sqlite")
    predict.run([task], MACHINE)
    return task


def part_of(task: PredictionTask, part: Part, **changes: object) -> PredictionTask:
    """The task of a part of the cars."""
    fold = task.folds[0]
    cars = set(part.share(sorted({car_of(image) for image in fold.photographs})))
    shared = {image: path for image, path in fold.photographs.items() if car_of(image) in cars}
    return replace(task, folds=[replace(fold, photographs=shared)], part=part, **changes)


def with_weights(task: PredictionTask, seed: str) -> PredictionTask:
    folder = task.folds[0].trainings[0].folder.parent / seed
    return replace(task, folds=[replace(task.folds[0], trainings=[TrainingFolder(folder)])])


def content(task: PredictionTask) -> str:
    with open_maps(task.store) as maps:
        return maps.content


def ids(path: Path) -> list[str]:
    with MapStore.open(path) as store:
        return store.ids()


@pytest.fixture
def task(whole, tmp_path):
    """The same task, of which nothing is predicted yet."""
    return replace(whole, store=tmp_path / "maps-test.sqlite")


def test_parts_in_any_order_are_one_store(whole, task):
    for index in (3, 1, 2):
        part = part_of(task, Part(index, 3))
        assert wanted.reasons(part)
        predict.run([part], MACHINE)
        assert wanted.reasons(part) == [] and wanted.lacking(part) == set()
        assert ids(part.file) == sorted(part.folds[0].photographs)
    assert content(task) == content(whole)
    assert wanted.reasons(task) == []
    assert [path.name for path in sorted(task.store.parent.iterdir())] == [
        f"maps-test.part-00{index}-of-003.sqlite" for index in (1, 2, 3)
    ]
    predict.run([task], MACHINE)  # there is nothing to do but to note the time
    assert wanted.timing_file(task.store).exists() and not task.store.exists()
    assert wanted.ms_per_image(task.store) > 0


def test_what_no_part_has_is_completed_in_the_whole_store(whole, task):
    part = part_of(task, Part(2, 3))
    predict.run([part], MACHINE)
    assert wanted.lacking(task) == task.folds[0].photographs.keys() - ids(part.file)
    predict.run([task], MACHINE)
    assert set(ids(task.store)) == task.folds[0].photographs.keys() - ids(part.file)
    assert content(task) == content(whole)
    predict.run([part_of(task, Part(1, 2))], MACHINE)  # nothing is lacking
    assert map_files(task.store) == [task.store, part.file]


def test_a_part_renews_only_its_own_store_and_a_whole_pass_removes_those_of_other_weights(
    whole, task
):
    other = with_weights(task, "1")
    predict.run([part_of(other, Part(index, 2)) for index in (1, 2)], MACHINE)
    first = part_of(task, Part(1, 2))
    before = part_path(task.store, 2, 2).read_bytes()
    predict.run([first], MACHINE)
    assert wanted.reasons(first) == []
    assert part_path(task.store, 2, 2).read_bytes() == before
    assert wanted.reasons(task) == ["the maps of it are of other weights or another recipe"]
    predict.run([task], MACHINE)
    assert map_files(task.store) == [task.store, first.file]
    assert content(task) == content(whole)


def test_a_part_beside_a_whole_store_of_other_weights_is_not_lost(whole, task):
    predict.run([with_weights(task, "1")], MACHINE)
    parts = [part_of(task, Part(index, 2)) for index in (1, 2)]
    for part in parts:
        predict.run([part], MACHINE)
    assert wanted.lacking(task) == set()
    assert wanted.reasons(task) == ["the maps of it are of other weights or another recipe"]
    predict.run([task], MACHINE)
    assert content(task) == content(whole)
    assert wanted.reasons(task) == []


def test_a_changed_photograph_is_predicted_again_in_a_part_and_read_after_a_whole_pass(task):
    predict.run([task], MACHINE)
    changed = min(task.folds[0].photographs)
    hashes = {**task.folds[0].hashes, changed: "another"}
    task = replace(task, folds=[replace(task.folds[0], hashes=hashes)])
    part = part_of(task, Part(1, 2))
    assert wanted.reasons(part) == ["it: 1 photograph changed"]
    predict.run([part], MACHINE)
    assert ids(part.file) == [changed]
    assert wanted.reasons(part) == []
    assert wanted.reasons(task) == ["it: 1 photograph changed"]  # the whole store is read first
    predict.run([task], MACHINE)
    with open_maps(task.store) as maps:
        assert maps.made_from() == hashes
    assert wanted.reasons(task) == []


@pytest.fixture
def steps(monkeypatch):
    """Stores appear complete, for twenty photographs or a little more."""
    monkeypatch.setattr(disk, "file_system", lambda path: "nfs4")
    monkeypatch.setattr(predict, "PHOTOGRAPHS", 20)
    monkeypatch.setattr(publishing, "RESERVE_BYTES", 1000)


def test_on_a_network_file_system_all_goes_to_parts_that_appear_complete(
    whole, task, steps, tmp_path
):
    predict.run([task], MACHINE)
    assert map_files(task.store) == [part_path(task.store, index, 4) for index in range(1, 5)]
    assert content(task) == content(whole)
    assert wanted.reasons(task) == []
    named = replace(task, store=tmp_path / "named" / "maps-test.sqlite")
    predict.run([named], MACHINE, tmp_path / "scratch")
    assert content(named) == content(whole)
    assert list((tmp_path / "scratch").iterdir()) == []
    kinds = {path.name.partition("-of-")[2] for path in tmp_path.rglob("*") if path.is_file()}
    assert kinds == {"004.sqlite", ""}  # and the notes of the time


def test_a_prediction_that_fails_on_the_way_keeps_all_it_made(whole, task, steps, monkeypatch):
    write, written = MapStore.write, []

    def failing(store, image, *rest):
        if len(written) == 40:
            raise BenchError("failed")
        written.append(image)
        write(store, image, *rest)

    monkeypatch.setattr(MapStore, "write", failing)
    with pytest.raises(BenchError, match="failed"):
        predict.run([task], Machine(device="cpu", jobs=1))
    monkeypatch.undo()
    with open_maps(task.store) as maps:
        assert set(maps.ids()) == set(written)
    predict.run([task], MACHINE)
    assert content(task) == content(whole)


def test_outdated_maps_on_a_network_file_system_go(whole, task, steps):
    predict.run([with_weights(task, "1")], MACHINE)
    predict.run([task], MACHINE)
    assert content(task) == content(whole)
    changed = dict.fromkeys(list(task.folds[0].photographs)[::9], "another")
    fold = replace(task.folds[0], hashes={**task.folds[0].hashes, **changed})
    task = replace(task, folds=[fold])
    assert wanted.lacking(task) == changed.keys()
    predict.run([task], MACHINE)
    with open_maps(task.store) as maps:
        assert maps.made_from() == fold.hashes
    assert wanted.reasons(task) == []


def test_a_whole_store_on_a_network_file_system_is_completed_by_parts(whole, task, steps):
    shutil.copytree(whole.store.parent, task.store.parent, dirs_exist_ok=True)
    with MapStore.create(task.store, wanted.made_by(task)) as store:
        lacking = store.ids()[10:40]
        store.forget(lacking)
    predict.run([task], MACHINE)
    with find_maps(task.store) as maps:
        assert set(maps.ids()) == task.folds[0].photographs.keys()
    assert set(ids(task.store)).isdisjoint(lacking)
    assert content(task) == content(whole)
