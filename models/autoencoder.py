"""The simple and the interconnected autoencoder (ExtractNet 2019)."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.blocks import transposed_convolution

WIDTHS = (32, 64, 128)  # ours: the paper's table names layers, kernels and strides


class Autoencoder(nn.Module):
    """Three convolutions that halve the image, three transposed ones that double it again.

    With `skips` the two halves are interconnected: each doubled map is joined by the encoder's map
    of its size.

    Input   (B, 3, H, W) float32; H and W are multiples of `stride` = 8.
    Output  (B, 1, H, W) logits.
    Source  ExtractNet 2019: 3 + 3 layers, kernel 3, stride 2.
    """

    stride = 8

    def __init__(self, *, skips: bool) -> None:
        super().__init__()
        self.skips = skips
        self.encoder = nn.ModuleList(
            nn.Conv2d(before, after, kernel_size=3, stride=2, padding=1)
            for before, after in pairwise((3, *WIDTHS))
        )
        narrower = WIDTHS[-2::-1]
        joined = [2 * width if skips else width for width in narrower]
        self.decoder = nn.ModuleList(
            map(transposed_convolution, (WIDTHS[-1], *joined), (*narrower, 1))
        )

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits (B, 1, H, W) of normalised images (B, 3, H, W)."""
        x, maps = image, []
        for layer in self.encoder:
            x = F.relu(layer(x))
            maps.append(x)
        for layer, skip in zip(self.decoder[:-1], maps[-2::-1], strict=True):
            x = F.relu(layer(x))
            x = torch.cat([x, skip], dim=1) if self.skips else x
        logits: Tensor = self.decoder[-1](x)
        return logits
