"""Convert a trained network to OpenVINO's format, and run it there on a CPU (extra `export`).

In float32, or with products in int8 that NNCF fits to photographs.

Reads and writes  network.xml, and network.bin beside it.
"""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from torch import Tensor, nn

from bench.masks.types import Size
from bench.networks.engines.quiet import silencing
from bench.system.environment import lacks_extra
from bench.system.errors import BadData, BenchError, memory_is_full
from models.interface import channels_of, stride_of
from models.upsampling import make_upsampling_fast

FILES = ("network.xml", "network.bin")


def convert(network: nn.Module, size: Size, folder: Path) -> None:
    """Write a network as FILES into a folder that exists; its weights stay float32.

    Args:
        network: maps (B, C, H, W) to (B, 1, H, W), for H and W that its `stride` divides.
        size: height x width of the image with which the network is traced.

    Raises:
        Missing: OpenVINO is not installed.
        BenchError: the network has an operation that OpenVINO does not know.
    """
    library, model = _library(), _model(network, size, folder)
    library.save_model(model, folder / FILES[0], compress_to_fp16=False)


def convert_to_int8(network: nn.Module, images: Tensor, folder: Path) -> None:
    """Write a network as FILES into a folder that exists; most of its products are of int8.

    Weights have a scale for each channel, and activations one for each layer, which fits what the
    network computes of the images; then biases take back what this moves the layers' means by
    (NNCF's post-training quantisation).

    Args:
        network: as of `convert`.
        images: float32 (B, C, H, W), normalised; H and W are multiples of the `stride`.

    Raises:
        Missing: OpenVINO or NNCF is not installed.
        BenchError: the network has an operation that OpenVINO does not know.
    """
    nncf, size = _library("nncf", "NNCF"), (images.shape[2], images.shape[3])
    model = _model(network, size, folder)
    model.reshape([1, *images.shape[1:]])
    with _refusing(folder):
        quantised = nncf.quantize(
            model,
            nncf.Dataset(images, lambda image: image[None].contiguous().numpy()),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(images),
            fast_bias_correction=False,  # the fast way costs more Dice than int8 is allowed to
        )
    _library().save_model(quantised, folder / FILES[0], compress_to_fp16=False)


def _model(network: nn.Module, size: Size, folder: Path) -> Any:
    """Return OpenVINO's form of a network, traced with an image of a size."""
    stride = stride_of(network)
    fast = make_upsampling_fast(deepcopy(network)).cpu().float().eval()
    example = torch.zeros(1, channels_of(network), *(side + -side % stride for side in size))
    with _refusing(folder):
        return _library().convert_model(fast, example_input=example)


@contextmanager
def _refusing(folder: Path) -> Iterator[None]:
    """Say in one line which network OpenVINO cannot convert; its errors have no common kind."""
    try:
        with silencing():
            yield
    except Exception as error:
        if isinstance(error, BenchError) or memory_is_full(error):
            raise
        reason = str(error).strip().partition("\n")[0]
        raise BenchError(
            f"OpenVINO cannot convert the network of {folder.parent.name}/{folder.name} "
            f"({reason}); leave it as it was trained"
        ) from error


_LOCK = Lock()  # of the number of torch's threads


class Converted(nn.Module):
    """A network that OpenVINO runs, used like the network that was converted.

    Args:
        folder: where `convert` wrote the network.
        stride: that of the network that was converted.
        bf16: whether to multiply in bf16.

    Raises:
        Missing: OpenVINO is not installed. BadData: the network's file is damaged.
    """

    def __init__(self, folder: Path, stride: int, *, bf16: bool) -> None:
        super().__init__()
        self.stride = stride
        self._core, self._path = _core(), folder / FILES[0]
        self._options = {
            "INFERENCE_PRECISION_HINT": "bf16" if bf16 else "f32",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "PERFORMANCE_HINT": "LATENCY",
        }
        self._ready: dict[tuple[int, ...], Callable[..., Any]] = {}  # by C, H, W
        self._one_at_a_time = Lock()  # a compiled network has one place for its result

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (B, 1, H, W) of float32 images (B, C, H, W), one image after the other.

        The first images of a size wait until the network is compiled for that size, and a thread
        waits for the others.
        """
        with self._one_at_a_time:
            return self._logits(images)

    def _logits(self, images: Tensor) -> Tensor:
        shape = tuple(images.shape[1:])
        if shape not in self._ready:
            self._ready[shape] = self._compile(shape)
        run = self._ready[shape]
        logits = torch.empty(len(images), 1, *shape[1:])
        for image, row in zip(images, logits, strict=True):
            batch = image[None].contiguous().numpy()
            result = run(batch, share_inputs=True, share_outputs=True)[0]
            row.copy_(torch.from_numpy(result)[0])  # the next image overwrites `result`
        return logits

    def _compile(self, shape: tuple[int, ...]) -> Callable[..., Any]:
        try:
            model = self._core.read_model(self._path)
            model.reshape([1, *shape])
        except RuntimeError as error:
            raise BadData(
                f"{self._path}: damaged ({error}); make it again, by `export` or `quantise`"
            ) from error
        compiled: Callable[..., Any] = self._core.compile_model(model, "CPU", self._options)
        return compiled


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let torch use one thread while OpenVINO computes, for however many threads of the program.

    More threads would keep spinning for some milliseconds on the cores that OpenVINO computes on.
    """
    with _LOCK:
        threads = _torch_threads()
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@cache
def _core() -> Any:
    """OpenVINO's engine, one for the process.

    Each brings a stack for the handlers of signals; of several, the last to end would leave behind
    one that is gone, and the next signal would end the process in a segmentation fault.
    """
    return _library().Core()


@cache
def _torch_threads() -> int:
    """The number of torch's threads when this was first asked.

    A thread that is new to torch begins with what another has set, be it for a moment.
    """
    return torch.get_num_threads()


def _library(name: str = "openvino", what: str = "OpenVINO") -> Any:
    """Import a library that would report each use to its makers, and here does not."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    if sys.modules.get(name):
        return importlib.import_module(name)  # waits, if another thread is importing it
    try:
        with silencing():
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise lacks_extra(what, "export") from error
