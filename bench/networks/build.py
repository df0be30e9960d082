"""Build the network of a recipe, with errors that name the recipe."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from bench.config.recipe import Recipe
from bench.masks.types import Size, size_name
from bench.system.errors import BadConfig, BadFile, Missing, memory_is_full, naming
from models import networks
from models.depthwise import make_depthwise_fast
from models.interface import margin_of, stride_of
from models.kernel_gradients import make_kernel_gradients_fast
from models.pretrained import MissingWeights
from models.upsampling import make_upsampling_fast
from models.weights import BadWeights


def build(recipe: Recipe, *, pretrained: bool = True) -> nn.Module:
    """Build a recipe's network in channels-last memory format, the fast one for convolutions.

    Args:
        pretrained: False leaves out weights that are about to be replaced by trained ones.

    Raises:
        BadConfig: an unknown network, option or value.
        Missing: there are no pretrained weights on this machine, nor from the hub.
        BadFile: the file of pretrained weights holds none, or not all of them.
    """
    options = recipe.network.options
    if not pretrained and "pretrained" in options:
        options["pretrained"] = False
    try:
        network = networks.build(recipe.network.name, options)
    except ValueError as error:
        if memory_is_full(error):
            raise
        raise BadConfig(f"recipe {recipe.name}: network: {error}") from error
    except MissingWeights as error:
        raise Missing(f"recipe {recipe.name}: {error}") from error
    except BadWeights as error:
        raise BadFile(error.file, error.what, error.cure) from error
    _check_input(recipe, network)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _check_input(recipe: Recipe, network: nn.Module) -> None:
    """Refuse a network that does not see what the recipe shows it."""
    where = f"recipe {recipe.name}: network {recipe.network.name!r}"
    sees_map = hasattr(network, "margin")
    if sees_map and not recipe.edge:
        raise BadConfig(f"{where} sees a map beside the photograph; say of which entry by `edge`")
    if recipe.edge and not sees_map:
        raise BadConfig(f"{where} sees no map; with `edge`, name edge_unet, or leave `edge` out")
    if not sees_map:
        return
    stride, margins = stride_of(network), 2 * margin_of(network)
    if min(recipe.size) <= margins or recipe.size[0] % stride or recipe.size[1] % stride:
        enough = margins + 16 * stride
        raise BadConfig(
            f"{where} needs sides of `size` that are multiples of {stride} and longer than the two "
            f"margins of a tile, {margins}; set `size` to [{enough}, {enough}], for example"
        )


def meta_network(recipe: Recipe) -> nn.Module:
    """Build a recipe's network on the meta device (shapes only), fast whatever its size.

    Raises: as `build`.
    """
    with _ParametersOnMeta():
        network = build(recipe, pretrained=False)
    return network.to("meta")


@contextmanager
def named_misfits(recipe: Recipe, size: Size) -> Iterator[None]:
    """Inside, a network is tried at a size; if it fails, the error names the recipe and a cure.

    Raises:
        BadConfig: the network does not work at this size, or not with the recipe's options.
    """
    try:
        yield
    except (RuntimeError, AssertionError, TypeError, ValueError, IndexError) as error:
        raise BadConfig(
            f"{recipe.name}: its network does not work at {size_name(size)} ({error}); change "
            "`size`, or the options of `network`"
        ) from error


class _ParametersOnMeta(TorchFunctionMode):
    """Inside, what this thread makes by `torch.empty`, as layers do their parameters, is on meta.

    All else is not: some networks compute with small tensors while they are built.
    """

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        where = {"device": "meta"} if function is torch.empty else {}
        return function(*args, **{**(kwargs or {}), **where})


def freeze(network: nn.Module, recipe: Recipe) -> None:
    """Exclude what a recipe freezes from training; `train_mode` fixes its batch norms.

    Raises:
        BadConfig: the network has no module of such a name, or nothing is left to train.
    """
    with naming(f"recipe {recipe.name}"):
        for module in _modules(network, recipe.freeze):
            module.requires_grad_(False)
        if recipe.epochs and not any(weight.requires_grad for weight in network.parameters()):
            raise BadConfig(
                "its network has no parameter that is left to train; freeze fewer modules, or set "
                "`epochs` to 0 to take it as it is"
            )


def train_mode(network: nn.Module, frozen: Sequence[str]) -> None:
    """Set a network to training mode, but frozen modules to evaluation: fixed statistics."""
    for make_fast in (make_depthwise_fast, make_kernel_gradients_fast, make_upsampling_fast):
        make_fast(network)
    network.train()
    for module in _modules(network, frozen):
        module.eval()


def _modules(network: nn.Module, names: Sequence[str]) -> Iterator[nn.Module]:
    for name in names:
        try:
            yield network.get_submodule(name)
        except AttributeError as error:
            known = ", ".join(child for child, _ in network.named_children())
            what = f"freeze: no module {name!r}, only {known}; name one of these"
            raise BadConfig(what) from error
