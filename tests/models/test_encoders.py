"""Pretrained weights: local files fill an encoder, and what is missing is never drawn at random."""

import pytest
import torch
from accelerate import init_empty_weights
from safetensors.torch import load, save, save_file
from torch import nn
from torchvision.models.segmentation import deeplabv3_resnet50

from bench.config.library import load_recipe
from bench.networks.build import build
from models import networks
from models.encoders import build_encoder
from models.pretrained import FIXED_ENCODERS, WEIGHTS_DIR, MissingWeights, local_weights
from tests.smallest import SMALLEST


def test_missing_weights_are_an_error_and_never_a_random_start(monkeypatch, tmp_path):
    monkeypatch.setenv(WEIGHTS_DIR, str(tmp_path))
    monkeypatch.setattr("models.encoders._hub_weights", no_network)
    with pytest.raises(MissingWeights, match="unreachable"):
        networks.build("zoo", {"decoder": "unet", "encoder": "mobilenet_v2", "pretrained": True})


def no_network(name):
    raise MissingWeights(f"{name} unreachable")


def test_local_weights_fill_the_encoder(monkeypatch, weights_folder):
    monkeypatch.setenv(WEIGHTS_DIR, str(weights_folder))
    options = {"decoder": "unet", "encoder": "mobilenet_v2", "pretrained": True}
    given = load(local_weights("mobilenet_v2").read_bytes())
    found = networks.build("zoo", options).encoder.state_dict()
    assert all(torch.equal(found[key], given[key].to(found[key].dtype)) for key in found)


@pytest.mark.slow
def test_weights_of_torchvision_s_segmentation_networks_fill_the_encoder(monkeypatch, tmp_path):
    trained = deeplabv3_resnet50(weights=None, weights_backbone=None).backbone.state_dict()
    save_file(trained, tmp_path / "resnet50.safetensors")  # as docs/suites.md says
    monkeypatch.setenv(WEIGHTS_DIR, str(tmp_path))
    found = build_encoder("resnet50", pretrained=True).state_dict()
    assert found.keys() == trained.keys()
    assert all(torch.equal(found[key], trained[key]) for key in found)


def test_of_several_files_of_weights_none_is_chosen(monkeypatch, tmp_path):
    for kind in ("coco", "imagenet"):
        (tmp_path / f"mobilenet_v2.{kind}.safetensors").touch()
    monkeypatch.setenv(WEIGHTS_DIR, str(tmp_path))
    with pytest.raises(MissingWeights, match=r"_v2\.coco\..*, mobilenet_v2\.imagenet.*: leave one"):
        networks.build("zoo", {"decoder": "unet", "encoder": "mobilenet_v2", "pretrained": True})


def test_local_weights_of_another_encoder_are_refused(monkeypatch, tmp_path):
    (tmp_path / "mobilenet_v2.safetensors").write_bytes(save({"features": torch.zeros(3)}))
    monkeypatch.setenv(WEIGHTS_DIR, str(tmp_path))
    with pytest.raises(ValueError, match="tensors do not fit"):
        networks.build("zoo", {"decoder": "unet", "encoder": "mobilenet_v2", "pretrained": True})


@pytest.mark.parametrize("name", [name for name in SMALLEST if "pretrained" in SMALLEST[name]])
def test_of_every_network_it_is_known_whose_weights_it_starts_from(name, monkeypatch):
    asked = list[str]()
    for module in ("encoders", "zoo"):
        monkeypatch.setattr(f"models.{module}.load_pretrained", lambda _, name: asked.append(name))
    with init_empty_weights():
        networks.build(name, SMALLEST[name] | {"pretrained": True})
    assert asked == [SMALLEST[name].get("encoder") or FIXED_ENCODERS[name]]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "layers"), [("unet", 8), ("architecture2", 10)])
def test_vgg16_fills_the_first_convolutions(name, layers, monkeypatch, tmp_path):
    with init_empty_weights():
        encoder = build_encoder("vgg16", pretrained=False)
    given = {
        key: torch.full(value.shape, float(number), dtype=torch.float16)
        for number, (key, value) in enumerate(encoder.state_dict().items())
    }
    save_file(given, tmp_path / "vgg16.safetensors")
    monkeypatch.setenv(WEIGHTS_DIR, str(tmp_path))
    network = build(load_recipe(f"maskingnet/{name}-512x512"))
    filled = [
        convolution.weight[:, :3].unique().tolist()
        for convolution in network.encoder.modules()
        if isinstance(convolution, nn.Conv2d)
    ]
    wanted = [[2.0 * number] for number in range(10)]  # a weight, then its bias, are numbered
    if name == "unet":  # has two convolutions where VGG-16 has three
        wanted = wanted[:6] + wanted[7:9]
    assert len(wanted) == layers
    assert filled[:layers] == wanted
    assert all(len(values) > 1 for values in filled[layers:])
