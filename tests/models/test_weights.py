"""Files that are taken for weights are named as what they are, with a cure."""

import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file

from bench.config.layout import TrainingFolder
from bench.config.recipe import Network
from bench.networks.build import build
from bench.networks.load import load_network, start_from
from bench.system.errors import BadConfig, BadFile, Missing
from models.pretrained import WEIGHTS_DIR
from models.weights import BadWeights, disguised, read_weights
from tests.tiny import RECIPE

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
KINDS = {
    "empty": (lambda path: path.write_bytes(b""), "the file is empty", "download it again"),
    "pointer": (lambda path: path.write_bytes(POINTER), "a pointer of Git LFS", "git lfs pull"),
    "page": (
        lambda path: path.write_text("\n<!DOCTYPE html><html>log in</html>"),
        "a page of the web",
        "download the file itself",
    ),
    "error of a store": (
        lambda path: path.write_text('<?xml version="1.0"?><Error>AccessDenied</Error>'),
        "a page of the web",
        "download the file itself",
    ),
    "zipped pickle": (
        lambda path: torch.save({"a": torch.zeros(3)}, path),
        "a pickle",
        "safetensors.torch.save_file(torch.load(FILE, weights_only=True)",
    ),
    "bare pickle": (lambda path: path.write_bytes(pickle.dumps({"a": 1})), "a pickle", "convert"),
    "cut": (lambda path: cut(path, 5000), "cut short: 5,000 of 40,", "download it again"),
    "cut in its header": (lambda path: cut(path, 20), "not a whole safetensors file", "again"),
    "noise": (lambda path: path.write_bytes(bytes(range(200))), "not a whole saf", "again"),
}


def cut(path, size):
    save_file({"a": torch.zeros(10_000)}, path)
    path.write_bytes(path.read_bytes()[:size])


@pytest.fixture(params=KINDS)
def bad(request, tmp_path):
    """A file that holds no weights, what is wrong with it, and the cure."""
    write, what, cure = KINDS[request.param]
    path = tmp_path / "mobilenet_v2.safetensors"
    write(path)
    return path, what, cure


def test_what_is_no_file_of_weights_is_named(bad):
    path, what, cure = bad
    with pytest.raises(BadWeights) as refused:
        read_weights(path)
    assert str(refused.value).startswith(f"{path}: {what}")
    assert cure in refused.value.cure


def test_the_weights_of_an_encoder_are_named_with_file_and_cure(bad, monkeypatch):
    path, what, cure = bad
    monkeypatch.setenv(WEIGHTS_DIR, str(path.parent))
    options = {"decoder": "unet", "encoder": "mobilenet_v2", "pretrained": True}
    recipe = RECIPE.model_copy(update={"network": Network(name="zoo", **options)})
    with pytest.raises(BadFile) as refused:
        build(recipe)
    assert str(refused.value).startswith(f"{path}: {what}")
    assert cure in str(refused.value)


def test_the_weights_to_start_from_are_named_with_file_and_cure(bad):
    path, what, cure = bad
    with pytest.raises(BadFile) as refused:
        start_from(torch.nn.Conv2d(3, 1, 1), path)
    assert str(refused.value).startswith(f"{path}: start_from: {what}")
    assert cure in str(refused.value)


def test_trained_weights_are_named_with_file_and_cure(bad):
    path, what, _ = bad
    folder = TrainingFolder(path.parent)
    path.rename(folder.weights)
    with pytest.raises(BadFile, match="train the suite again") as refused:
        load_network(RECIPE, folder)
    assert str(refused.value).startswith(f"{folder.weights}: {what}")


def test_weights_that_are_whole_are_read_and_no_disguise(tmp_path):
    for names in (["a"], [f"layer{number}" for number in range(30)]):  # headers of all lengths
        path = tmp_path / "whole.safetensors"
        save_file({name: torch.arange(5.0) for name in names}, path)
        assert disguised(path) is None
        assert read_weights(path).keys() == load_file(path).keys()


def test_a_folder_of_weights_that_is_not_there_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv(WEIGHTS_DIR, str(tmp_path / "wieghts"))
    options = {"decoder": "unet", "encoder": "mobilenet_v2", "pretrained": True}
    recipe = RECIPE.model_copy(update={"network": Network(name="zoo", **options)})
    with pytest.raises(Missing, match=r"names .*wieghts, and there is no such folder"):
        build(recipe)


@pytest.mark.parametrize(
    "options",
    [
        {"decoder_channels": [-1, 1, 1, 1, 1]},
        {"decoder_channels": [float("nan")] * 5},
        {"encoder_depth": 99},
        {"in_channels": -3},
        {"decoder_channels": 7},
    ],
)
def test_an_option_that_no_network_can_be_built_of_is_wrong_config(options):
    network = Network(**(RECIPE.network.model_dump() | options))
    with pytest.raises(BadConfig, match="recipe it: network: "):
        build(RECIPE.model_copy(update={"network": network}).named("it"))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("maskingnet", {"coordinates": "middle", "pretrained": False, "dilation": 0}),
        ("residual_unet", {"encoder": "resnet18", "combine": "add", "pretrained": False,
                           "middle": 7}),
    ],
)  # fmt: skip
def test_an_option_out_of_range_is_named_with_its_value(name, options):
    network = Network(name=name, **options)
    with pytest.raises(
        BadConfig, match=f"is {list(options.values())[-1]}: Input should be greater"
    ):
        build(RECIPE.model_copy(update={"network": network}))
