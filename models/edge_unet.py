"""U-Net that moves the outline of a map by what the photograph shows at its own size."""

from itertools import pairwise
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from models.blocks import conv_norm_relu, split_by_input

CELL = 2  # pixels of a cell's side: the network works on cells, and says every pixel of them
SURE = 1 / 510  # of a map: 0 and 255 of uint8 stand for less and for more than they can say


class EdgeUNet(nn.Module):
    """Say how much more, or less, a map's logit has to be in a band around its outline.

    Cells of 2x2 pixels become channels, so that full size is seen at a quarter of the cost of
    convolutions at full size; an untrained network leaves the map as it is.

    Input   (B, 5, H, W) float32: normalised photograph, map in [0, 1], band (0 or 1); H and W are
            multiples of `stride` = 2 * 2**depth.
    Output  (B, 1, H, W) logits: those of the map, changed in the band alone.

    No logit depends on an input more than `margin` pixels away.

    Source  ours, after PointRend (Kirillov et al. 2020, https://arxiv.org/abs/1912.08193) and
            CascadePSP (Cheng et al. 2020, https://arxiv.org/abs/2005.02551); cells after Shi et
            al. 2016, https://arxiv.org/abs/1609.05158.
    """

    channels = 5

    def __init__(
        self,
        *,
        width: Annotated[int, Field(ge=4, le=512)] = 32,
        depth: Annotated[int, Field(ge=1, le=4)] = 2,
    ) -> None:
        super().__init__()
        self.stride = CELL * 2**depth
        self.margin = _margin(depth)
        widths = [width * 2**level for level in range(depth + 1)]
        self.down = nn.ModuleList(
            nn.Sequential(conv_norm_relu(before, after, 3), _separable(after, after))
            for before, after in pairwise([5 * CELL**2, *widths])
        )
        self.up = nn.ModuleList(
            _Join(_separable(fine + coarse, fine)) for fine, coarse in reversed([*pairwise(widths)])
        )
        self.head = nn.Conv2d(width, CELL**2, kernel_size=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits (B, 1, H, W) of photographs, maps and bands (B, 5, H, W)."""
        car = image[:, 3:4].clamp(SURE, 1 - SURE)
        logit = torch.log(car / (1 - car))
        band = image[:, 4:5]
        x = F.pixel_unshuffle(torch.cat([image[:, :3], logit / 4, band], dim=1), CELL)
        skips: list[Tensor] = []
        for level, down in enumerate(self.down):
            x = down(F.max_pool2d(x, 2) if level else x)  # channels double, H and W halve
            skips.append(x)
        skips.pop()
        for up in self.up:
            x = up(x, skips.pop())
        return logit + band * F.pixel_shuffle(self.head(x), CELL)


def _separable(channels_in: int, channels_out: int) -> nn.Sequential:
    """3x3 convolution of each channel, then 1x1 of all of them, batch norm and ReLU.

    Twice as fast here as a whole 3x3 convolution, and it learned more in as many steps.
    """
    each = nn.Conv2d(channels_in, channels_in, 3, padding=1, groups=channels_in, bias=False)
    return nn.Sequential(each, conv_norm_relu(channels_in, channels_out, kernel_size=1))


class _Join(nn.ModuleList):
    """A separable convolution of a doubled map and a skip as if they lay side by side in one.

    Input   (B, coarse, H, W) and (B, fine, 2H, 2W).
    Output  (B, fine, 2H, 2W).
    """

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        """Return the sum of what the two sides give: nothing is copied together."""
        layers: Any = self
        each, whole = layers
        left, right = each.weight.tensor_split([coarse.shape[1]])
        doubled = F.interpolate(coarse, scale_factor=2.0)
        doubled = F.conv2d(doubled, left, padding=1, groups=len(left))
        skip = F.conv2d(skip, right, padding=1, groups=len(right))
        left, right, bias, others = split_by_input(whole, len(left))
        x = F.conv2d(doubled, left) + F.conv2d(skip, right, bias)
        for layer in others:
            x = layer(x)
        return x


def _margin(depth: int) -> int:
    """Return a multiple of the stride beyond which, in pixels, no input matters to a logit.

    At the coarsest level, two convolutions reach two places. A finer level's last convolution looks
    one place of the coarser level further; seen from the finer level that is twice as far and one
    place more, and its two first convolutions look two places further.
    """
    places = 2
    for _ in range(depth):
        places = 2 * (places + 1) + 1 + 2
    pixels, stride = CELL * places + CELL - 1, CELL * 2**depth
    return -(-pixels // stride) * stride
