"""The loader's speed: the stages' own loaders take part, and rows say what they are beside."""

import json

import pytest

from bench.cli.verbs import main
from bench.config.strict import to_yaml
from bench.networks.build import meta_network
from bench.speed import loader, timing
from bench.system.errors import Missing
from models.summary import gflops
from tests.tiny import RECIPE

pytestmark = pytest.mark.slow


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(timing, "MIN_TIMING_ROUNDS", 1)
    monkeypatch.setattr(timing, "MAX_TIMING_ROUNDS", 1)
    monkeypatch.setattr(loader, "PREDICTION_ROUNDS", 1)
    monkeypatch.setattr(loader, "STEPS_A_ROUND", {"cpu": 2, "cuda": 2})


@pytest.fixture
def recipe(tmp_path):
    (tmp_path / "tiny.yaml").write_text(to_yaml(RECIPE))
    return str(tmp_path / "tiny.yaml")


def test_training_and_prediction_read_photographs_and_the_held_batch_none(
    recipe, tiny_carvana, quick, monkeypatch
):
    read, trained, predicted = [], [], []
    made, train, predict = loader.Decoded.__getitem__, loader.train_one_epoch, loader.predict
    monkeypatch.setattr(
        loader.Decoded, "__getitem__", lambda self, row: read.append(row) or made(self, row)
    )
    monkeypatch.setattr(loader, "train_one_epoch", lambda *a: trained.append(a) or train(*a))
    monkeypatch.setattr(loader, "predict", lambda *a: predicted.append(a) or predict(*a))
    rows = loader.run(None, recipe, tiny_carvana, jobs=1)
    assert [row.bar for row in rows] == [0.85, None, 0.9, None, None, None]
    for row in rows:
        assert min(row.ours_ms, row.peer_ms, row.floor_ms) > 0
        assert row.ratio == pytest.approx(row.peer_ms / row.ours_ms)
    kinds, rounds = 3, 2  # the first round shows how long each takes
    assert len(trained) == kinds * rounds and len(predicted) == 1
    of_epochs, alone = 2 * RECIPE.batch, RECIPE.batch
    assert len(read) == rounds * (of_epochs + alone)
    assert all("cores feed this network" in row.note for row in rows[3:])
    both_views = 2 * gflops(meta_network(RECIPE), RECIPE.size)
    assert f", {rows[5].ours_ms * loader.TFLOPS / both_views:.1f} one at" in rows[5].note


def test_fewer_photographs_than_a_batch_has_are_refused(tmp_path, tiny_carvana):
    large = RECIPE.model_copy(update={"batch": 65})
    (tmp_path / "large.yaml").write_text(to_yaml(large))
    with pytest.raises(Missing, match=r"64 training photographs, and a batch .* has 65"):
        loader.run(None, str(tmp_path / "large.yaml"), tiny_carvana, jobs=1)


def test_the_verb_takes_the_loader(recipe, tiny_carvana, quick, capsys):
    words = ["speed", "loader", "--recipe", recipe, "--data", str(tiny_carvana), "--jobs", "1"]
    assert main([*words, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["part"].split(",")[0] for row in rows] == [
        "training",
        "training",
        "prediction",
        "a core",
        "a core",
        "a core",
    ]
    assert list(rows[0]) == ["part", "ours_ms", "peer", "peer_ms", "ratio", "floor_ms", "processor"]
    assert "images/s" in rows[3]["note"]
