"""U-Net with a pretrained encoder and a decoder of residual units (Xu, Lu and Li 2018)."""

from typing import Annotated, Literal, cast

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from models.blocks import ResidualUnit, conv_norm_relu, split_by_input
from models.encoders import build_encoder


class ResidualUNet(nn.Module):
    """Encode, narrow by one 1x1 layer, then grow back and join the encoder's map at each scale.

    The decoder's channels halve whenever height and width double, starting from `middle`.

    Input   (B, 3, H, W) float32; H and W are multiples of `stride` = 32.
    Output  (B, 1, H, W) logits.
    Source  Xu, Lu and Li 2018, section 3 and Table 1.
    """

    stride = 32

    def __init__(
        self,
        *,
        encoder: str,
        combine: Literal["concat", "add"],
        middle: Annotated[int, Field(ge=32, le=8192)],
        pretrained: bool,
    ) -> None:
        super().__init__()
        self.encoder = build_encoder(encoder, pretrained=pretrained)
        # An encoder without a map at full size (ResNet) shows the image itself as stride 1.
        channels = cast(list[int], self.encoder.out_channels)
        joined = channels[-2::-1]
        widths = [middle // 2**level for level in range(len(joined) + 1)]
        self.middle = conv_norm_relu(channels[-1], middle, kernel_size=1)
        self.decoder = nn.ModuleList(
            DecoderStage(wide, skip, narrow, combine)
            for wide, skip, narrow in zip(widths[:-1], joined, widths[1:], strict=True)
        )
        self.head = nn.Conv2d(widths[-1], 1, kernel_size=1)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits (B, 1, H, W) of normalised images (B, 3, H, W)."""
        *joined, deepest = self.encoder(image)
        x = self.middle(deepest)  # (B, middle, H/32, W/32)
        for stage, skip in zip(self.decoder, reversed(joined), strict=True):
            x = stage(x, skip)
        logits: Tensor = self.head(x)
        return logits


class DecoderStage(nn.Module):
    """Double the size, join the encoder's map, halve the channels, refine by a residual unit."""

    def __init__(
        self, wide: int, skip: int, narrow: int, combine: Literal["concat", "add"]
    ) -> None:
        super().__init__()
        self.concat = combine == "concat"
        self.reduce = conv_norm_relu(wide + skip if self.concat else wide, narrow, kernel_size=1)
        self.project = nn.Identity() if self.concat else nn.Conv2d(skip, narrow, kernel_size=1)
        self.refine = ResidualUnit(narrow)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Join (B, wide, H, W) and (B, skip, 2H, 2W) to (B, narrow, 2H, 2W)."""
        if self.concat:
            x = self._reduced(x, skip)
        else:
            x = _doubled(self.reduce(x)) + self.project(skip)
        refined: Tensor = self.refine(x)
        return refined

    def _reduced(self, x: Tensor, skip: Tensor) -> Tensor:
        """Return what `reduce` makes of the doubled map and the skip, concatenated.

        A 1x1 convolution and doubling may change places: so there are a quarter as many pixels to
        convolve, and fewer channels to double.
        """
        of_map, of_skip, bias, others = split_by_input(self.reduce, x.shape[1])
        x = _doubled(F.conv2d(x, of_map)) + F.conv2d(skip, of_skip, bias)
        for layer in others:
            x = layer(x)
        return x


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
