"""Every recipe's network is that of its paper, and trains what the recipe does not freeze."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from bench.config.library import RECIPES, list_names, load_recipe
from bench.networks.build import freeze, meta_network, train_mode
from bench.training.losses import total_loss
from bench.training.optimiser import make_optimiser
from models.interface import channels_of, padded_forward, parameter_count
from tests.edges import EDGE

TABLE = {  # of MaskingNet
    "unet": 31_043_586,
    "segnet": 29_444_162,
    "architecture1": 32_799_554,
    "architecture2": 32_800_706,
    "architecture3": 32_808_770,
    "maskingnet": 32_808_770,
}


def distinct_recipes():
    """One name for each network that learns, and each freeze, that recipes ask for."""
    found = {}
    for name in list_names(RECIPES):
        recipe = load_recipe(name)
        if recipe.epochs:
            found.setdefault((str(recipe.network), recipe.freeze), name)
    return list(found.values())


@pytest.mark.parametrize("row", TABLE)
def test_parameters_are_those_of_the_published_table(row):
    recipe = load_recipe(f"maskingnet/{row}-512x512")
    assert parameter_count(meta_network(recipe)) == TABLE[row] == recipe.reported["params"]


def test_shapes_alone_are_made_in_no_other_thread():
    def device_of(k):
        made = meta_network(EDGE) if k % 2 else nn.Linear(2, 2)
        return next(made.parameters()).device.type

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(device_of, range(200)))
    assert found == ["cpu", "meta"] * 100 and device_of(0) == "cpu"


@pytest.mark.slow
@pytest.mark.parametrize("name", distinct_recipes())
def test_every_recipe_trains_what_it_does_not_freeze(name):
    """A whole step without numbers, on the meta device, for there are 60 million weights to it."""
    recipe = load_recipe(name)
    network = meta_network(recipe)
    freeze(network, recipe)
    train_mode(network, recipe.freeze)
    optimiser = make_optimiser(recipe.optimiser, network)
    for group in optimiser.param_groups:
        group["fused"] = False  # is of real devices only
    photo = torch.empty(2, channels_of(network), 33, 50, device="meta")
    logits = padded_forward(network, photo)
    assert logits.shape == (2, 1, 33, 50)
    total_loss(recipe, logits, torch.empty_like(logits), photo[:, :3]).backward()
    optimiser.step()
    for parameter, weight in network.named_parameters():
        frozen = parameter.startswith(tuple(f"{module}." for module in recipe.freeze))
        assert (weight.grad is None) == frozen, parameter
