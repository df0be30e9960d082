"""A run refuses what does not belong to it, and says what comes first."""

import json
import os
import shlex
import shutil
from pathlib import Path

import pytest
import yaml

from bench.cli.arguments import make_parser, open_run
from bench.cli.verbs import VERBS, main
from bench.config.strict import to_yaml
from bench.system.files import sha256
from models.pretrained import WEIGHTS_DIR, MissingWeights
from tests.tiny import RECIPE, TINY_SUITE, TRAIN_CARS, Road

pytestmark = pytest.mark.slow


def test_a_dry_run_writes_nothing(tiny_carvana, tmp_path, capsys):
    planned = Road(tmp_path, tiny_carvana)
    assert planned.run("run", "--dry-run", "--json") == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["recipes"]["a"]["trained"] == "0 of 2 folds"
    assert not (tmp_path / "runs").exists()


def test_a_dry_run_says_what_has_become_of_the_photographs(tiny_carvana, tmp_path, capsys):
    data = shutil.copytree(tiny_carvana, tmp_path / "data")
    road = Road(tmp_path, data)
    assert road.run("folds") == 0
    for photograph in [*(data / "train").glob(f"{TRAIN_CARS[0]}_*")]:
        photograph.rename(photograph.with_name(photograph.name.replace(TRAIN_CARS[0], "f" * 12)))
    for verb in (["run", "--dry-run"], ["leaderboard"]):
        assert road.run(*verb) == 3
        assert "training photographs added" in capsys.readouterr().err


def test_the_command_of_the_report_opens_the_same_run_from_anywhere(
    tiny_carvana, tmp_path, monkeypatch
):
    Road(tmp_path, tiny_carvana)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(WEIGHTS_DIR, "weights")
    machine = ["--precision", "fp32", "--micro-batch", "2", "--gpus-per-training", "2"]
    changes = ["--limit", "4", "--seed", "3", "--set", "recipe.epochs=2"]
    parse = make_parser(VERBS).parse_args
    data = os.path.relpath(tiny_carvana)
    given = open_run(parse(["run", "tiny.yaml", "--data", data, *machine, *changes]))
    program, *words = shlex.split(given.repeat_commands[0])
    monkeypatch.chdir("/")
    args = parse(["run", *words])
    again = open_run(args)
    assert program == "./run_all.sh"
    assert args.weights_dir == tmp_path / "weights"
    assert again.data.root.samefile(tiny_carvana)
    same = (given.suite, given.recipes, given.machine, given.changes)
    assert (again.suite, again.recipes, again.machine, again.changes) == same


def test_of_networks_in_int8_the_commands_of_the_report_make_them_so_before_they_predict(
    tiny_carvana, tmp_path
):
    road, more = Road(tmp_path, tiny_carvana), ["--limit", "4", "--gpus-per-training", "2"]
    parse = make_parser(VERBS).parse_args
    given = open_run(parse(road.words("run", *more)))
    training = given.trainings["b", 1]
    training.folder.mkdir(parents=True)
    training.weights.write_bytes(b"weights")
    same = {"files": {}, "ms": 1, "ms_before": 2, "changed": 0, "gain": 0, "photographs": 1}
    noted = {"weights_sha256": sha256(training.weights), **same}
    training.quantised.write_text(json.dumps(noted))
    set_up, *commands = given.repeat_commands
    words = [shlex.split(command) for command in commands]
    assert 'bash setup.sh "[export]"' in set_up
    assert {program for program, *_ in words} == {".venv/bin/carvana-bench"}
    again = [parse(rest) for _, *rest in words]
    assert [args.verb for args in again] == ["train", "quantise", "run"]
    assert [args.only for args in again[:2]] == [[], ["b"]]
    assert [getattr(args, "gpus_per_training", None) for args in again] == [2, None, 2]
    assert {open_run(args).suite.limit for args in again} == {4}
    training.weights.write_bytes(b"other weights")
    assert [command.split()[0] for command in given.repeat_commands] == ["./run_all.sh"]


WHOLE_RUN = ("folds", "train", "predict", "score", "ensemble", "submit", "report")


@pytest.mark.parametrize("verb", WHOLE_RUN)
def test_what_a_verb_made_is_told_as_json(road, verb, capsys):
    assert road.run(verb, "--json") == 0
    made = json.loads(capsys.readouterr().out)["made"]
    assert made and all(Path(path).exists() for path in made)


def test_what_is_made_of_an_entry_is_told_as_json(road, tmp_path, capsys):
    entry = ["--entry", "mean", "--out", str(tmp_path / "made"), "--json"]
    assert road.run("errors", "--worst", "2", *entry) == 0
    assert json.loads(capsys.readouterr().out) == {"made": [entry[3]], "images": 2}
    of_run = ["--run", str(road.made("."))]
    shutil.rmtree(entry[3])
    assert main(["export", *of_run, *entry]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "made": [entry[3]],
        "entry": "mean",
        "members": 2,
    }
    photograph = str(min((road.data / "test").iterdir()))
    cars = ["--out", str(tmp_path / "cars"), "--device", "cpu", "--json"]
    assert main(["cutout", photograph, "--model", entry[3], *cars]) == 0
    assert json.loads(capsys.readouterr().out) == {"made": [cars[1]], "photographs": 1}
    assert main(["cutout", photograph, "--model", entry[3], *entry[:2], *cars]) == 2
    assert "name an exported --model alone, or a --run and its --entry" in capsys.readouterr().err


def test_submission_files_are_told_where_there_are_some(road, capsys):
    assert road.run("leaderboard") == 0
    assert f"submission files are in {road.folder / 'out'}" in capsys.readouterr().err
    assert road.run("leaderboard", "--submissions", "/nowhere") == 0
    assert "submission files" not in capsys.readouterr().err


def test_a_suite_may_get_another_title_but_no_other_folds(road, capsys):
    road.write(TINY_SUITE | {"title": "other"})
    assert road.run("run") == 0
    assert "title: other" in road.made("suite.yaml").read_text()
    road.write(TINY_SUITE | {"folds": TINY_SUITE["folds"] | {"seed": 3}})
    assert road.run("run") == 2
    assert "folds.csv: made from something else than there is now (folds added: seed)" in (
        capsys.readouterr().err
    )
    road.write(TINY_SUITE)


def test_other_photographs_in_the_same_folder_are_refused(road, capsys):
    assert road.run("run", "--limit", "3") == 2
    assert "training photographs gone: " in capsys.readouterr().err


def test_damaged_folds_are_put_back(road, capsys):
    folds = road.made("folds.csv").read_text()
    road.made("folds.csv").write_text(folds.replace(",1", ",0"))
    assert road.run("run") == 0
    assert road.made("folds.csv").read_text() == folds
    assert "folds.csv: missing or damaged: putting it back" in capsys.readouterr().err


def test_folds_that_could_not_be_drawn_bind_nobody(copy, tmp_path, capsys):
    failed = Road(tmp_path, copy)
    photograph, mask = min((copy / "train").iterdir()), min((copy / "train_masks").iterdir())
    (copy / "train_masks.csv").unlink()
    mask.write_bytes(b"")
    assert failed.run("folds") == 3
    assert f"{mask}: cannot be read" in capsys.readouterr().err
    photograph.unlink()
    mask.unlink()
    assert failed.run("folds") == 0


def test_a_recipe_that_the_suite_lacks_is_named(road, capsys):
    assert road.run("train", "--only", "c") == 2
    assert "has no recipe 'c', only a, b" in capsys.readouterr().err


def test_a_stage_before_its_turn_says_what_comes_first(tiny_carvana, tmp_path, capsys):
    early = Road(tmp_path, tiny_carvana)
    for verb in ("score", "leaderboard", "report", "ensemble", "submit"):
        assert early.run(verb) == 4
        assert "folds: not done yet; first: carvana-bench run" in capsys.readouterr().err
    assert early.run("folds") == 0
    for verb in ("score", "leaderboard", "report", "ensemble", "submit"):
        assert early.run(verb) == 4
        error = capsys.readouterr().err
        assert "train a, fold 0: not done yet; first: carvana-bench run" in error


def test_missing_weights_stop_the_run_at_once(tiny_carvana, tmp_path, monkeypatch, capsys):
    def none(name):
        raise MissingWeights(f"no weights of {name}")

    monkeypatch.delenv("CARVANA_WEIGHTS", raising=False)
    monkeypatch.setattr("models.encoders._hub_weights", none)
    poor = Road(tmp_path, tiny_carvana)
    network = {**RECIPE.network.model_dump(), "pretrained": True}
    recipe = yaml.safe_load(to_yaml(RECIPE)) | {"network": network}
    (tmp_path / "b.yaml").write_text(yaml.safe_dump(recipe))
    assert poor.run("run") == 4
    assert f"no weights of {network['encoder']}" in capsys.readouterr().err
    assert not (tmp_path / "runs" / "cache").exists()
