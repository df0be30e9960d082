"""A run's work as items: the same list for every way to run it, and the same results."""

import json
import pickle
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from bench.cli.arguments import make_parser, run_options
from bench.cli.verbs import VERBS
from bench.config.part import Part
from bench.run import items, stages
from bench.run.items import Item, Outcome, Way, do_item
from bench.run.opening import open_run
from bench.system.errors import BenchError, Incomplete
from tests.tiny import Road


@pytest.fixture(scope="module")
def road(tmp_path_factory, tiny_carvana):
    return Road(tmp_path_factory.mktemp("items"), tiny_carvana)


def options_of(road):
    return run_options(make_parser(VERBS).parse_args(road.words("run")))


def backwards(options, fails=lambda item: False):
    """A way that does the items in the wrong order, each from its pickled names."""

    def run(todo):
        for item in reversed(todo):
            given, names = pickle.loads(pickle.dumps((options, item)))
            try:
                if fails(item):
                    raise BenchError("of no use")
                yield Outcome(item, json.loads(json.dumps(do_item(given, names))))
            except BenchError as error:
                yield Outcome(item, {}, error)

    return Way(2, run)


def files(folder, *names):
    return {name: (folder / name).read_bytes() for name in names}


RESULTS = ("scores.parquet", "analysis.json", "a/fold0/weights.safetensors", "folds.csv")


@pytest.mark.slow
def test_items_make_what_one_process_makes(road, tmp_path, tiny_carvana, capsys):
    one = Road(tmp_path, tiny_carvana)
    assert one.run("run") == 0
    options = options_of(road)
    stages.do_all(open_run(options), lambda: nullcontext(backwards(options)))
    assert files(road.made(""), *RESULTS) == files(one.made(""), *RESULTS)
    submissions = [path.name for path in (one.folder / "out").glob("*.csv.gz")]
    assert len(submissions) == 4
    assert files(road.folder / "out", *submissions) == files(one.folder / "out", *submissions)
    said = capsys.readouterr().err
    assert "1 of 4 items: train" in said and "predict test photographs, part 1/1: done" in said
    run = open_run(options)
    assert items.training_items(run) == items.prediction_items(run, list(run.recipes), 2) == []


@pytest.mark.slow
def test_a_failed_training_ends_in_5_and_all_others_are_done(tmp_path, tiny_carvana):
    road = Road(tmp_path, tiny_carvana)
    options = options_of(road)
    run = open_run(options)
    broken = backwards(options, lambda item: item.kind == "train" and item.recipes == ("b",))
    with pytest.raises(Incomplete, match=r"2 items failed, .*: train b, fold [01]: of no use"):
        stages.do_all(run, lambda: nullcontext(broken))
    left = items.training_items(open_run(options))
    assert [(item.kind, item.recipes) for item in left] == 2 * [("train", ("b",))]
    assert not items.prediction_items(run, ["a"], 2)
    assert not run.layout.scores.exists()
    stages.do_all(open_run(options), lambda: nullcontext(backwards(options)))
    assert run.layout.report.exists()


def test_items_are_small_and_the_longest_come_first(tmp_path, tiny_carvana):
    options = options_of(Road(tmp_path, tiny_carvana))
    run = open_run(options)
    stages.opening.begin(run)
    trainings = items.training_items(run)
    works = [item.work for item in trainings]
    assert works == sorted(works, reverse=True) and len(works) == 4
    assert len(pickle.dumps((options, trainings[0]))) < 4000
    second = Item("heldout", ("a", "b"), part=Part(2, 3))
    assert str(second) == "predict held-out photographs, part 2/3"


def test_each_car_whose_maps_are_left_belongs_to_one_item_of_one_part(monkeypatch):
    images = [f"{car:012x}_01" for car in range(11)]
    data = SimpleNamespace(test=images)
    run = SimpleNamespace(heldout={}, data=data, recipes=["a"], prediction_gflops=lambda split: 1)
    monkeypatch.setattr(items, "prediction_tasks", lambda *names: [None])
    for image in images:
        monkeypatch.setattr(items.wanted, "lacking", lambda task, image=image: {image})
        first, second = (items.prediction_items(run, ["a"], 1, Part(each, 2)) for each in (1, 2))
        (item,) = first + second
        assert image in item.part.share(images)


@pytest.mark.slow
def test_parts_together_train_what_one_process_trains(road, tmp_path, tiny_carvana):
    parts = Road(tmp_path, tiny_carvana)
    assert parts.run("folds") == 0
    trained = []
    for index in (3, 1, 2):
        assert parts.run("train", "--part", f"{index}/3") == 0
        trained.append(len(list(parts.made("").glob("*/fold*/manifest.json"))))
    assert trained == [1, 3, 4]
    weights = [f"{name}/fold{fold}/weights.safetensors" for name in "ab" for fold in (0, 1)]
    assert files(parts.made(""), *weights) == files(road.made(""), *weights)


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0", "1/2/3", "1.0/2"])
def test_a_part_that_is_none_is_refused(text, road, capsys):
    with pytest.raises(SystemExit) as ended:
        road.run("predict", "--part", text)
    assert ended.value.code == 2
    assert f"{text!r} is not K/N with K from 1 to N" in capsys.readouterr().err
