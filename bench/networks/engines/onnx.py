"""Convert a trained network to ONNX, and run it with ONNX Runtime on a CPU (extra `onnx`).

Reads and writes  network.onnx, whose metadata say what goes in and what comes out.
"""

from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.masks.types import Size
from bench.networks.engines.quiet import silencing
from bench.networks.load import agree, noise
from bench.system.environment import lacks_extra
from bench.system.errors import BadConfig, BadData, BenchError
from models.interface import DEVIATION, MEAN, channels_of, stride_of

FILES = ("network.onnx",)
INPUT, OUTPUT = "image", "logits"
PLACES = {2: "rows", 3: "columns"}  # axes of an image, in units of the stride
CURE = "export it without --onnx"


def convert(network: nn.Module, size: Size, folder: Path, *, static: bool = False) -> None:
    """Write a network as FILES into a folder that exists, and try it; weights stay float32.

    Args:
        network: maps (B, C, H, W) to (B, 1, H, W), for H and W that its `stride` divides.
        size: height x width of the images that it is to see.
        static: take one image of that size a pass, which accelerators ask for; otherwise the batch,
            the height and the width are free.

    Raises:
        Missing: the libraries are not installed.
        BenchError: the network has an operation that ONNX does not know, or computes something else
            there.
    """
    _library("onnxscript"), _library("onnxruntime")
    channels, stride = channels_of(network), stride_of(network)
    plain = deepcopy(network).cpu().float().eval()
    example = torch.zeros(
        2, channels, 2 * stride, 3 * stride
    )  # whose sides are all free to be others
    if static:
        example = torch.zeros(1, channels, *(side + -side % stride for side in size))
    free = {0: torch.export.Dim("batch")} | {
        axis: stride * torch.export.Dim(name) for axis, name in PLACES.items()
    }
    try:
        with silencing(), torch.no_grad():
            program: Any = torch.onnx.export(
                plain,
                (example,),
                dynamo=True,
                verbose=False,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=None if static else (free,),
            )
    except torch.onnx.OnnxExporterError as error:
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        raise BenchError(f"{_refused(folder)} ({reason}); {CURE}") from error
    program.model.metadata_props.update(_metadata(network, size))
    program.save(folder / FILES[0])
    if not agree(plain, Converted(folder, stride), noise(example.shape)):
        raise BenchError(f"{_refused(folder)} (other logits than the network's); {CURE}")


def _refused(folder: Path) -> str:
    return f"ONNX cannot hold the network of {folder.parent.name}/{folder.name}"


def _metadata(network: nn.Module, size: Size) -> dict[str, str]:
    """What a program that reads the file alone has to know."""
    channels = channels_of(network)
    shown = f"float32 (B, {channels}, H, W): RGB, (value / 255 - mean) / deviation"
    if channels > 3:
        shown += ", and two channels from 0 to 1: a map, and the band around its outline"
    return {
        INPUT: shown,
        OUTPUT: "float32 (B, 1, H, W): their sigmoid is the probability of car",
        "mean": " ".join(map(str, MEAN)),
        "deviation": " ".join(map(str, DEVIATION)),
        "size": "{} {}".format(*size),  # height, width
        "stride": str(stride_of(network)),
        "padding": "the last row and column, repeated until the stride divides both sides",
    }


class Converted(nn.Module):
    """A network that ONNX Runtime runs, used like the network that was converted.

    Args:
        folder: where `convert` wrote the network.
        stride: that of the network that was converted.

    Raises:
        Missing: ONNX Runtime is not installed. BadData: the network's file is damaged.
    """

    def __init__(self, folder: Path, stride: int) -> None:
        super().__init__()
        runtime, path = _library("onnxruntime"), folder / FILES[0]
        self.stride, self._path = stride, path
        try:
            self._session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
        except Exception as error:  # the runtime's own, of no common class
            raise BadData(f"{path}: damaged ({error}); export the model again") from error
        shape = self._session.get_inputs()[0].shape
        self.one_size = all(isinstance(side, int) for side in shape)
        self._fixed = tuple(shape) if self.one_size else None

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (B, 1, H, W) of float32 images (B, C, H, W).

        Raises:
            BadConfig: the network is static and of another size.
        """
        if self._fixed is None:
            return self._run(images)
        if tuple(images.shape[1:]) != self._fixed[1:]:
            raise BadConfig(
                f"{self._path}: takes images of {self._fixed[2]}x{self._fixed[3]} alone, not of "
                f"{images.shape[2]}x{images.shape[3]}; export it again with --onnx free"
            )
        return torch.cat([self._run(image[None]) for image in images])

    def _run(self, images: Tensor) -> Tensor:
        batch = np.ascontiguousarray(images.numpy())
        return torch.from_numpy(self._session.run([OUTPUT], {INPUT: batch})[0])


def _library(name: str) -> Any:
    try:
        return __import__(name)
    except ModuleNotFoundError as error:
        raise lacks_extra("ONNX", "onnx") from error
