"""Networks made ready to predict: batch norms are fused where that is safe."""

import pytest
import torch

from bench.networks import load
from bench.networks.load import fuse
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
    fused = fuse(network.eval())
    assert fused is not network
    for size in ((33, 50), (64, 96)):
        image = torch.rand(1, channels_of(network), *size)
        expected = padded_forward(network, image)
        difference = (padded_forward(fused, image) - expected).abs().mean()  # indices may change
        assert difference < 1e-4 * expected.abs().mean()


def test_networks_are_compared_on_the_device_that_they_are_on(monkeypatch):
    seen = []
    monkeypatch.setattr(load, "agree", lambda _, __, images: not seen.append(images.device.type))
    with torch.device("meta"):
        network = networks.build("autoencoder", SMALLEST["autoencoder"]).eval()
    fuse(network)
    assert seen == ["meta"]


@pytest.mark.parametrize("decoder", ["unet", "linknet"])
@pytest.mark.parametrize("encoder", ["mobilenet_v2", "tu-test_efficientnet"])
def test_folding_leaves_no_batch_norm_behind_a_convolution_and_the_network_as_it_was(
    decoder, encoder
):
    network = networks.build("zoo", SMALLEST["zoo"] | {"decoder": decoder, "encoder": encoder})
    norms = sum(isinstance(each, torch.nn.BatchNorm2d) for each in network.modules())
    fused = fuse(network.eval())
    assert not any(isinstance(each, torch.nn.BatchNorm2d) for each in fused.modules())
    assert sum(isinstance(each, torch.nn.BatchNorm2d) for each in network.modules()) == norms
    assert fused.stride == network.stride


class Listed(torch.nn.Module):
    """A convolution and a batch norm in its list of parts, one after the other."""

    stride = 1

    def __init__(self, channels=3):
        super().__init__()
        self.convolution = torch.nn.Conv2d(3, 3, 1)
        self.norm = torch.nn.BatchNorm2d(channels)


class NormFirst(Listed):
    def forward(self, image):
        return self.convolution(self.norm(image))


class ConvolutionAlone(Listed):
    def forward(self, image):
        return image + self.norm(image) + self.convolution(image)


class NormOfBoth(Listed):
    def forward(self, image):
        return self.norm(torch.cat([image, self.convolution(image)], 1))


@pytest.mark.parametrize("network", [NormFirst(), ConvolutionAlone(), NormOfBoth(6)])
def test_a_batch_norm_that_is_listed_behind_a_convolution_it_does_not_follow_stays(network):
    network(torch.randn(4, 3, 8, 8) * 5 + 3)
    image = torch.randn(1, 3, 8, 8)
    expected = network.eval()(image)
    assert torch.equal(fuse(network)(image), expected)
