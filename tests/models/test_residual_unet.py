"""The residual U-Net is that of the leaderboard's third place."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from models import networks
from models.interface import parameter_count
from models.residual_unet import DecoderStage
from tests.smallest import SMALLEST


@pytest.mark.parametrize(
    ("encoder", "combine", "middle", "millions"),
    [
        ("vgg16_bn", "concat", 512, 16.953329),
        ("resnet50", "concat", 1024, 33.289217),
        ("resnet50", "add", 1024, 33.290209),
    ],
)
def test_residual_unet_has_the_size_that_the_leaderboard_says(encoder, combine, middle, millions):
    options = {"encoder": encoder, "combine": combine, "middle": middle, "pretrained": False}
    with torch.device("meta"):
        network = networks.build("residual_unet", options)
    assert parameter_count(network) == round(millions * 1e6)


def test_residual_unet_halves_channels_as_size_doubles():
    network = networks.build("residual_unet", SMALLEST["residual_unet"])
    widths = [stage.refine.first[0].out_channels for stage in network.decoder]
    assert widths == [32, 16, 8, 4, 2]


@pytest.mark.parametrize("bias", [False, True])  # with batch norms folded in, there is one
def test_joining_is_a_convolution_of_the_doubled_map_and_the_skip_side_by_side(bias):
    stage = DecoderStage(4, 3, 2, "concat").double()
    stage.reduce[0] = nn.Conv2d(7, 2, 1, bias=bias).double()
    x, skip = torch.rand(2, 4, 5, 6).double(), torch.rand(2, 3, 10, 12).double()
    doubled = F.interpolate(x, scale_factor=2, mode="bilinear")
    expected = stage.refine(stage.reduce(torch.cat([doubled, skip], dim=1)))
    torch.testing.assert_close(stage(x, skip), expected)
