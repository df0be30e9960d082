"""Networks: every listed one keeps the grid, learns, and survives saving; errors name the cure."""

import pytest
import torch
from safetensors.torch import load, save

from models import networks, zoo
from models.interface import channels_of, padded_forward
from tests.smallest import LEARNING, SMALLEST

RESNET18 = {"decoder": "unet", "encoder": "resnet18", "pretrained": False}


@pytest.mark.parametrize("name", LEARNING)
def test_network_keeps_an_odd_grid_and_every_parameter_learns(name):
    network = networks.build(name, SMALLEST[name])
    logits = padded_forward(network, torch.randn(2, channels_of(network), 33, 50))
    assert logits.shape == (2, 1, 33, 50)
    logits.square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.slow
@pytest.mark.parametrize("name", networks.NETWORKS)
def test_network_survives_saving_bit_for_bit(name):
    network = networks.build(name, SMALLEST[name]).eval()
    with torch.device("meta"):
        again = networks.build(name, SMALLEST[name]).eval()
    again.load_state_dict(load(save(network.state_dict())), assign=True)
    image = torch.randn(1, channels_of(network), network.stride, 2 * network.stride)
    assert torch.equal(network(image), again(image))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("residual_net", {}, "nearest: residual_unet"),
        ("zoo", {**RESNET18, "decoder": "unett"}, "nearest: unet"),
        ("zoo", {**RESNET18, "encoder": "resnet51"}, "resnet50"),
        ("zoo", {**RESNET18, "decoder_chanels": [8]}, "nearest: decoder_channels"),
        ("residual_unet", {"widht": 3}, "unexpected keyword argument 'widht'"),
    ],
)
def test_unknown_names_are_answered_with_the_nearest(name, options, message):
    with pytest.raises(ValueError, match=message):
        networks.build(name, options)


@pytest.mark.parametrize("encoder", ["resnet18", "tu-test_efficientnet"])
@pytest.mark.parametrize("option", sorted(zoo.FIXED))
def test_no_option_of_the_zoo_breaks_one_logit_a_pixel(encoder, option):
    with pytest.raises(ValueError, match=f"option '{option}' cannot be set"):
        networks.build("zoo", {**RESNET18, "encoder": encoder, option: 4})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"coordinates": "centre", "dilation": 1}, "coordinates is 'centre'.*'none', 'input'"),
        ({"coordinates": "none", "dilation": "2"}, "dilation is '2': .*integer"),
        ({"coordinates": "none"}, "missing.*'dilation'"),
    ],
)
def test_values_that_an_option_does_not_allow_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        networks.build("maskingnet", {"pretrained": False, **options})
