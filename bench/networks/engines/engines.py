"""The formats that a trained network can be exported in, and what runs them on a CPU."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torch import nn

from bench.config.layout import TrainingFolder
from bench.config.recipe import Recipe
from bench.masks.types import Size
from bench.networks.build import meta_network
from bench.networks.engines import onnx, openvino
from bench.networks.load import ready_network
from bench.system.device import Accelerator
from models.interface import stride_of


@dataclass(frozen=True)
class Engine:
    """A program that runs converted networks.

    Args:
        files: what a network's folder holds in place of the weights.
        convert: writes a network, made for images of a size, as `files` into a folder.
        open: the network of a folder, with its stride, and whether to multiply in bf16.
    """

    files: tuple[str, ...]
    convert: Callable[[nn.Module, Size, Path], None]
    open: Callable[[Path, int, bool], nn.Module]


def _open_openvino(folder: Path, stride: int, bf16: bool) -> nn.Module:
    return openvino.Converted(folder, stride, bf16=bf16)


def _open_onnx(folder: Path, stride: int, bf16: bool) -> nn.Module:
    return onnx.Converted(folder, stride)  # it has no bf16 on a CPU


ENGINES = {  # by what manifests and the command line call them
    "openvino": Engine(openvino.FILES, openvino.convert, _open_openvino),
    "onnx": Engine(onnx.FILES, onnx.convert, _open_onnx),
    "onnx-static": Engine(onnx.FILES, partial(onnx.convert, static=True), _open_onnx),
}


def open_network(
    recipe: Recipe,
    training: TrainingFolder,
    engine: str | None,
    accelerator: Accelerator,
    *,
    exact: bool = False,
) -> nn.Module:
    """Return the trained network of a folder, ready to predict.

    Args:
        engine: of ENGINES, which runs it on a CPU; None: PyTorch does.
        exact: float32 even where bf16 is faster.

    Raises:
        BadData: the network's files are damaged. Missing: the engine is not installed.
    """
    if engine is None:
        return ready_network(recipe, training, accelerator.device)
    bf16 = accelerator.precision == "bf16" and not exact
    return ENGINES[engine].open(training.folder, stride_of(meta_network(recipe)), bf16)
