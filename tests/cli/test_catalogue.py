"""The catalogue: every recipe with its network's size and cost, and a network layer by layer."""

import json

import pytest

from bench.cli import catalogue
from bench.cli.verbs import main
from bench.config.library import RECIPES, list_names


@pytest.mark.slow
@pytest.mark.parametrize("name", list_names(RECIPES))
def test_every_recipe_is_listed_with_its_cost(name):
    found = catalogue.entry(name)
    assert {"name", "network", "params", "gflops", "size", "source", "reported"} == found.keys()
    assert json.loads(json.dumps(found)) == found
    assert (found["params"] == 0) == (found["gflops"] == 0)


def test_the_command_prints_one_object_a_recipe_and_the_layers_of_one(monkeypatch, capsys):
    monkeypatch.setattr(catalogue, "list_names", lambda _: ["cpu/unet-256x384"])
    assert main(["models", "--json", "--quiet"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["name"], found["params"], found["size"]) == (
        "cpu/unet-256x384",
        4180113,
        [256, 384],
    )
    assert main(["models", "cpu/unet-256x384"]) == 0
    shown = capsys.readouterr().out
    assert "Conv2d" in shown
    assert "1x1x256x384" in shown
    assert main(["models", "cpu/unet-257x384"]) == 2
    assert "nearest: cpu/unet-256x384" in capsys.readouterr().err
