"""Depthwise convolutions with a stride: the values and gradients of PyTorch's own."""

from copy import deepcopy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from bench.config.library import load_recipe
from bench.networks.build import build, train_mode
from bench.networks.load import fuse
from models.depthwise import StridedDepthwise, make_depthwise_fast
from tests.models.gradients import gradients

SIDES = st.tuples(st.integers(7, 20), st.integers(7, 20))


@given(
    SIDES, st.sampled_from([1, 3, 5, 7]), st.integers(1, 3), st.integers(0, 6), st.integers(1, 3)
)
def test_values_and_gradients_are_those_of_a_plain_convolution(size, side, down, pad, channels):
    layer = nn.Conv2d(
        channels, channels, side, (down, 2), min(pad, side - 1), groups=channels, bias=False
    ).double()
    fast = make_depthwise_fast(deepcopy(layer))
    assert type(fast) is StridedDepthwise
    image = torch.rand(2, channels, *size, dtype=torch.double, requires_grad=True)
    assert fast.convolve(image).grad_fn.name() == "_ConvolutionBackward"
    fast.forward = fast.convolve  # outside autocast, PyTorch's own is as fast
    for ours, theirs in zip(gradients(fast, image), gradients(layer, image), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_under_autocast_they_are_the_same_but_for_rounding():
    layer = nn.Conv2d(8, 8, 3, 2, 1, groups=8, bias=False)
    image = torch.rand(2, 8, 16, 24, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        values, of_image, of_weight = gradients(layer, image)
        fast = gradients(make_depthwise_fast(deepcopy(layer)), image)
    assert fast[0].dtype == torch.bfloat16 and fast[2].dtype == torch.float32
    assert torch.equal(values, fast[0])
    torch.testing.assert_close(of_image, fast[1], atol=0.02, rtol=0.02)
    torch.testing.assert_close(of_weight, fast[2], atol=0.1, rtol=0.02)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 4, 3, 1, 1, groups=4, bias=False),
        nn.Conv2d(4, 4, 3, 2, 1, bias=False),
        nn.Conv2d(4, 4, 3, 2, 1, groups=4),
        nn.Conv2d(4, 4, 3, 2, 1, dilation=2, groups=4, bias=False),
        nn.Conv2d(4, 8, 3, 2, 1, groups=4, bias=False),
        nn.Conv2d(4, 4, 3, 2, 1, groups=4, bias=False, padding_mode="reflect"),
    ],
)
def test_other_convolutions_stay_as_they_are(layer):
    assert type(make_depthwise_fast(nn.Sequential(layer))[0]) is nn.Conv2d


def test_evaluation_is_pytorchs_own(monkeypatch):
    fast = make_depthwise_fast(nn.Conv2d(4, 4, 3, 2, 1, groups=4, bias=False)).eval()
    image = torch.rand(1, 4, 8, 8)
    exported = torch.export.export(fast, (image,)).module()
    assert torch.equal(exported(image), fast(image))


def test_training_makes_them_fast_and_prediction_still_folds_their_batch_norms():
    network = build(load_recipe("cpu/unet-256x384"), pretrained=False)
    plain = [type(module) for module in fuse(network.eval()).modules()]
    assert nn.BatchNorm2d not in plain
    train_mode(network, [])
    assert sum(type(module) is StridedDepthwise for module in network.modules()) == 4
