"""A student learns from a teacher's maps: of what, when, and whose maps are refused."""

import json
import re
import shutil

import pandas as pd
import pytest
import yaml

from bench.cli.verbs import main
from bench.config.strict import to_yaml
from bench.masks.store import MapStore
from bench.training import epoch
from tests.tiny import MADE_SUITE, RECIPE, Made, same, weights

pytestmark = pytest.mark.slow

FOLDS = {"count": 2, "run": [0], "valid_cars": 1}


@pytest.fixture(scope="module")
def master(tiny_carvana, tmp_path_factory):
    """A finished run of one fold, whose networks' maps were drawn."""
    found = Made(tmp_path_factory.mktemp("master"), tiny_carvana, "master")
    finish(found, FOLDS)
    return found


def finish(made, folds):
    made.suite.write_text(yaml.safe_dump({**MADE_SUITE, "folds": folds}))
    made.draw(seed=0)
    for verb in ("score", "leaderboard", "report"):
        assert made.main(verb) == 0


class School:
    """A suite of a network taught by `master`, and of the same one untaught."""

    def __init__(self, folder, master, entry="mean", share=0.5, run="master"):
        self.folder, self.runs, self.data = folder, folder / "runs", master.data
        shutil.copytree(master.folder / "runs", self.runs)
        teach = {"run": run, "entry": entry, "share": share}
        for name, fields in {"plain": {}, "taught": {"teach": teach}}.items():
            recipe = yaml.safe_load(to_yaml(RECIPE))
            (folder / f"{name}.yaml").write_text(yaml.safe_dump(recipe | fields))
        self.suite = folder / "school.yaml"
        recipes = ["plain.yaml", "taught.yaml"]
        self.suite.write_text(
            yaml.safe_dump({"title": "school", "recipes": recipes, "folds": FOLDS})
        )

    def main(self, verb, *more):
        places = ["--runs", str(self.runs), "--submissions", str(self.folder / "out")]
        words = [verb, str(self.suite), "--data", str(self.data), *places, "--jobs", "1"]
        return main([*words, "--device", "cpu", *more])

    def made(self, name):
        return self.runs / "school" / name


@pytest.fixture
def school_of(master, tmp_path):
    """Makes a school from what its teacher is."""
    return lambda *entry, **teach: School(tmp_path, master, *entry, **teach)


def test_a_student_stands_beside_the_same_network_untaught_and_its_teacher(
    master, tmp_path, capsys
):
    school = School(tmp_path, master)
    assert school.main("run") == 0
    board = pd.read_csv(school.made("leaderboard.csv")).set_index("entry")
    assert board.loc["taught", "teacher"] == "master/mean"
    assert board["teacher"].isna()["plain"]
    gain = board.loc["taught", "dice"] - board.loc["plain", "dice"]
    assert board.loc["taught", "gain"] == pytest.approx(gain) and gain != 0
    assert "taught by master/mean, has a mean Dice of" in school.made("report.html").read_text()
    record = json.loads(school.made("taught/fold0/made.json").read_text())
    assert list(record["made_from"]["teacher's maps"]) == ["master/mean"]
    capsys.readouterr()
    assert (
        main(["compare", str(school.runs / "master"), str(school.runs / "school"), "--json"]) == 0
    )
    gains = {row["entry"]: row for row in json.loads(capsys.readouterr().out)["gains"]}
    teacher = gains["school/taught over its teacher master/mean"]
    assert teacher["dice_b"] == pytest.approx(board.loc["taught", "dice"])
    # the finished student needs its teacher no more, but notices another one
    shutil.move(school.runs / "master", tmp_path / "away")
    assert school.main("run") == 0
    shutil.move(tmp_path / "away", school.runs / "master")
    change_a_map(school.runs / "master")
    capsys.readouterr()
    assert school.main("run") == 3
    assert "teacher's maps changed: master/mean" in capsys.readouterr().err


def change_a_map(run):
    with MapStore.open(run / "a" / "maps-test.sqlite") as store:
        image, made_by, made_from = store.ids()[0], store.made_by, store.made_from()
        maps = {each: store.read(each) for each in store.ids()}
    (run / "a" / "maps-test.sqlite").unlink()
    with MapStore.create(run / "a" / "maps-test.sqlite", made_by) as store:
        for each, map in maps.items():
            changed = 255 - map if each == image else map
            store.write(each, changed, made_from=made_from[each], seconds=0.1)


def test_an_interrupted_student_ends_in_the_same_bits(master, tmp_path, monkeypatch):
    whole, cut = (School(tmp_path / name, master) for name in folders(tmp_path, "whole", "cut"))
    assert whole.main("train") == 0
    loss, calls = epoch._loss, []

    def dies(*arguments):
        calls.append(1)
        if len(calls) == 27:  # in the taught one: three trials and twelve batches a training
            raise KeyboardInterrupt
        return loss(*arguments)

    monkeypatch.setattr(epoch, "_loss", dies)
    assert cut.main("train") == 130
    assert cut.made("plain/fold0/manifest.json").exists()
    assert not cut.made("taught/fold0/manifest.json").exists()
    monkeypatch.setattr(epoch, "_loss", loss)
    assert cut.main("train") == 0
    for name in ("plain", "taught"):
        folder = f"{name}/fold0"
        assert same(weights(whole.made(folder)), weights(cut.made(folder)))
    assert not same(weights(cut.made("plain/fold0")), weights(cut.made("taught/fold0")))


def folders(root, *names):
    for name in names:
        (root / name).mkdir()
    return names


def test_teachers_that_have_seen_a_held_out_car_are_refused(master, tmp_path, capsys):
    heldout = {car for car, fold in folds_of(master) if fold == 0}
    (tmp_path / "rule").mkdir()
    assert School(tmp_path / "rule", master, "stacking").main("train") == 2
    error = capsys.readouterr().err
    assert "the rule of master/stacking was fitted on" in error and "fold 0" in error
    assert any(car in error for car in heldout)

    both = Made(tmp_path, master.data, "master")
    finish(both, {**FOLDS, "run": [0, 1]})
    (tmp_path / "both").mkdir()
    assert School(tmp_path / "both", both).main("train") == 2
    error = capsys.readouterr().err
    assert "the networks of master/mean, fold 1, were trained on" in error
    assert any(car in error for car in heldout)


def folds_of(made):
    table = pd.read_csv(made.run_folder / "folds.csv")
    return list(table.itertuples(index=False, name=None))


@pytest.mark.parametrize(
    ("teach", "code", "message"),
    [
        ({"run": "nobody"}, 4, "no run nobody in .*; name the folder of a finished run"),
        ({"run": "school"}, 2, "cannot teach itself"),
        ({"entry": "maen"}, 2, "no entry 'maen'; nearest: mean"),
    ],
)
def test_a_teacher_that_is_none_is_refused_at_once(school_of, capsys, teach, code, message):
    school = school_of(**teach)
    school.made("suite.yaml").parent.mkdir()
    shutil.copy(school.suite, school.made("suite.yaml"))
    assert school.main("train") == code
    assert re.search(message, capsys.readouterr().err)
    assert not school.made("plain/fold0").exists()


@pytest.mark.parametrize(
    ("lost", "code", "message"),
    [
        ("report.html", 4, "not finished.*; first: carvana-bench run .*master"),
        ("a/maps-test.sqlite", 2, "has maps of none of the photographs"),
    ],
)
def test_a_teacher_that_lacks_maps_is_refused_at_once(school_of, capsys, lost, code, message):
    school = school_of("a")
    shutil.copy(school.runs / "master/suite.yaml", school.suite.with_name("master.yaml"))
    (school.runs / "master" / lost).unlink()
    assert school.main("train") == code
    assert re.search(message, capsys.readouterr().err)
    assert not school.made("plain/fold0").exists()
