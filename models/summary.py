"""Count the operations and parameters of a network, without computing on pixels."""

from collections import Counter
from collections.abc import Collection
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from models.interface import channels_of, padded_forward, parameter_count

KEEP_SHAPE = (nn.BatchNorm2d, nn.Hardtanh)  # and take long on the meta device


def gflops(network: nn.Module, size: tuple[int, int]) -> float:
    """Return the billions of floating-point operations in the forward pass of one image.

    A multiply-accumulate counts 2. Convolutions, matrix products and attention count; operations
    on single pixels (norms, activations, resizing) and classical methods do not.

    Args:
        network: as `networks.build` returns it; it is not changed. A copy on the meta device
            (shapes only) makes any size take less than a second and next to no memory.
        size: height, width of the image; padding to the network's stride counts.
    """
    if not parameter_count(network):
        return 0.0  # a classical method works on numbers, not on shapes
    shapes = deepcopy(network).to("meta").eval()
    for module in shapes.modules():
        if isinstance(module, KEEP_SHAPE):
            module.forward = nn.Identity().forward  # type: ignore[method-assign]
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        padded_forward(shapes, torch.empty(1, channels_of(network), *size, device="meta"))
    return float(counter.get_total_flops()) / 1e9


@dataclass(frozen=True)
class Layer:
    """A module in a forward pass; `output` is the shape of its result, mostly (B, C, H, W)."""

    name: str
    kind: str
    output: tuple[int, ...]
    parameters: int


def layers(network: nn.Module, size: tuple[int, int]) -> list[Layer]:
    """Return the layers of a network in the order in which an image goes through them.

    A layer is a module without parts, or with parameters of its own or of parts that it computes
    with but does not run. A module that runs twice is listed twice, and its parameters are counted
    the first time.

    Args:
        network: as `networks.build` returns it; it is not changed.
        size: height, width of the image.
    """
    device = "meta" if parameter_count(network) else "cpu"  # a classical method needs pixels
    copy = deepcopy(network).to(device).eval()
    ran: list[Layer] = []
    for name, module in copy.named_modules():
        module.register_forward_hook(partial(_append, ran, name))
    with torch.no_grad():
        padded_forward(copy, torch.zeros(1, channels_of(network), *size, device=device))
    counts = _parameters_of(copy, {layer.name for layer in ran})
    whole = {name for name, module in copy.named_modules() if not list(module.children())}
    listed = [layer for layer in ran if layer.name in whole or layer.name in counts]
    return [replace(layer, parameters=counts.pop(layer.name, 0)) for layer in listed]


def _append(ran: list[Layer], name: str, module: nn.Module, _: Any, output: Any) -> None:
    first = output if isinstance(output, Tensor) else output[0]  # pooling may return its indices
    ran.append(Layer(name, type(module).__name__, tuple(first.shape), parameters=0))


def _parameters_of(network: nn.Module, ran: Collection[str]) -> Counter[str]:
    """Return how many parameters each module computes with: its own, and those of idle parts."""
    counts: Counter[str] = Counter()
    for name, parameter in network.named_parameters():
        user = name.rpartition(".")[0]
        while user not in ran:
            user = user.rpartition(".")[0]
        counts[user] += parameter.numel()
    return counts
