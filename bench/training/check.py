"""Check what a training needs before any work: enough photographs, and enough of them at once."""

from collections.abc import Collection, Iterable
from pathlib import Path

import torch
from torch import nn

from bench.config.machine import Machine
from bench.config.recipe import Recipe, scaled
from bench.data.dataset import DataSet
from bench.data.image_ids import car_of
from bench.masks.types import Size
from bench.networks.build import freeze, meta_network, named_misfits, train_mode
from bench.networks.load import starting_network
from bench.system.errors import BadConfig, naming
from bench.system.text import several
from bench.training.backgrounds.scene import check_pictures
from bench.training.memory import split_batch
from models.interface import channels_of, padded_forward, parameter_count

ONE_VALUE = "Expected more than 1 value per channel when training"  # torch's batch norm


def check_training(
    recipe: Recipe,
    train: Collection[str],
    valid: Collection[str],
    data: DataSet,
    machine: Machine,
) -> int:
    """Return the fewest images from which the network can learn at once; does no work.

    Args: as `check_photographs` and `fewest_at_once`.

    Raises:
        BadConfig: as `check_photographs` and `fewest_at_once`.
    """
    check_photographs(recipe, train, valid, data)
    return fewest_at_once(recipe, machine.micro_batch, machine.gpus_per_training)


def check_beginnings(recipes: Iterable[Recipe], jobs: int) -> None:
    """Refuse recipes whose network cannot begin, or whose `backgrounds` are damaged.

    Raises:
        BadConfig, BadData, Missing: as `starting_network` and `check_pictures`; the message names
            the recipe.
    """
    looked_at = set[str]()
    for recipe in recipes:
        starting_network(recipe)
        if recipe.backgrounds and recipe.backgrounds not in looked_at:
            looked_at.add(recipe.backgrounds)
            with naming(f"recipe {recipe.name}: backgrounds"):
                check_pictures(Path(recipe.backgrounds), jobs)


def check_photographs(
    recipe: Recipe, train: Collection[str], valid: Collection[str], data: DataSet
) -> None:
    """Refuse a fold that trains on less than a batch, and say which numbers to change.

    Args:
        train, valid: images to learn from, and those that choose the best epoch.
        data: all photographs that have masks; the rest of them is held out.

    Raises:
        BadConfig: a batch is larger than the photographs to learn from.
    """
    if len(train) * recipe.crops >= recipe.batch:
        return
    cars, valid_cars = _cars(train), _cars(valid)
    views = (len(train) + len(valid)) / max(1, cars + valid_cars)
    enough = -(-recipe.batch // max(1, views * recipe.crops))  # cars that make up a batch
    cures, unit = list[str](), data.unit
    if valid_cars > 1 and cars + valid_cars - enough >= 1:
        fewer = cars + valid_cars - enough
        cures.append(f"set `folds.valid_cars` of the suite to {fewer:.0f} or fewer")
    if train:
        cures.append(f"set `batch` to {len(train) * recipe.crops} or fewer")
    cures.append(f"raise `folds.count`, so that fewer {unit}s are held out, or add {unit}s")
    heldout = data.train.keys() - set(train) - set(valid)
    crops = f"{recipe.crops} crops of each of the " if recipe.edge else ""
    raise BadConfig(
        f"{recipe.name}: batch {recipe.batch} is larger than the {crops}{_count(train, unit)} that "
        f"this fold trains on; of {_count(data.train, unit)}, {_count(heldout, unit)} are held out "
        f"and {_count(valid, unit)} choose the best epoch (`folds.valid_cars`). "
        f"{', or '.join(cures).capitalize()}"
    )


def _cars(images: Collection[str]) -> int:
    return len(set(map(car_of, images)))


def _count(images: Collection[str], unit: str) -> str:
    return f"{several(len(images), 'photograph')} of {several(_cars(images), unit)}"


def fewest_at_once(recipe: Recipe, micro_batch: int | None, ranks: int = 1) -> int:
    """Return the fewest images from which the network can learn at once: 1, or 2.

    Batch norm learns nothing from a map of one value: of one image that a network shrinks, or
    pools, to one pixel. Every size of the training is tried without numbers, on the meta device.

    Args:
        micro_batch: images at once that the user wants; None: no wish.
        ranks: processes that share each batch.

    Raises:
        BadConfig: the network cannot work at the recipe's size; or the batch, a rank's share of it,
            or the micro-batch, would let it learn from too few images at once.
    """
    network = meta_network(recipe)
    if not recipe.epochs or not parameter_count(network):
        return 1
    freeze(network, recipe)
    train_mode(network, recipe.freeze)
    sizes = [scaled(recipe.size, scale) for scale, _ in recipe.stages()]
    fewest = 2 if False in {_learns_from_one(network, recipe, size) for size in sizes} else 1
    if recipe.batch < fewest:
        raise BadConfig(
            f"{recipe.name}: batch {recipe.batch}: a batch norm of this network sees one value of "
            f"an image and learns nothing from it; set `batch` to {fewest} or more"
        )
    if recipe.batch < fewest * ranks:
        raise BadConfig(
            f"{recipe.name}: --gpus-per-training {ranks}: a batch of {recipe.batch} is too small "
            f"for {fewest} or more images on each; use {recipe.batch // fewest} at most"
        )
    for share in {recipe.batch // ranks, -(-recipe.batch // ranks)}:
        _check_micro_batch(recipe.name, share, micro_batch or share, fewest)
    return fewest


def _check_micro_batch(name: str, batch: int, micro_batch: int, fewest: int) -> None:
    """Refuse micro-batches of a batch, or of a share of it, from which nothing can be learned."""

    def smallest(at_once: int) -> int:
        return min(split_batch(batch, min(at_once, batch), fewest))

    if smallest(micro_batch) < fewest:
        enough = next(i for i in range(micro_batch + 1, batch + 1) if smallest(i) >= fewest)
        raise BadConfig(
            f"{name}: --micro-batch {micro_batch} leaves one image of a batch of {batch} alone; a "
            "batch norm of this network sees one value of it and learns nothing from it; use "
            f"--micro-batch {enough}"
        )


def _learns_from_one(network: nn.Module, recipe: Recipe, size: Size) -> bool:
    with named_misfits(recipe, size):
        try:
            _forward(network, 1, size)
        except ValueError as error:
            if ONE_VALUE not in str(error):
                raise
            _forward(network, 2, size)
            return False
    return True


def _forward(network: nn.Module, images: int, size: Size) -> None:
    with torch.no_grad():
        padded_forward(network, torch.empty(images, channels_of(network), *size, device="meta"))
