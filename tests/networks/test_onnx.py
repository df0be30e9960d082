"""ONNX Runtime computes what the network computes, for every operation, batch and size."""

import onnx
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from bench.networks.engines.onnx import FILES, Converted, convert
from bench.system.errors import BadConfig, BadData, BenchError
from models import networks
from models.interface import channels_of
from tests.smallest import LEARNING, SMALLEST

TOGETHER = ["edge_unet", "extractnet", "maskingnet", "residual_unet"]  # have every operation


def built(name):
    torch.manual_seed(0)
    return networks.build(name, SMALLEST[name]).eval()


def differ(network, converted, shape):
    """The greatest difference of logits, as a share of the greatest logit."""
    images = torch.randn(shape)
    with torch.inference_mode():
        expected = network(images)
        return (converted(images) - expected).abs().max() / expected.abs().max()


class Operations(TorchDispatchMode):
    """The names of the operations inside the block."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.names.add(str(operation))
        return operation(*args, **(kwargs or {}))


def operations(name):
    with torch.device("meta"), torch.inference_mode():
        network = built(name)
        with Operations() as seen:
            network(torch.zeros(1, channels_of(network), 2 * network.stride, 3 * network.stride))
    return seen.names


@pytest.mark.slow
def test_some_networks_have_the_operations_of_all():
    assert set().union(*map(operations, TOGETHER)) == set().union(*map(operations, LEARNING))


@pytest.mark.slow
@pytest.mark.parametrize("name", TOGETHER)
def test_networks_are_the_same_in_any_batch_and_size(name, tmp_path):
    network = built(name)
    stride = network.stride
    convert(network, (2 * stride, 3 * stride), tmp_path)
    converted = Converted(tmp_path, stride)
    for batch, rows, columns in ((1, 2, 3), (3, 2, 3), (2, 3, 4)):
        shape = (batch, channels_of(network), rows * stride, columns * stride)
        assert differ(network, converted, shape) < 1e-4


@pytest.mark.slow
def test_a_static_network_takes_one_image_of_its_size_a_pass(tmp_path):
    network = built("autoencoder")
    stride = network.stride
    convert(network, (2 * stride - 1, 3 * stride), tmp_path, static=True)
    (taken,) = onnx.load(tmp_path / FILES[0]).graph.input
    sides = [each.dim_value for each in taken.type.tensor_type.shape.dim]
    assert sides == [1, 3, 2 * stride, 3 * stride]
    converted = Converted(tmp_path, stride)
    assert differ(network, converted, (2, *sides[1:])) < 1e-4
    with pytest.raises(BadConfig, match=r"alone, not of .* export it again with --onnx free"):
        converted(torch.zeros(1, 3, stride, stride))


def test_the_file_alone_says_what_goes_in_and_is_noticed_when_damaged(tmp_path):
    network = built("autoencoder")
    convert(network, (16, 24), tmp_path)
    path = tmp_path / FILES[0]
    written = onnx.load(path)
    onnx.checker.check_model(written, full_check=True)
    told = {each.key: each.value for each in written.metadata_props}
    assert (told["size"], told["stride"]) == ("16 24", str(network.stride))
    assert told["mean"] == "0.485 0.456 0.406" and "RGB" in told["image"]
    path.write_bytes(path.read_bytes()[:99])
    with pytest.raises(BadData, match=r"network\.onnx: damaged .* export the model again"):
        Converted(tmp_path, network.stride)


def test_what_onnx_cannot_hold_is_refused(tmp_path):
    with pytest.raises(BenchError, match=r"ONNX cannot hold the network of .*without --onnx"):
        convert(networks.build("otsu_watershed", {}), (16, 24), tmp_path)
    assert not list(tmp_path.iterdir())
