"""Upsampling and the convolution after it, as one: the values and gradients of the two."""

from copy import deepcopy

import pytest
import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from bench.config.library import load_recipe
from bench.networks.build import build, train_mode
from bench.networks.load import fuse
from models import upsampling
from models.upsampling import FAST, convolve_upsampled, keep_kernels, make_upsampling_fast

SIDES = st.integers(1, 9)


@pytest.fixture(autouse=True)
def small_images_count(monkeypatch):
    monkeypatch.setattr(upsampling, "LEAST_PIXELS", 1)


def plain(layers, image, skip):
    doubled = F.interpolate(image, scale_factor=2.0)
    return layers(doubled if skip is None else torch.cat([doubled, skip], 1))


def both(layers, image, skip):
    """Return the result and all gradients, ours and those of the two steps one after the other."""
    for forward in (convolve_upsampled, plain):
        seen = [each.clone().requires_grad_() for each in (image, skip) if each is not None]
        layers.zero_grad()
        result = forward(layers, *seen, *[None] * (2 - len(seen)))
        (result * torch.arange(result.numel()).reshape(result.shape).sin()).sum().backward()
        yield [result, *(each.grad for each in [*seen, *layers.parameters()])]


@given(st.integers(1, 3), SIDES, SIDES, st.integers(0, 3), st.booleans())
def test_values_and_gradients_are_those_of_both_steps(batch, height, width, channels, bias):
    layers = nn.Sequential(nn.Conv2d(2 + channels, 4, 3, padding=1, bias=bias), nn.Tanh()).double()
    image = torch.rand(batch, 2, height, width, dtype=torch.double)
    skip = torch.rand(batch, channels, 2 * height, 2 * width, dtype=torch.double)
    for ours, theirs in zip(*both(layers, image, skip if channels else None), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_under_autocast_they_are_the_same_but_for_rounding():
    layers = nn.Sequential(nn.Conv2d(24, 16, 3, padding=1, bias=False))
    with torch.autocast("cpu", torch.bfloat16):
        ours, theirs = both(layers, torch.rand(2, 16, 16, 24), torch.rand(2, 8, 32, 48))
    assert ours[0].dtype == torch.bfloat16
    for ours_of, theirs_of in zip(ours, theirs, strict=True):
        torch.testing.assert_close(
            ours_of, theirs_of, atol=0.02 * theirs_of.abs().max().item(), rtol=0
        )


@pytest.mark.parametrize(
    ("kind", "options", "blocks"),
    [
        (smp.Unet, {}, 5),
        (smp.UnetPlusPlus, {}, 11),
        (smp.Unet, {"decoder_attention_type": "scse"}, 0),
        (smp.Unet, {"decoder_interpolation": "bilinear"}, 0),
    ],
)
def test_networks_compute_the_same(kind, options, blocks):
    slow = kind("mobilenet_v2", encoder_weights=None, **options).eval()
    fast = make_upsampling_fast(deepcopy(slow))
    assert fast_blocks(slow) == 0 and fast_blocks(fast) == blocks
    image = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        torch.testing.assert_close(fast(image), slow(image))


def test_networks_are_fast_where_they_train_and_predict():
    network = build(load_recipe("cpu/unet-256x384"), pretrained=False)
    assert fast_blocks(network) == 0 and fast_blocks(fuse(network.eval())) == 5
    train_mode(network, [])
    assert fast_blocks(network) == 5


@pytest.mark.parametrize("precise", [False, True])
def test_kernels_kept_in_one_precision_serve_in_the_other(monkeypatch, precise):
    torch.manual_seed(0)  # of a few in a hundred networks, bfloat16 differs by more
    network = make_upsampling_fast(smp.Unet("mobilenet_v2", encoder_weights=None)).eval()
    image = torch.rand(1, 3, 64, 96)

    def maps(network):
        for enabled in (precise, not precise):
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=enabled):
                yield network(image)

    expected = list(maps(network))
    kept = keep_kernels(network)
    for _ in range(2):
        for ours, theirs in zip(maps(kept), expected, strict=True):
            assert (ours - theirs).abs().mean() <= 0.02 * theirs.abs().mean()
        monkeypatch.setattr(upsampling, "doubling_kernel", None)  # nothing is made a second time
    kept(image).sum().backward()  # nor is there a trace of where a kernel was made


def fast_blocks(network):
    return sum(isinstance(module, tuple(FAST.values())) for module in network.modules())


def test_a_map_does_not_depend_on_the_photographs_beside_it(monkeypatch):
    monkeypatch.undo()
    network = make_upsampling_fast(smp.Unet("mobilenet_v2", encoder_weights=None)).eval()
    images = torch.rand(4, 3, 128, 192)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        alone = torch.cat([network(image[None]) for image in images])
        assert torch.equal(network(images), alone)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::torch.jit.TracerWarning")
def test_openvino_is_given_the_fast_form_whatever_the_size(monkeypatch):
    monkeypatch.setattr(upsampling, "LEAST_PIXELS", 10**9)
    network = make_upsampling_fast(smp.Unet("mobilenet_v2", encoder_weights=None)).eval()
    traced = str(torch.jit.trace(network, torch.rand(1, 3, 64, 64)).inlined_graph)
    assert "aten::upsample_nearest2d" not in traced


def test_an_image_that_is_not_doubled_is_left_to_the_library():
    network = make_upsampling_fast(smp.Unet("resnet18", encoder_weights=None)).eval()
    block, image = network.decoder.blocks[0], torch.rand(1, 512, 3, 4)
    with torch.inference_mode():
        assert block(image, 5, 8, torch.rand(1, 256, 5, 8)).shape == (1, 256, 5, 8)
