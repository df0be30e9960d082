"""A training that cannot work is refused before any work, with numbers that do."""

from pathlib import Path

import pytest
import torch

from bench.config.recipe import Network, Smaller
from bench.data.dataset import DataSet
from bench.networks.build import build
from bench.system.device import accelerator_of
from bench.system.errors import BadConfig
from bench.training import train
from bench.training.check import check_photographs, fewest_at_once
from bench.training.memory import split_batch
from bench.training.state import State
from models.zoo import DECODERS
from tests.smallest import LEARNING, SMALLEST
from tests.tiny import RECIPE

POOLS_TO_ONE = {"deeplabv3", "deeplabv3plus", "pan", "upernet"}
ENCODERS = {"segformer": "mit_b0", "dpt": "tu-vit_base_patch16_224.augreg_in21k"}
SIZES = {"dpt": (224, 224), "pan": (128, 192)}  # of decoders that do not work at 64x96


def of(network, **changes):
    return RECIPE.model_copy(update={"network": Network(**network), **changes})


def zoo(decoder, **changes):
    encoder = ENCODERS.get(decoder, "resnet18")
    network = {"name": "zoo", "decoder": decoder, "encoder": encoder, "pretrained": False}
    return of(network, **{"size": SIZES.get(decoder, (64, 96)), **changes})


@pytest.mark.parametrize("decoder", DECODERS)
def test_decoders_that_pool_to_one_pixel_need_two_images_at_once(decoder):
    assert fewest_at_once(zoo(decoder), None) == (2 if decoder in POOLS_TO_ONE else 1)


@pytest.mark.parametrize("name", sorted(set(LEARNING) - {"edge_unet"}))  # shrinks none so far
def test_networks_that_shrink_a_photograph_to_one_pixel_need_two_images_at_once(name):
    """The reckoning without numbers agrees with a step with numbers."""
    network = {"name": name, **SMALLEST[name]}
    for side in (32, 160):
        recipe = of(network, size=(side, side))
        state = build(recipe).train()
        try:
            state(torch.zeros(1, 3, side + -side % state.stride, side + -side % state.stride))
            needed = 1
        except ValueError:
            needed = 2
        assert fewest_at_once(recipe, None) == needed


def test_a_smaller_size_of_the_training_counts_too():
    recipe = zoo("unet", size=(64, 64), gradual=(Smaller(scale=0.5, epochs=1),))
    assert fewest_at_once(recipe, None) == 2
    assert fewest_at_once(zoo("unet", size=(64, 64)), None) == 1


@pytest.mark.parametrize(
    ("batch", "micro_batch", "cure"),
    [
        (1, None, "batch 1: .* set `batch` to 2 or more"),
        (4, 1, "--micro-batch 1 leaves one image of a batch of 4 alone.* use --micro-batch 2"),
        (3, 2, "use --micro-batch 3"),
        (5, 2, "use --micro-batch 3"),
    ],
)
def test_one_image_alone_is_refused_with_a_cure_that_works(batch, micro_batch, cure):
    recipe = zoo("deeplabv3plus", batch=batch)
    with pytest.raises(BadConfig, match=cure):
        fewest_at_once(recipe, micro_batch)
    enough = {"batch": max(2, batch)}
    cured = 3 if batch % 2 else 2
    assert fewest_at_once(zoo("deeplabv3plus", **enough), cured if batch > 1 else None) == 2


@pytest.mark.parametrize("batch", range(2, 40))
def test_micro_batches_of_a_batch_are_never_too_small_where_that_is_possible(batch):
    for at_once in range(2, batch + 1):
        sizes, plain = split_batch(batch, at_once, 2), split_batch(batch, at_once, 1)
        assert sum(sizes) == sum(plain) == batch
        assert plain == [len(part) for part in torch.arange(batch).split(at_once)]
        assert max(sizes) <= at_once
        assert min(sizes) >= 2 or at_once == 2
        assert sizes == plain or min(plain) == 1


def test_a_batch_is_trained_in_micro_batches_of_two_and_more():
    recipe = zoo("deeplabv3plus", batch=7)
    state = train.trial_state(recipe)
    assert isinstance(state, State)
    batch = torch.full((7, 3, 64, 96), 9, dtype=torch.uint8), torch.zeros(7, 1, 64, 96)
    parts = split_batch(7, 3, fewest_at_once(recipe, 3))
    accelerator = accelerator_of("cpu")
    assert train.train_one_epoch(state, iter([batch]), recipe, parts, accelerator, "it") > 0


@pytest.mark.parametrize(
    ("decoder", "options", "reason"),
    [
        ("dpt", {}, "64"),
        ("pan", {}, "too small"),
        ("deeplabv3", {"upsampling": 4}, r"\[2, 1, 32, 48\] in place of \[2, 1, 64, 96\]"),
        ("fpn", {"upsampling": 8}, r"\[., 1, 128, 192\] in place of \[., 1, 64, 96\]"),
    ],
)
def test_a_network_that_does_not_work_at_its_size_is_named(decoder, options, reason):
    network = {**zoo(decoder).network.model_dump(), **options}
    with pytest.raises(BadConfig, match=f"it: its network .*at 64x96 .*{reason}.*change `size`"):
        fewest_at_once(of(network, size=(64, 96)), None)


def cars(first, last, views=2):
    return [f"{car:012x}_{view:02d}" for car in range(first, last) for view in range(1, views + 1)]


@pytest.mark.parametrize(
    ("train_cars", "valid_cars", "batch", "message"),
    [
        (0, 4, 2, "than the 0 photographs of 0 cars .* `folds.valid_cars` of the suite to 3 or"),
        (1, 3, 4, "than the 2 photographs of 1 car that.* to 2 or fewer, or set `batch` to 2 or f"),
        (2, 1, 8, "4 photographs of 2 cars that .* Set `batch` to 4 or fewer, or raise `folds.c"),
        (0, 1, 1, "than the 0 photographs of 0 cars .* Raise `folds.count`"),
    ],
)
def test_too_few_photographs_are_counted_and_cured(train_cars, valid_cars, batch, message):
    images = cars(0, train_cars), cars(10, 10 + valid_cars)
    everything = [*images[0], *images[1], *cars(20, 22)]
    data = DataSet(Path(), dict.fromkeys(everything, Path()), {}, {}, None, None, None)
    with pytest.raises(BadConfig, match=message) as refused:
        check_photographs(RECIPE.model_copy(update={"batch": batch}), *images, data)
    assert "4 photographs of 2 cars are held out" in str(refused.value)
