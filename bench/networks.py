"""From a recipe to its network, with errors that name the recipe."""

import torch
from torch import nn

import models
from bench.config import Recipe
from bench.errors import BadConfig, Missing
from models.encoders import MissingWeights


def build(name: str, recipe: Recipe, *, pretrained: bool = True) -> nn.Module:
    """The network of the recipe called `name`, in the memory format that convolutions like.

    Args:
        pretrained: False leaves out weights that are about to be replaced by trained ones.

    Raises:
        BadConfig: an unknown network, option or value.
        Missing: pretrained weights that are not to be had.
    """
    options = recipe.network.options
    if not pretrained and "pretrained" in options:
        options["pretrained"] = False
    try:
        network = models.build(recipe.network.name, options)
    except ValueError as error:
        raise BadConfig(f"recipe {name}: network: {error}") from error
    except MissingWeights as error:
        raise Missing(f"recipe {name}: {error}") from error
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
