"""U-Net on VGG-16 whose map is refined at full size (Heitzinger and Kampel 2020)."""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.blocks import ResidualUnit, conv_norm_relu
from models.encoders import build_encoder


class VggUNet(nn.Module):
    """Encode by VGG-16 with batch norm, grow back joining equal scales, refine by a residual unit.

    Each decoder stage ends with the channels of the encoder's map that it joins: 512 to 64.

    Input   (B, 3, H, W) float32; H and W are multiples of `stride` = 32.
    Output  (B, 1, H, W) logits.
    Source  Heitzinger and Kampel 2020: encoder and refinement; the decoder is Ronneberger et al.'s
            2015, with bilinear growth and padded convolutions.
    """

    stride = 32

    def __init__(self, *, pretrained: bool) -> None:
        super().__init__()
        self.encoder = build_encoder("vgg16_bn", pretrained=pretrained)
        *joined, deepest = cast(list[int], self.encoder.out_channels)
        joined.reverse()
        self.middle = two_layers(deepest, deepest)
        self.decoder = nn.ModuleList(
            two_layers(below + skip, skip)
            for below, skip in zip([deepest, *joined[:-1]], joined, strict=True)
        )
        self.refine = ResidualUnit(joined[-1])
        self.head = nn.Conv2d(joined[-1], 1, kernel_size=1)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits (B, 1, H, W) of normalised images (B, 3, H, W)."""
        *joined, deepest = self.encoder(image)
        x = self.middle(deepest)  # (B, 512, H/32, W/32)
        for stage, skip in zip(self.decoder, reversed(joined), strict=True):
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = stage(torch.cat([x, skip], dim=1))  # the skip's channels, height and width
        logits: Tensor = self.head(self.refine(x))
        return logits


def two_layers(channels_in: int, channels_out: int) -> nn.Sequential:
    """Two 3x3 layers of convolution, batch norm and ReLU; height and width stay."""
    return nn.Sequential(
        conv_norm_relu(channels_in, channels_out, kernel_size=3),
        conv_norm_relu(channels_out, channels_out, kernel_size=3),
    )
