"""Convolutions whose kernels' gradients come fast: the values and gradients of PyTorch's own."""

from copy import deepcopy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from bench.config.library import load_recipe
from bench.networks.build import build, train_mode
from bench.networks.load import fuse
from models import kernel_gradients
from models.kernel_gradients import FAST, make_kernel_gradients_fast
from tests.models.gradients import gradients

SIDES = st.tuples(st.integers(9, 16), st.integers(9, 16))
BOTH = st.booleans()
PAIRS = st.tuples(st.integers(1, 2), st.integers(1, 2))


@pytest.fixture(autouse=True)
def slow_processor(monkeypatch):
    monkeypatch.setattr(kernel_gradients, "SLOW", True)
    monkeypatch.setattr(kernel_gradients, "LEAST_CHANNELS", 2)
    monkeypatch.setattr(kernel_gradients, "LEAST_NUMBERS", 100)


@pytest.mark.parametrize("kind", FAST)
@given(st.data())
def test_values_and_gradients_are_those_of_a_plain_convolution(kind, data):
    size, side, bias, first = data.draw(st.tuples(SIDES, st.integers(2, 4), BOTH, BOTH))
    stride, dilation, padding = data.draw(st.tuples(PAIRS, PAIRS, st.integers(0, side - 1)))
    layer = kind(2, 3, side, stride, padding, dilation=dilation, bias=bias).double()
    fast = make_kernel_gradients_fast(deepcopy(layer))
    assert type(fast) is FAST[kind]
    image = torch.rand(2, 2, *size, dtype=torch.double).to(memory_format=torch.channels_last)
    image.requires_grad_(not first)  # the first layer's image asks for no gradient
    for ours, theirs in zip(gradients(fast, image), gradients(layer, image), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_kernels_ask_for_their_gradients_in_planes_and_images_in_pixels(monkeypatch):
    fast = make_kernel_gradients_fast(nn.Conv2d(8, 8, 3, padding=1))
    image = torch.rand(1, 8, 6, 6).to(memory_format=torch.channels_last)
    asked = []
    backward = torch.ops.aten.convolution_backward

    def noted(gradient, image, *others):
        asked.append((image.is_contiguous(), others[-1]))
        return backward(gradient, image, *others)

    monkeypatch.setattr(torch.ops.aten, "convolution_backward", noted)
    gradients(fast, image.requires_grad_())
    assert asked == [(False, [True, False, False]), (True, [False, True, True])]


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 4, 3, groups=4),
        nn.Conv2d(4, 4, 3, padding="same"),
        nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
    ],
)
def test_other_convolutions_stay_as_they_are(layer):
    assert type(make_kernel_gradients_fast(nn.Sequential(layer))[0]) is nn.Conv2d


@pytest.mark.parametrize(
    "why", ["1x1", "few channels", "small image", "bf16", "AVX-512", "no gradient"]
)
def test_pytorchs_own_gradients_are_used_where_they_are_fast(monkeypatch, why):
    monkeypatch.setattr(kernel_gradients, "_Convolution", None)
    monkeypatch.setattr(kernel_gradients, "SLOW", why != "AVX-512")
    layer = nn.Conv2d(1 if why == "few channels" else 4, 4, 1 if why == "1x1" else 3)
    fast = make_kernel_gradients_fast(layer).requires_grad_(why != "no gradient")
    image = torch.rand(1, layer.in_channels, *((4, 4) if why == "small image" else (12, 12)))
    with torch.autocast("cpu", torch.bfloat16, enabled=why == "bf16"):
        assert fast(image).requires_grad == (why != "no gradient")


def test_an_output_size_is_pytorchs_own():
    fast = make_kernel_gradients_fast(nn.ConvTranspose2d(2, 3, 2, 2))
    assert fast(torch.rand(1, 2, 4, 4), output_size=[9, 9]).shape == (1, 3, 9, 9)


def test_training_makes_them_fast_and_prediction_still_folds_their_batch_norms():
    network = build(load_recipe("cpu/unet-256x384"), pretrained=False)
    train_mode(network, [])
    assert any(type(module) in FAST.values() for module in network.modules())
    assert nn.BatchNorm2d not in [type(module) for module in fuse(network.eval()).modules()]
