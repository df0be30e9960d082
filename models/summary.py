"""What a network costs, counted without running it."""

from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from models.interface import padded_forward, parameter_count


def gflops(network: nn.Module, size: tuple[int, int]) -> float:
    """Billions of floating-point operations in the forward pass of one image.

    A multiply-accumulate counts 2; convolutions, matrix products and attention count, what is
    done pixel by pixel (norms, activations, resizing) does not, nor does a classical method.

    Args:
        network: as `models.build` gives it; it is left alone. Its copy has shapes but no numbers,
            so that any size takes below a second and next to no memory.
        size: height, width of the image; padding to the network's stride counts.
    """
    if not parameter_count(network):
        return 0.0  # a classical method works on numbers, not on shapes
    shapes = deepcopy(network).to("meta").eval()
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        padded_forward(shapes, torch.empty(1, 3, *size, device="meta"))
    return float(counter.get_total_flops()) / 1e9


@dataclass(frozen=True)
class Layer:
    """A module at work: `output` is its (B, C, H, W), or as many sides as it has."""

    name: str
    kind: str
    output: tuple[int, ...]
    parameters: int


def layers(network: nn.Module, size: tuple[int, int]) -> list[Layer]:
    """The layers of a network in the order in which one image of a size goes through them.

    A module with parameters of its own or without parts is a layer. One that works twice stands
    there twice, and its parameters are counted the first time.

    Args:
        network: as `models.build` gives it; it is left alone. Its copy has shapes but no numbers.
        size: height, width of the image.
    """
    device = "meta" if parameter_count(network) else "cpu"  # a classical method needs pixels
    copy = deepcopy(network).to(device).eval()
    found: list[Layer] = []
    for name, module in copy.named_modules():
        if not list(module.children()) or list(module.parameters(recurse=False)):
            module.register_forward_hook(partial(_note, found, name))
    with torch.no_grad():
        padded_forward(copy, torch.zeros(1, 3, *size, device=device))
    return found


def _note(found: list[Layer], name: str, module: nn.Module, _: Any, output: Any) -> None:
    first = output if isinstance(output, Tensor) else output[0]  # pooling may return its indices
    again = any(layer.name == name for layer in found)
    own = 0 if again else sum(each.numel() for each in module.parameters(recurse=False))
    found.append(Layer(name, type(module).__name__, tuple(first.shape), own))
