"""The edge network: a map stays until it has learned, and it looks no further than it says."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from models.edge_unet import EdgeUNet, _Join, _separable


def shown(size):
    """What an edge network sees: a photograph, a map, and a band that is everywhere."""
    seen = torch.rand(1, 5, *size)
    seen[:, 4] = 1
    return seen


def test_an_untrained_network_leaves_the_map_and_a_trained_one_what_is_beyond_the_band():
    network, seen = EdgeUNet(width=8, depth=2).eval(), shown((32, 48))
    seen[:, 4, :, 24:] = 0
    before = torch.logit(seen[:, 3:4].clamp(1 / 510, 1 - 1 / 510))
    assert torch.allclose(network(seen), before, atol=1e-5)
    before = network(seen)
    torch.nn.init.normal_(network.head.weight)
    moved = network(seen) != before
    assert moved[..., :24].float().mean() > 0.9 and not moved[..., 24:].any()


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_no_logit_depends_on_what_lies_beyond_the_margin(depth):
    torch.manual_seed(0)
    network = EdgeUNet(width=8, depth=depth).double().eval()
    torch.nn.init.normal_(network.head.weight)
    side = 2 * network.margin + network.stride
    seen, other = (shown((side, side)).double() for _ in range(2))
    middle, before = network.margin, network(seen)
    assert middle % network.stride == 0  # so that tiles are pooled as the photograph is
    for reach, same in ((network.margin, True), (network.margin // 4, False)):
        near = slice(middle - reach, middle + reach + 1)
        changed = other.clone()
        changed[..., near, near] = seen[..., near, near]
        there = network(changed)[..., middle, middle]
        assert torch.equal(there, before[..., middle, middle]) == same


@pytest.mark.parametrize("bias", [False, True])  # with batch norms folded in, there is one
def test_joining_is_a_convolution_of_the_doubled_map_and_the_skip_side_by_side(bias):
    layers = _separable(4 + 3, 3).double()
    layers[1][0] = nn.Conv2d(7, 3, 1, bias=bias).double()
    coarse, skip = torch.rand(2, 4, 5, 6).double(), torch.rand(2, 3, 10, 12).double()
    expected = layers(torch.cat([F.interpolate(coarse, scale_factor=2.0), skip], dim=1))
    torch.testing.assert_close(_Join(layers)(coarse, skip), expected)
