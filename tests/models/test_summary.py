"""Operations of a network against a count by hand and the published figures."""

import pytest
import torch
from torch import nn

import models
from models.summary import gflops


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
        network = models.build("residual_unet", options)
    assert 700 < gflops(network, (1024, 1024)) < 790
