"""A pretrained encoder, meant to stay frozen, and a decoder of transposed convolutions."""

from itertools import pairwise
from typing import Literal, cast

import torch
from torch import Tensor, nn

from models.blocks import transposed_convolution
from models.encoders import build_encoder

WIDTHS = (512, 256, 128, 64, 32)  # after each doubling; ours: the paper gives no widths
ACTIVATIONS = {"relu": nn.ReLU, "prelu": nn.PReLU}


class ExtractNet(nn.Module):
    """Double the deepest map five times, then finish at full size with the remaining layers.

    Input   (B, 3, H, W) float32; H and W are multiples of `stride` = 32.
    Output  (B, 1, H, W) logits.
    Source  ExtractNet 2019: 6 or 7 layers, skip connections or none, batch norm or none, ReLU or
            PReLU. How 6 and 7 layers are spread over sizes is our reading.
    """

    stride = 32

    def __init__(
        self,
        *,
        encoder: str,
        layers: Literal[6, 7],
        skips: bool,
        norm: bool,
        activation: Literal["relu", "prelu"],
        pretrained: bool,
    ) -> None:
        super().__init__()
        self.skips = skips
        self.encoder = build_encoder(encoder, pretrained=pretrained)
        channels = cast(list[int], self.encoder.out_channels)
        joined = channels[-2::-1] if skips else [0] * len(WIDTHS)
        before = [wide + join for wide, join in zip(WIDTHS, joined, strict=True)]
        self.decoder = nn.ModuleList(
            layer(wide, narrow, 2, norm, activation)
            for wide, narrow in zip((channels[-1], *before[:-1]), WIDTHS, strict=True)
        )
        finish = [before[-1], *[WIDTHS[-1]] * (layers - len(WIDTHS) - 1)]
        self.finish = nn.Sequential(
            *(layer(wide, narrow, 1, norm, activation) for wide, narrow in pairwise(finish))
        )
        self.head = transposed_convolution(finish[-1], 1, stride=1)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits (B, 1, H, W) of normalised images (B, 3, H, W)."""
        *maps, x = self.encoder(image)  # (B, C, H/32, W/32)
        for grow, skip in zip(self.decoder, reversed(maps), strict=True):
            x = grow(x)
            x = torch.cat([x, skip], dim=1) if self.skips else x
        logits: Tensor = self.head(self.finish(x))
        return logits


def layer(
    channels_in: int, channels_out: int, stride: int, norm: bool, activation: str
) -> nn.Sequential:
    """Transposed convolution, batch norm where `norm` asks for it, activation."""
    parts: list[nn.Module] = [transposed_convolution(channels_in, channels_out, stride=stride)]
    if norm:
        parts.append(nn.BatchNorm2d(channels_out))
    return nn.Sequential(*parts, ACTIVATIONS[activation]())
