"""Load a recipe's trained network from the folder of its training, ready to predict."""

from collections.abc import Sequence
from copy import deepcopy
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_eval

from bench.config.layout import TrainingFolder
from bench.config.recipe import Recipe
from bench.networks.build import build, freeze
from bench.networks.manifest import TRAIN_AGAIN, check_weights
from bench.system.errors import BadConfig, BadFile, Missing, naming
from bench.system.progress import say
from models.interface import channels_of, stride_of
from models.upsampling import keep_kernels, make_upsampling_fast
from models.weights import BadWeights, read_weights

ROUNDING = 1e-3  # of the mean: of two almost equal neighbours, pooling may choose the other


def fuse(network: nn.Module) -> nn.Module:
    """Return a network, in evaluation mode, with batch norms and upsampling inside convolutions.

    A batch norm that follows a convolution in a module's list of parts is taken to follow it in the
    computation. Where the logits say otherwise, the network is returned as it is.
    """
    fused = deepcopy(network)
    for module in fused.modules():
        for (name, layer), (norm_name, norm) in pairwise(list(module.named_children())):
            if (
                isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
                and isinstance(norm, nn.BatchNorm2d)
                and norm.num_features == layer.out_channels
            ):
                transposed = isinstance(layer, nn.ConvTranspose2d)
                setattr(module, name, fuse_conv_bn_eval(layer, norm, transposed))
                # timm's batch norms end in an activation of their own
                setattr(module, norm_name, getattr(norm, "act", nn.Identity()))
    keep_kernels(make_upsampling_fast(fused))
    channels, stride = channels_of(network), stride_of(network)
    images = noise((1, channels, 2 * stride, 3 * stride))
    images = images.to(next(network.parameters(), images).device)
    return fused if agree(network, fused, images) else network


def noise(shape: Sequence[int]) -> Tensor:
    """Return normally distributed numbers of a shape, always the same."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@torch.inference_mode()
def agree(network: nn.Module, other: nn.Module, images: Tensor) -> bool:
    """Whether the logits of two networks, of images (B, C, H, W), differ by rounding alone."""
    expected, logits = network(images), other(images)
    return bool((logits - expected).abs().mean() <= ROUNDING * expected.abs().mean())


def starting_network(recipe: Recipe) -> nn.Module:
    """Build a recipe's network as its training begins: from its weights, its modules frozen.

    Raises:
        BadConfig, BadFile, Missing: as `build`, `start_from` and `freeze`; the message names the
            recipe.
    """
    network = build(recipe)
    if recipe.start_from:
        with naming(f"recipe {recipe.name}"):
            start_from(network, Path(recipe.start_from))
    freeze(network, recipe)
    return network


def start_from(network: nn.Module, weights: Path) -> None:
    """Load the tensors of a safetensors file that fit a network by name and shape.

    Raises:
        Missing: there is no such file. BadFile: it holds no weights, or not all of them.
        BadConfig: nothing in it fits.
    """
    if not weights.is_file():
        raise Missing(f"start_from: no file {weights.absolute()}; name one that is there")
    try:
        tensors = read_weights(weights)
    except BadWeights as error:
        raise BadFile(error.file, f"start_from: {error.what}", error.cure) from error
    own = network.state_dict()
    fitting = {
        name: tensor
        for name, tensor in tensors.items()
        if name in own and tensor.shape == own[name].shape
    }
    if not fitting:
        raise BadConfig(
            f"start_from: nothing in {weights} fits this network by name and shape; "
            "name weights of the same network, or leave `start_from` out"
        )
    network.load_state_dict(fitting, strict=False)
    say(f"start from {weights}: {len(fitting)} of {len(own)} tensors")


def load_network(recipe: Recipe, training: TrainingFolder) -> nn.Module:
    """Load the trained network of a folder, in evaluation mode.

    Raises:
        BadFile: the weights are damaged or belong to another network.
    """
    network = build(recipe, pretrained=False)
    try:
        network.load_state_dict(read_weights(training.weights))
    except BadWeights as error:
        raise BadFile(error.file, error.what, TRAIN_AGAIN) from error
    except RuntimeError as error:
        raise BadFile(training.weights, f"of another network ({error})", TRAIN_AGAIN) from error
    check_weights(training)
    return network.eval()


def ready_network(recipe: Recipe, training: TrainingFolder, device: torch.device) -> nn.Module:
    """Load a trained network, `fuse` it and put it on a device, ready to predict.

    Raises:
        BadFile: as `load_network`.
    """
    return fuse(load_network(recipe, training)).to(device)
