"""Blocks that more than one network is built of."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

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


def split_by_input(
    layers: Iterable[nn.Module], channels: int
) -> tuple[Tensor, Tensor, Tensor | None, list[nn.Module]]:
    """Take apart a convolution whose input are two images side by side, and what follows it.

    Args:
        layers: the convolution, and what follows.
        channels: of the first image.

    Returns:
        Its kernels for the first image and for the other, its bias, and the layers after it.
    """
    convolution: Any
    convolution, *others = layers
    of_first, of_other = convolution.weight.tensor_split([channels], dim=1)
    return of_first, of_other, convolution.bias, others


def transposed_convolution(
    channels_in: int, channels_out: int, *, stride: int = 2
) -> nn.ConvTranspose2d:
    """3x3 transposed convolution that multiplies height and width by exactly `stride`."""
    return nn.ConvTranspose2d(
        channels_in, channels_out, 3, stride, padding=1, output_padding=stride - 1
    )


def foreground_logit(classes: Tensor) -> Tensor:
    """Return the logit (B, 1, H, W) of two class scores (B, 2, H, W): car minus background.

    The sigmoid of this logit is the softmax of the two scores.
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
        """Return the input plus its residual, rectified."""
        return F.relu(x + self.second(self.first(x)))
