"""Prediction in parts: each writes its own store, and together they are one."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.config.layout import TrainingFolder
from bench.config.part import Part
from bench.data.carvana import car_of, open_folder
from bench.masks.parts import map_files, open_maps, part_path
from bench.masks.store import MapStore
from bench.networks import predict
from bench.networks.predict import PredictionTask
from bench.networks.predictor import FoldTask
from bench.system.device import Machine
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
        assert predict.reasons(part)
        predict.run([part], MACHINE)
        assert predict.reasons(part) == [] and predict.lacking(part) == set()
        assert ids(part.file) == sorted(part.folds[0].photographs)
    assert content(task) == content(whole)
    assert predict.reasons(task) == []
    assert [path.name for path in sorted(task.store.parent.iterdir())] == [
        f"maps-test.part-00{index}-of-003.sqlite" for index in (1, 2, 3)
    ]
    predict.run([task], MACHINE)  # there is nothing to do but to note the time
    assert predict.timing_file(task.store).exists() and not task.store.exists()
    assert predict.ms_per_image(task.store) > 0


def test_what_no_part_has_is_completed_in_the_whole_store(whole, task):
    part = part_of(task, Part(2, 3))
    predict.run([part], MACHINE)
    assert predict.lacking(task) == task.folds[0].photographs.keys() - ids(part.file)
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
    assert predict.reasons(first) == []
    assert part_path(task.store, 2, 2).read_bytes() == before
    assert predict.reasons(task) == ["the maps of it are of other weights or another recipe"]
    predict.run([task], MACHINE)
    assert map_files(task.store) == [task.store, first.file]
    assert content(task) == content(whole)


def test_a_part_beside_a_whole_store_of_other_weights_is_not_lost(whole, task):
    predict.run([with_weights(task, "1")], MACHINE)
    parts = [part_of(task, Part(index, 2)) for index in (1, 2)]
    for part in parts:
        predict.run([part], MACHINE)
    assert predict.lacking(task) == set()
    assert predict.reasons(task) == ["the maps of it are of other weights or another recipe"]
    predict.run([task], MACHINE)
    assert content(task) == content(whole)
    assert predict.reasons(task) == []


def test_a_changed_photograph_is_predicted_again_in_a_part_and_read_after_a_whole_pass(task):
    predict.run([task], MACHINE)
    changed = min(task.folds[0].photographs)
    hashes = {**task.folds[0].hashes, changed: "another"}
    task = replace(task, folds=[replace(task.folds[0], hashes=hashes)])
    part = part_of(task, Part(1, 2))
    assert predict.reasons(part) == ["it: 1 photographs changed"]
    predict.run([part], MACHINE)
    assert ids(part.file) == [changed]
    assert predict.reasons(part) == []
    assert predict.reasons(task) == ["it: 1 photographs changed"]  # the whole store is read first
    predict.run([task], MACHINE)
    with open_maps(task.store) as maps:
        assert maps.made_from() == hashes
    assert predict.reasons(task) == []
