"""A run refuses what does not belong to it, and says what comes first."""

import json

import pytest
import yaml

from bench.config.strict import to_yaml
from models.pretrained import MissingWeights
from tests.tiny import RECIPE, TINY_SUITE, Road

pytestmark = pytest.mark.slow


def test_a_dry_run_writes_nothing(tiny_carvana, tmp_path, capsys):
    planned = Road(tmp_path, tiny_carvana)
    assert planned.run("run", "--dry-run", "--json") == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["recipes"]["a"]["trained"] == "0 of 2 folds"
    assert not (tmp_path / "runs").exists()


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
