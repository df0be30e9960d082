"""Networks made ready to predict: batch norms are fused where that is safe."""

import pytest
import torch

from bench.networks.load import fuse_batch_norms
from models import networks
from models.interface import channels_of, padded_forward
from tests.smallest import LEARNING, SMALLEST


@pytest.mark.slow
@pytest.mark.parametrize("name", LEARNING)
def test_folding_batch_norms_changes_no_more_than_rounding(name):
    torch.manual_seed(0)  # of some networks and images, SegNet's pooling indices change widely
    network = networks.build(name, SMALLEST[name])
    padded_forward(
        network, torch.rand(4, channels_of(network), 64, 96)
    )  # moves the running statistics
    fused = fuse_batch_norms(network.eval())
    assert fused is not network
    for size in ((33, 50), (64, 96)):
        image = torch.rand(1, channels_of(network), *size)
        expected = padded_forward(network, image)
        difference = (padded_forward(fused, image) - expected).abs().mean()  # indices may change
        assert difference < 1e-4 * expected.abs().mean()


def test_folding_leaves_no_batch_norm_behind_a_convolution_and_the_network_as_it_was():
    network = networks.build("zoo", SMALLEST["zoo"])
    norms = sum(isinstance(each, torch.nn.BatchNorm2d) for each in network.modules())
    fused = fuse_batch_norms(network.eval())
    assert not any(isinstance(each, torch.nn.BatchNorm2d) for each in fused.modules())
    assert sum(isinstance(each, torch.nn.BatchNorm2d) for each in network.modules()) == norms
    assert fused.stride == network.stride


def test_a_network_whose_path_depends_on_its_input_is_not_folded():
    class Chooses(torch.nn.Module):
        stride = 1

        def forward(self, image):
            return image[:, :1] if image.mean() > 0 else image[:, 1:2]

    network = Chooses()
    assert fuse_batch_norms(network) is network


def test_a_network_that_calls_a_convolution_twice_is_not_folded():
    """torch.fx would multiply the batch norm into the convolution once for each call."""

    class Twice(torch.nn.Module):
        stride = 1

        def __init__(self):
            super().__init__()
            self.convolution, self.norm = torch.nn.Conv2d(3, 3, 1), torch.nn.BatchNorm2d(3)

        def forward(self, image):
            for _ in range(2):
                image = self.norm(self.convolution(image))
            return image

    network = Twice()
    network(torch.randn(4, 3, 8, 8) * 5 + 3)
    assert fuse_batch_norms(network.eval()) is network


def test_an_encoder_that_torch_fx_stumbles_over_is_not_folded():
    network = networks.build("zoo", SMALLEST["zoo"] | {"encoder": "dpn68"}).eval()
    assert fuse_batch_norms(network) is network
