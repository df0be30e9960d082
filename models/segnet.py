"""SegNet for one foreground class (Badrinarayanan, Kendall and Cipolla 2015)."""

from torch import Tensor, nn

from models.blocks import convolutions, foreground_logit
from models.vgg import PoolingEncoder, unpool

WIDTHS = ((512, 512, 512), (512, 512, 256), (256, 256, 128), (128, 64), (64,))  # coarse to fine


class SegNet(nn.Module):
    """VGG-16 and its mirror, which puts each value back where pooling found it.

    Input   (B, 3, H, W) float32; H and W are multiples of `stride` = 32.
    Output  (B, 1, H, W) logits.
    Source  arXiv:1511.00561; the row "SegNet" of MaskingNet's table, 29,444,162 parameters.
    """

    stride = 32

    def __init__(self, *, pretrained: bool) -> None:
        super().__init__()
        self.encoder = PoolingEncoder(channels=3, pretrained=pretrained)
        before = (512, *(widths[-1] for widths in WIDTHS))
        self.decoder = nn.ModuleList(map(convolutions, before, WIDTHS))
        self.head = nn.Conv2d(64, 2, kernel_size=3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits (B, 1, H, W) of normalised images (B, 3, H, W)."""
        x, _, places = self.encoder(image)  # (B, 512, H/32, W/32)
        for stage, indices in zip(self.decoder, reversed(places), strict=True):
            x = stage(unpool(x, indices))
        return foreground_logit(self.head(x))
