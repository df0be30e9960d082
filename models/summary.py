"""What a network costs, counted without running it."""

from copy import deepcopy

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from models.blocks import padded_forward, parameter_count


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
