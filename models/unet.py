"""The plain U-Net (Ronneberger, Fischer and Brox 2015) with batch norm."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.blocks import convolutions, foreground_logit
from models.vgg import PRETRAINED_STAGES, fill_from_vgg16

WIDTHS = (64, 128, 256, 512, 1024)


class UNet(nn.Module):
    """Two convolutions a level, 2x2 pooling down, 2x2 transposed convolution up, maps joined.

    `pretrained` fills the eight convolutions of the first four levels, whose shapes are those of
    VGG-16's first two of each stage.

    Input   (B, 3, H, W) float32; H and W are multiples of `stride` = 16.
    Output  (B, 1, H, W) logits.
    Source  arXiv:1505.04597; the row "U-Net" of MaskingNet's table, 31,043,586 parameters.
    """

    stride = 16

    def __init__(self, *, pretrained: bool) -> None:
        super().__init__()
        self.encoder = nn.ModuleList(
            convolutions(before, (after, after)) for before, after in pairwise((3, *WIDTHS))
        )
        narrower = WIDTHS[-2::-1]
        self.grow = nn.ModuleList(
            nn.ConvTranspose2d(2 * width, width, kernel_size=2, stride=2) for width in narrower
        )
        self.decoder = nn.ModuleList(convolutions(2 * width, (width, width)) for width in narrower)
        self.head = nn.Conv2d(WIDTHS[0], 2, kernel_size=1)
        if pretrained:
            fill_from_vgg16(self.encoder[:PRETRAINED_STAGES])

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits (B, 1, H, W) of normalised images (B, 3, H, W)."""
        x = self.encoder[0](image)
        skips = []
        for level in self.encoder[1:]:
            skips.append(x)
            x = level(F.max_pool2d(x, 2))  # channels double, H and W halve
        for grow, level in zip(self.grow, self.decoder, strict=True):
            x = level(torch.cat([skips.pop(), grow(x)], dim=1))
        return foreground_logit(self.head(x))
