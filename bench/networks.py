"""From a recipe to its network, with errors that name the recipe."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from accelerate import init_empty_weights
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn
from torch.fx.experimental.optimization import fuse

import models
from bench.errors import BadConfig, BadData, Missing
from bench.progress import say
from bench.recipe import Recipe
from models.blocks import stride_of
from models.encoders import MissingWeights

ROUNDING = 1e-3  # of the mean: pooling takes another of two like neighbours here and there


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


def shapes(name: str, recipe: Recipe) -> nn.Module:
    """A recipe's network without numbers, on the meta device: ready at once, however large.

    Raises: as `build`.
    """
    with init_empty_weights():  # some networks compute with small tensors while they are built
        network = build(name, recipe, pretrained=False)
    return network.to("meta")


def folded(network: nn.Module) -> nn.Module:
    """A network in evaluation mode with its batch norms multiplied into its convolutions.

    One that torch.fx cannot follow, or does not follow rightly, stays as it is.
    """
    try:
        found: Any = fuse(deepcopy(network), inplace=True)
    except Exception:  # whatever a network's own code raises where it is given no numbers
        return network
    found.stride = stride_of(network)
    found.eval()
    return found if _are_alike(network, found) else network


@torch.inference_mode()
def _are_alike(network: nn.Module, other: nn.Module) -> bool:
    """Whether two networks say the same of noise, but for rounding."""
    noise = torch.Generator().manual_seed(0)
    image = torch.randn(1, 3, 2 * stride_of(network), 3 * stride_of(network), generator=noise)
    wanted, found = network(image), other(image)
    return bool((found - wanted).abs().mean() <= ROUNDING * wanted.abs().mean())


def start_from(network: nn.Module, weights: Path) -> None:
    """Give a network what fits it, by name and shape, of a safetensors file.

    Raises:
        Missing: there is no such file. BadData: it is damaged. BadConfig: nothing in it fits.
    """
    if not weights.is_file():
        raise Missing(f"start_from: no file {weights}")
    try:
        given = load_file(weights)
    except SafetensorError as error:
        raise BadData(f"{weights}: not a whole safetensors file ({error})") from error
    wanted = network.state_dict()
    fitting = {
        name: tensor
        for name, tensor in given.items()
        if name in wanted and tensor.shape == wanted[name].shape
    }
    if not fitting:
        raise BadConfig(f"start_from: nothing in {weights} fits this network by name and shape")
    network.load_state_dict(fitting, strict=False)
    say(f"start from {weights}: {len(fitting)} of {len(wanted)} tensors")


def freeze(network: nn.Module, names: Sequence[str]) -> None:
    """Keep the parameters of modules as they are; `train_mode` keeps their batch norm.

    Raises:
        BadConfig: the network has no module of such a name.
    """
    for module in _modules(network, names):
        module.requires_grad_(False)


def train_mode(network: nn.Module, frozen: Sequence[str]) -> None:
    """Make a network learn, but for the modules that are frozen: they see fixed statistics."""
    network.train()
    for module in _modules(network, frozen):
        module.eval()


def _modules(network: nn.Module, names: Sequence[str]) -> Iterator[nn.Module]:
    for name in names:
        try:
            yield network.get_submodule(name)
        except AttributeError as error:
            known = ", ".join(child for child, _ in network.named_children())
            raise BadConfig(f"freeze: no module {name!r}, only {known}") from error
