"""Blocks that more than one network is built of, and the padding that every network needs."""

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def conv_norm_relu(
    channels_in: int, channels_out: int, kernel_size: int, *, bias: bool = False, dilation: int = 1
) -> nn.Sequential:
    """Convolution, batch norm, ReLU; height and width stay."""
    padding = kernel_size // 2 * dilation
    return nn.Sequential(
        nn.Conv2d(
            channels_in, channels_out, kernel_size, padding=padding, dilation=dilation, bias=bias
        ),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


def convolutions(channels_in: int, widths: Sequence[int], *, dilation: int = 1) -> nn.Sequential:
    """3x3 convolutions with bias, one of each width, each with batch norm and ReLU."""
    channels = [channels_in, *widths]
    return nn.Sequential(
        *(
            conv_norm_relu(before, after, kernel_size=3, bias=True, dilation=dilation)
            for before, after in pairwise(channels)
        )
    )


def transposed_convolution(
    channels_in: int, channels_out: int, *, stride: int = 2
) -> nn.ConvTranspose2d:
    """3x3 transposed convolution that multiplies height and width by exactly `stride`."""
    return nn.ConvTranspose2d(
        channels_in, channels_out, 3, stride, padding=1, output_padding=stride - 1
    )


def foreground_logit(classes: Tensor) -> Tensor:
    """The one logit (B, 1, H, W) of two class scores (B, 2, H, W): the car's minus the rest's.

    Its sigmoid is the softmax of the two.
    """
    return classes[:, 1:] - classes[:, :1]


class ResidualUnit(nn.Module):
    """Two 3x3 convolutions whose result is added to their input.

    Input, output  (B, channels, H, W).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = conv_norm_relu(channels, channels, kernel_size=3)
        self.second = nn.Sequential(
            nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """The input plus its residual, rectified."""
        return F.relu(x + self.second(self.first(x)))


def padded_forward(network: nn.Module, image: Tensor) -> Tensor:
    """Logits of an image of any size: pad to the network's stride, run it, crop.

    Args:
        network: maps (B, 3, H, W) to (B, 1, H, W) and declares `stride`.
        image: (B, 3, H, W); the last row and column are repeated to fill the padding, so that no
            artificial edge appears.

    Returns:
        (B, 1, H, W) logits.
    """
    height, width = image.shape[-2:]
    stride = stride_of(network)
    below, right = -height % stride, -width % stride
    if below or right:
        image = F.pad(image, (0, right, 0, below), mode="replicate")
    logits: Tensor = network(image)
    return logits[..., :height, :width]


def stride_of(network: nn.Module) -> int:
    """What a network declares that the height and width of its images must be multiples of."""
    return cast(int, network.stride)


def parameter_count(network: nn.Module) -> int:
    """Number of parameters, trainable or frozen; buffers are not counted."""
    return sum(parameter.numel() for parameter in network.parameters())


def normalise(image: Tensor) -> Tensor:
    """Photographs (B, 3, H, W) uint8 RGB to float32 with ImageNet's mean 0 and deviation 1."""
    mean = torch.tensor((0.485, 0.456, 0.406), device=image.device).view(3, 1, 1)
    deviation = torch.tensor((0.229, 0.224, 0.225), device=image.device).view(3, 1, 1)
    return (image.float() / 255 - mean) / deviation
