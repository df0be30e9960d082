"""The catalogue: every recipe with its network's size and cost, and a network layer by layer."""

import json

import pytest
import torch

import models
from bench.cli import catalogue
from bench.cli.verbs import main
from bench.config.library import RECIPES, load_recipe, names
from bench.system.device import Machine
from bench.training.cost import measure
from models.interface import parameter_count
from models.summary import layers

SMALL = {"decoder": "unet", "encoder": "resnet18", "pretrained": False}


@pytest.mark.slow
@pytest.mark.parametrize("name", names(RECIPES))
def test_every_recipe_is_listed_with_its_cost(name):
    found = catalogue.entry(name)
    assert {"name", "network", "params", "gflops", "size", "source", "reported"} == found.keys()
    assert json.loads(json.dumps(found)) == found
    assert (found["params"] == 0) == (found["gflops"] == 0)


def test_layers_hold_every_parameter_once_and_end_in_the_map():
    network = models.build("zoo", SMALL)
    found = layers(network, (64, 96))
    assert sum(layer.parameters for layer in found) == parameter_count(network)
    assert (found[0].name, found[0].output) == ("encoder.conv1", (1, 64, 32, 48))
    assert found[-1].output == (1, 1, 64, 96)
    assert next(network.parameters()).device.type == "cpu"  # the network itself is left alone


def test_a_layer_that_works_twice_is_counted_once():
    class Twice(torch.nn.Module):
        stride = 1

        def __init__(self):
            super().__init__()
            self.same = torch.nn.Conv2d(3, 3, 1)

        def forward(self, image):
            return self.same(self.same(image))

    assert [layer.parameters for layer in layers(Twice(), (4, 6))] == [12, 0]


def test_the_command_prints_one_object_a_recipe_and_the_layers_of_one(monkeypatch, capsys):
    monkeypatch.setattr(catalogue, "names", lambda _: ["cpu/unet-256x384"])
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


@pytest.mark.slow
def test_a_measurement_is_of_this_machine():
    small = load_recipe("cpu/unet-256x384").model_copy(update={"size": (32, 48)})
    found = measure(small, Machine("cpu"))
    assert found.device == "cpu"
    assert found.predict_ms > 0
    assert found.train_ms > 0
    assert 0.05 < found.peak_gb < 10
