"""Convert a trained network to OpenVINO's format, and run it there on a CPU (extra `export`).

Reads and writes  network.xml, and network.bin beside it.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.jit import TracerWarning  # type: ignore[attr-defined]

from bench.masks.types import Size
from bench.system.environment import lacks_extra
from bench.system.errors import BadData, BenchError
from models.interface import channels_of, stride_of

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
    library = _library()
    stride = stride_of(network)
    padded = [side + -side % stride for side in size]
    plain = deepcopy(network).cpu().float().eval()
    try:
        with warnings.catch_warnings():
            for category in (FutureWarning, TracerWarning):  # from the tracer that OpenVINO uses
                warnings.simplefilter("ignore", category)
            example = torch.zeros(1, channels_of(network), *padded)
            model = library.convert_model(plain, example_input=example)
        library.save_model(model, folder / FILES[0], compress_to_fp16=False)
    except RuntimeError as error:
        raise BenchError(
            f"OpenVINO cannot convert the network of {folder.parent.name}/{folder.name} "
            f"({str(error).strip().splitlines()[-1]}); "
            "export it without --openvino"
        ) from error


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
        self._library, self._path = _library(), folder / FILES[0]
        self._precision = "bf16" if bf16 else "f32"
        self._ready: dict[tuple[int, ...], Callable[..., Any]] = {}  # by C, H, W

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (B, 1, H, W) of float32 images (B, C, H, W), one image after the other.

        The first images of a size wait until the network is compiled for that size.
        """
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
        options = {"INFERENCE_PRECISION_HINT": self._precision, "PERFORMANCE_HINT": "LATENCY"}
        core = self._library.Core()
        try:
            model = core.read_model(self._path)
            model.reshape([1, *shape])
        except RuntimeError as error:
            raise BadData(f"{self._path}: damaged ({error}); export the model again") from error
        compiled: Callable[..., Any] = core.compile_model(model, "CPU", options)
        return compiled


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let torch use one thread while OpenVINO computes.

    More threads would keep spinning for some milliseconds on the cores that OpenVINO computes on.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _library() -> Any:
    try:
        import openvino
    except ModuleNotFoundError as error:
        raise lacks_extra("OpenVINO", "export") from error
    return openvino
