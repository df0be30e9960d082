"""U-Net of seven levels (Malhotra and Sardinha 2017)."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.blocks import convolutions

WIDTHS = (8, 16, 32, 64, 128, 256, 512)
CENTRE = 1024


class DeepUNet(nn.Module):
    """Narrow at full size and seven times halved, so that the deepest pixels see the whole car.

    Two convolutions a level on the way down, two of 1024 in the centre, and on the way up, after
    the encoder's map before pooling is joined, three.

    Input   (B, 3, H, W) float32; H and W are multiples of `stride` = 128.
    Output  (B, 1, H, W) logits.
    Source  Malhotra and Sardinha 2017, Figure 4. The centre's width is theirs; 8 channels at full
            size follow from it when each level doubles them.
    """

    stride = 128

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.ModuleList(
            convolutions(before, (after, after)) for before, after in pairwise((3, *WIDTHS))
        )
        self.centre = convolutions(WIDTHS[-1], (CENTRE, CENTRE))
        self.decoder = nn.ModuleList(
            convolutions(below + width, (width, width, width))
            for below, width in pairwise((CENTRE, *reversed(WIDTHS)))
        )
        self.head = nn.Conv2d(WIDTHS[0], 1, kernel_size=1)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits (B, 1, H, W) of normalised images (B, 3, H, W)."""
        x, skips = image, []
        for level in self.encoder:
            skips.append(level(x))
            x = F.max_pool2d(skips[-1], 2)  # channels double, H and W halve
        x = self.centre(x)  # (B, 1024, H/128, W/128)
        for level in self.decoder:
            x = level(torch.cat([F.interpolate(x, scale_factor=2), skips.pop()], dim=1))
        logits: Tensor = self.head(x)
        return logits
