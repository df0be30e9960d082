"""Count the operations and parameters of a network, without computing on pixels."""

from copy import deepcopy
from dataclasses import dataclass
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

    A layer is a module with parameters of its own or without parts. A module that runs twice is
    listed twice, and its parameters are counted the first time.

    Args:
        network: as `networks.build` returns it; it is not changed.
        size: height, width of the image.
    """
    device = "meta" if parameter_count(network) else "cpu"  # a classical method needs pixels
    copy = deepcopy(network).to(device).eval()
    listed: list[Layer] = []
    for name, module in copy.named_modules():
        if not list(module.children()) or list(module.parameters(recurse=False)):
            module.register_forward_hook(partial(_append, listed, name))
    with torch.no_grad():
        padded_forward(copy, torch.zeros(1, channels_of(network), *size, device=device))
    return listed


def _append(listed: list[Layer], name: str, module: nn.Module, _: Any, output: Any) -> None:
    first = output if isinstance(output, Tensor) else output[0]  # pooling may return its indices
    again = any(layer.name == name for layer in listed)
    own = 0 if again else sum(each.numel() for each in module.parameters(recurse=False))
    listed.append(Layer(name, type(module).__name__, tuple(first.shape), own))
