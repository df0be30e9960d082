"""Load a recipe's trained network from the folder of its training, ready to predict."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn
from torch.fx.experimental.optimization import fuse

from bench.config.layout import TrainingFolder
from bench.config.recipe import Recipe
from bench.networks.build import build
from bench.system.errors import BadConfig, BadData, Missing
from bench.system.progress import say
from models.interface import stride_of

ROUNDING = 1e-3  # of the mean: of two almost equal neighbours, pooling may choose the other


def fuse_batch_norms(network: nn.Module) -> nn.Module:
    """Return a network, in evaluation mode, with its batch norms multiplied into its convolutions.

    A network that torch.fx cannot trace, or traces wrongly, is returned as it is.
    """
    try:
        fused: Any = fuse(deepcopy(network), inplace=True)
    except Exception:  # tracing runs the network's own code, which may raise anything
        return network
    fused.stride = stride_of(network)
    fused.eval()
    return fused if _agree(network, fused) else network


@torch.inference_mode()
def _agree(network: nn.Module, other: nn.Module) -> bool:
    """Whether the logits of two networks on noise differ by rounding alone."""
    noise = torch.Generator().manual_seed(0)
    image = torch.randn(1, 3, 2 * stride_of(network), 3 * stride_of(network), generator=noise)
    expected, logits = network(image), other(image)
    return bool((logits - expected).abs().mean() <= ROUNDING * expected.abs().mean())


def start_from(network: nn.Module, weights: Path) -> None:
    """Load the tensors of a safetensors file that fit a network by name and shape.

    Raises:
        Missing: there is no such file. BadData: it is damaged. BadConfig: nothing in it fits.
    """
    if not weights.is_file():
        raise Missing(f"start_from: no file {weights}")
    try:
        tensors = load_file(weights)
    except SafetensorError as error:
        raise BadData(f"{weights}: not a whole safetensors file ({error})") from error
    own = network.state_dict()
    fitting = {
        name: tensor
        for name, tensor in tensors.items()
        if name in own and tensor.shape == own[name].shape
    }
    if not fitting:
        raise BadConfig(f"start_from: nothing in {weights} fits this network by name and shape")
    network.load_state_dict(fitting, strict=False)
    say(f"start from {weights}: {len(fitting)} of {len(own)} tensors")


def load_network(recipe: Recipe, training: TrainingFolder) -> nn.Module:
    """Load the trained network of a folder, in evaluation mode.

    Raises:
        BadData: the weights are damaged or belong to another network.
    """
    network = build(recipe, pretrained=False)
    try:
        network.load_state_dict(load_file(training.weights))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise BadData(
            f"{training.weights}: damaged or of another network ({error}); train again"
        ) from error
    return network.eval()


def ready_network(recipe: Recipe, training: TrainingFolder, device: torch.device) -> nn.Module:
    """Load a trained network, fuse its batch norms and put it on a device, ready to predict.

    Raises:
        BadData: as `load_network`.
    """
    return fuse_batch_norms(load_network(recipe, training)).to(device)
