"""MaskingNet and the three architectures that lead to it: SegNet with joins and coordinates."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from models.blocks import convolutions, foreground_logit
from models.vgg import PoolingEncoder, unpool

ENDS = (512, 256, 128, 64, 64)  # channels after each decoder stage, coarse to fine
WIDTHS = (512, 512, 256, 128, 64)  # channels within it


class MaskingNet(nn.Module):
    """Undo each pooling, join the encoder's map of that size, and run three convolutions.

    Coordinate maps tell a convolution where in the image it is: at the input, or in the middle,
    where the coarsest decoder stage has no map to join. Dilation widens what that stage sees.

    Input   (B, 3, H, W) float32; H and W are multiples of `stride` = 32.
    Output  (B, 1, H, W) logits.
    Source  MaskingNet's table: Architecture 1 (coordinates "none", 32,799,554 parameters),
            Architecture 2 ("input", 32,800,706), Architecture 3 ("middle", 32,808,770), and
            MaskingNet ("middle", dilated, 32,808,770). Which convolution of the middle takes the
            coordinates, and which ones are dilated, is our reading: the counts allow others.
    """

    stride = 32

    def __init__(
        self,
        *,
        coordinates: Literal["none", "input", "middle"],
        dilation: Annotated[int, Field(ge=1, le=64)],
        pretrained: bool,
    ) -> None:
        super().__init__()
        self.coordinates = coordinates
        channels = 5 if coordinates == "input" else 3
        self.encoder = PoolingEncoder(channels=channels, pretrained=pretrained)
        joined = (2 if coordinates == "middle" else 0, *WIDTHS[1:])
        self.decoder = nn.ModuleList(
            convolutions(width + join, (width, width, end), dilation=dilation if level == 0 else 1)
            for level, (width, join, end) in enumerate(zip(WIDTHS, joined, ENDS, strict=True))
        )
        self.head = nn.Conv2d(64, 2, kernel_size=3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits (B, 1, H, W) of normalised images (B, 3, H, W)."""
        if self.coordinates == "input":
            image = torch.cat([image, coordinate_maps(image)], dim=1)  # (B, 5, H, W)
        x, maps, places = self.encoder(image)  # (B, 512, H/32, W/32)
        for level, stage in enumerate(self.decoder):
            x = unpool(x, places.pop())
            skip = maps.pop()
            if level > 0:
                x = torch.cat([x, skip], dim=1)
            elif self.coordinates == "middle":
                x = torch.cat([x, coordinate_maps(x)], dim=1)  # (B, 514, H/16, W/16)
            x = stage(x)
        return foreground_logit(self.head(x))


def coordinate_maps(like: Tensor) -> Tensor:
    """Return the place of each pixel of (B, C, H, W): (B, 2, H, W), x/W - 0.5 and y/H - 0.5."""
    batch, _, height, width = like.shape
    x = torch.arange(width, device=like.device) / width - 0.5
    y = torch.arange(height, device=like.device) / height - 0.5
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"))
    return grid.to(like.dtype).expand(batch, 2, height, width)
