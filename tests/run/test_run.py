"""A run refuses what does not belong to it, and says what comes first."""

import json

import pytest
import yaml

from bench.config.strict import to_yaml
from models.encoders import MissingWeights
from tests.tiny import RECIPE, TINY_SUITE, Road

pytestmark = pytest.mark.slow


def test_a_dry_run_writes_nothing(tiny_carvana, tmp_path, capsys):
    planned = Road(tmp_path, tiny_carvana)
    assert planned.run("run", "--dry-run", "--json") == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["a"]["trained"] == "0 of 2 folds"
    assert not (tmp_path / "runs").exists()


def test_another_suite_in_the_same_folder_is_refused(road, capsys):
    road.write(TINY_SUITE | {"title": "other"})
    assert road.run("run") == 2
    assert "made with another title" in capsys.readouterr().err
    road.write(TINY_SUITE)


def test_other_photographs_in_the_same_folder_are_refused(road, capsys):
    assert road.run("run", "--limit", "3") == 2
    assert "made with another limit" in capsys.readouterr().err
    kept = road.made("photographs.txt").read_text()
    road.made("photographs.txt").write_text(kept.replace("_16\n", "_17\n"))
    assert road.run("run") == 2
    assert "drawn for other photographs" in capsys.readouterr().err
    road.made("photographs.txt").write_text(kept)


def test_a_recipe_that_the_suite_lacks_is_named(road, capsys):
    assert road.run("train", "--only", "c") == 2
    assert "has no recipe 'c', only a, b" in capsys.readouterr().err


def test_a_stage_before_its_turn_says_what_comes_first(tiny_carvana, tmp_path, capsys):
    early = Road(tmp_path, tiny_carvana)
    for verb, first in (("score", "folds"), ("leaderboard", "score"), ("ensemble", "predict")):
        assert early.run(verb) == 4
        assert first in capsys.readouterr().err


def test_missing_weights_stop_the_run_at_once(tiny_carvana, tmp_path, monkeypatch, capsys):
    def none(name):
        raise MissingWeights(f"no weights of {name}")

    monkeypatch.setattr("models.encoders._hub_weights", none)
    poor = Road(tmp_path, tiny_carvana)
    network = {**RECIPE.network.model_dump(), "pretrained": True}
    recipe = yaml.safe_load(to_yaml(RECIPE)) | {"network": network}
    (tmp_path / "b.yaml").write_text(yaml.safe_dump(recipe))
    assert poor.run("run") == 4
    assert "no weights of mobilenet_v2" in capsys.readouterr().err
    assert not (tmp_path / "runs" / "cache").exists()
