"""Networks: every listed one keeps the grid, learns, and survives saving; errors name the cure."""

import pytest
import torch
from safetensors.torch import load, save

import models
from bench.networks.load import folded
from models.encoders import WEIGHTS_DIR, MissingWeights, local_weights
from models.interface import padded_forward, parameter_count

LEARNING = [name for name in models.NETWORKS if name != "otsu_watershed"]
SMALLEST = {  # options that make each network small enough for a test
    "autoencoder": {"skips": True},
    "deep_unet": {},
    "extractnet": {
        "encoder": "mobilenet_v2",
        "layers": 7,
        "skips": True,
        "norm": True,
        "activation": "prelu",
        "pretrained": False,
    },
    "maskingnet": {"coordinates": "middle", "dilation": 2, "pretrained": False},
    "otsu_watershed": {},
    "residual_unet": {
        "encoder": "mobilenet_v2",
        "combine": "add",
        "middle": 64,
        "pretrained": False,
    },
    "segnet": {"pretrained": False},
    "unet": {"pretrained": False},
    "vgg_unet": {"pretrained": False},
    "zoo": {"decoder": "unet", "encoder": "mobilenet_v2", "pretrained": False},
}


@pytest.mark.parametrize("name", LEARNING)
def test_network_keeps_an_odd_grid_and_every_parameter_learns(name):
    network = models.build(name, SMALLEST[name])
    logits = padded_forward(network, torch.randn(2, 3, 33, 50))
    assert logits.shape == (2, 1, 33, 50)
    logits.square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.slow
@pytest.mark.parametrize("name", models.NETWORKS)
def test_network_survives_saving_bit_for_bit(name):
    network = models.build(name, SMALLEST[name]).eval()
    with torch.device("meta"):
        again = models.build(name, SMALLEST[name]).eval()
    again.load_state_dict(load(save(network.state_dict())), assign=True)
    image = torch.randn(1, 3, network.stride, 2 * network.stride)
    assert torch.equal(network(image), again(image))


@pytest.mark.slow
@pytest.mark.parametrize("name", LEARNING)
def test_folding_batch_norms_changes_no_more_than_rounding(name):
    network = models.build(name, SMALLEST[name])
    padded_forward(network, torch.rand(4, 3, 64, 96))  # moves the running statistics
    found = folded(network.eval())
    for size in ((33, 50), (64, 96)):
        image = torch.rand(1, 3, *size)
        wanted = padded_forward(network, image)
        apart = (padded_forward(found, image) - wanted).abs().mean()  # a few indices may change
        assert apart < 1e-4 * wanted.abs().mean()


def test_folding_leaves_no_batch_norm_behind_a_convolution_and_the_network_as_it_was():
    network = models.build("zoo", SMALLEST["zoo"])
    norms = sum(isinstance(each, torch.nn.BatchNorm2d) for each in network.modules())
    found = folded(network.eval())
    assert not any(isinstance(each, torch.nn.BatchNorm2d) for each in found.modules())
    assert sum(isinstance(each, torch.nn.BatchNorm2d) for each in network.modules()) == norms
    assert found.stride == network.stride


def test_a_network_whose_path_depends_on_its_input_is_not_folded():
    class Chooses(torch.nn.Module):
        stride = 1

        def forward(self, image):
            return image[:, :1] if image.mean() > 0 else image[:, 1:2]

    network = Chooses()
    assert folded(network) is network


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
    assert folded(network.eval()) is network


def test_an_encoder_that_torch_fx_stumbles_over_is_not_folded():
    network = models.build("zoo", SMALLEST["zoo"] | {"encoder": "dpn68"}).eval()
    assert folded(network) is network


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
        network = models.build("residual_unet", options)
    assert parameter_count(network) == round(millions * 1e6)


def test_residual_unet_halves_channels_as_size_doubles():
    network = models.build("residual_unet", SMALLEST["residual_unet"])
    widths = [stage.refine.first[0].out_channels for stage in network.decoder]
    assert widths == [32, 16, 8, 4, 2]


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("residual_net", {}, "nearest: residual_unet"),
        ("zoo", {"decoder": "unett", "encoder": "resnet18", "pretrained": False}, "nearest: unet"),
        ("zoo", {"decoder": "unet", "encoder": "resnet51", "pretrained": False}, "resnet50"),
        ("residual_unet", {"widht": 3}, "unexpected keyword argument 'widht'"),
    ],
)
def test_unknown_names_are_answered_with_the_nearest(name, options, told):
    with pytest.raises(ValueError, match=told):
        models.build(name, options)


def test_missing_weights_are_an_error_and_never_a_random_start(monkeypatch, tmp_path):
    monkeypatch.setenv(WEIGHTS_DIR, str(tmp_path))
    monkeypatch.setattr("models.encoders._hub_weights", no_network)
    with pytest.raises(MissingWeights, match="unreachable"):
        models.build("zoo", {"decoder": "unet", "encoder": "mobilenet_v2", "pretrained": True})


def no_network(name):
    raise MissingWeights(f"{name} unreachable")


def test_local_weights_fill_the_encoder(monkeypatch, weights_folder):
    monkeypatch.setenv(WEIGHTS_DIR, str(weights_folder))
    options = {"decoder": "unet", "encoder": "mobilenet_v2", "pretrained": True}
    given = load(local_weights("mobilenet_v2").read_bytes())
    found = models.build("zoo", options).encoder.state_dict()
    assert all(torch.equal(found[key], given[key].to(found[key].dtype)) for key in found)


def test_local_weights_of_another_encoder_are_refused(monkeypatch, tmp_path):
    (tmp_path / "mobilenet_v2.safetensors").write_bytes(save({"features": torch.zeros(3)}))
    monkeypatch.setenv(WEIGHTS_DIR, str(tmp_path))
    with pytest.raises(ValueError, match="tensors do not fit"):
        models.build("zoo", {"decoder": "unet", "encoder": "mobilenet_v2", "pretrained": True})
