"""Blocks that more than one network is built of, and the padding that every network needs."""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def conv_norm_relu(channels_in: int, channels_out: int, kernel_size: int) -> nn.Sequential:
    """Convolution without bias, batch norm, ReLU; height and width stay."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel_size, padding=kernel_size // 2, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


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
    stride = cast(int, network.stride)
    below, right = -height % stride, -width % stride
    if below or right:
        image = F.pad(image, (0, right, 0, below), mode="replicate")
    logits: Tensor = network(image)
    return logits[..., :height, :width]


def parameter_count(network: nn.Module) -> int:
    """Number of parameters, trainable or frozen; buffers are not counted."""
    return sum(parameter.numel() for parameter in network.parameters())


def normalise(image: Tensor) -> Tensor:
    """Photographs (B, 3, H, W) uint8 RGB to float32 with ImageNet's mean 0 and deviation 1."""
    mean = torch.tensor((0.485, 0.456, 0.406), device=image.device).view(3, 1, 1)
    deviation = torch.tensor((0.229, 0.224, 0.225), device=image.device).view(3, 1, 1)
    return (image.float() / 255 - mean) / deviation
