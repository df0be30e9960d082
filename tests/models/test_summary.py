"""Operations of a network against a count by hand and the published figures."""

import pytest
import torch
from torch import nn

from models import networks
from models.interface import parameter_count
from models.summary import gflops, layers


class Tiny(nn.Module):
    """A 3x3 convolution from 3 to 8 channels and a 1x1 one from 8 to 1."""

    stride = 4

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 1))

    def forward(self, image):
        return self.layers(image)


def test_operations_by_hand_and_the_network_is_left_alone():
    network = Tiny()
    padded = 8 * 12  # pixels of 6x10, padded to the stride
    assert gflops(network, (6, 10)) == pytest.approx(2 * padded * (27 * 8 + 8) / 1e9)
    assert network.training
    assert network.layers[0].weight.device.type == "cpu"


def test_a_member_of_xu_costs_what_is_known_of_it():
    options = {"encoder": "vgg16_bn", "combine": "concat", "middle": 512, "pretrained": False}
    with torch.device("meta"):
        network = networks.build("residual_unet", options)
    assert 700 < gflops(network, (1024, 1024)) < 790


RESNET18 = {"encoder": "resnet18", "pretrained": False}
CONCAT = {"combine": "concat", "middle": 32}


@pytest.mark.parametrize(
    ("name", "options", "first"),
    [
        ("zoo", {"decoder": "unet", **RESNET18}, ("encoder.conv1", (1, 64, 32, 48))),
        ("residual_unet", {**CONCAT, **RESNET18}, ("encoder.conv1", (1, 64, 32, 48))),
        ("edge_unet", {"width": 8}, ("down.0.0.0", (1, 8, 32, 48))),
    ],
)
def test_layers_hold_every_parameter_once_and_end_in_the_map(name, options, first):
    network = networks.build(name, options)
    found = layers(network, (64, 96))
    assert sum(layer.parameters for layer in found) == parameter_count(network)
    assert (found[0].name, found[0].output) == first
    assert found[-1].output in {(1, 1, 64, 96), (1, 4, 32, 48)}  # an edge network's cells
    assert next(network.parameters()).device.type == "cpu"  # the network itself is left alone


def test_a_layer_that_works_twice_is_counted_once():
    class Twice(torch.nn.Module):
        stride = 1

        def __init__(self):
            super().__init__()
            self.same = torch.nn.Conv2d(3, 3, 1)

        def forward(self, image):
            return self.same(self.same(image))[:, :1]

    assert [layer.parameters for layer in layers(Twice(), (4, 6))] == [12, 0]
