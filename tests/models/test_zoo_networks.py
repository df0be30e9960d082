"""The published networks: their sizes, their parts, and a training step of every recipe."""

import pytest
import torch
from accelerate import init_empty_weights
from safetensors.torch import save_file
from torch import nn

import models
from bench.config.library import RECIPES, load_recipe, names
from bench.data.carvana import open_folder
from bench.networks.build import build, freeze, meta_network, train_mode
from bench.training.dataset import sample
from bench.training.losses import total_loss
from bench.training.optimiser import make_optimiser
from models.blocks import foreground_logit
from models.encoders import WEIGHTS_DIR, build_encoder
from models.interface import normalise, padded_forward, parameter_count
from models.maskingnet import coordinate_maps
from models.vgg import unpool
from tests.tiny import RECIPE

TABLE = {  # of MaskingNet
    "unet": 31_043_586,
    "segnet": 29_444_162,
    "architecture1": 32_799_554,
    "architecture2": 32_800_706,
    "architecture3": 32_808_770,
    "maskingnet": 32_808_770,
}
LEARNERS = {  # those that learn two photographs in seconds; the others have 30 million weights
    "interconnected": {"name": "autoencoder", "skips": True},
    "extractnet": {
        "name": "extractnet",
        "encoder": "mobilenet_v2",
        "layers": 6,
        "skips": True,
        "norm": True,
        "activation": "prelu",
        "pretrained": False,
    },
    "residual_unet": {
        "name": "residual_unet",
        "encoder": "mobilenet_v2",
        "combine": "add",
        "middle": 64,
        "pretrained": False,
    },
}


def distinct_recipes():
    """One name for each network that learns, and each freeze, that recipes ask for."""
    found = {}
    for name in names(RECIPES):
        recipe = load_recipe(name)
        if recipe.epochs:
            found.setdefault((str(recipe.network), recipe.freeze), name)
    return list(found.values())


@pytest.mark.parametrize("row", TABLE)
def test_parameters_are_those_of_the_published_table(row):
    recipe = load_recipe(f"maskingnet/{row}-512x512")
    assert parameter_count(meta_network(recipe)) == TABLE[row] == recipe.reported["params"]


@pytest.mark.slow
@pytest.mark.parametrize("name", distinct_recipes())
def test_every_recipe_trains_what_it_does_not_freeze(name):
    """A whole step without numbers, on the meta device, for there are 60 million weights to it."""
    recipe = load_recipe(name)
    network = meta_network(recipe)
    freeze(network, recipe.freeze)
    train_mode(network, recipe.freeze)
    optimiser = make_optimiser(recipe.optimiser, network)
    for group in optimiser.param_groups:
        group["fused"] = False  # is of real devices only
    photo = torch.empty(2, 3, 33, 50, device="meta")
    logits = padded_forward(network, photo)
    assert logits.shape == (2, 1, 33, 50)
    total_loss(recipe, logits, torch.empty_like(logits), photo).backward()
    optimiser.step()
    for parameter, weight in network.named_parameters():
        frozen = parameter.startswith(tuple(f"{module}." for module in recipe.freeze))
        assert (weight.grad is None) == frozen, parameter


@pytest.mark.parametrize("name", LEARNERS)
def test_network_learns_two_photographs_by_heart(name, carvana_folder):
    data = open_folder(carvana_folder)
    pair = [torch.from_numpy(sample(data, (64, 96), image)) for image in sorted(data.train)[:20:19]]
    batch = torch.stack(pair).permute(0, 3, 1, 2)
    photo, target = batch[:, :3], batch[:, 3:].float() / 255
    torch.manual_seed(0)
    options = dict(LEARNERS[name])
    network = models.build(options.pop("name"), options)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.005)
    assert any(learn(network, optimiser, photo, target) > 0.95 for _ in range(200)), (
        "200 steps were not enough"
    )


def learn(network, optimiser, photo, target):
    """Dice of both images together before one more step."""
    logits = padded_forward(network, normalise(photo))
    optimiser.zero_grad()
    total_loss(RECIPE, logits, target, photo / 255).backward()
    optimiser.step()
    found, truth = logits > 0, target > 0.5
    return (2 * (found & truth).sum() / (found.sum() + truth.sum())).item()


def test_unpooling_puts_maxima_back_where_they_were():
    x = torch.randn(2, 3, 6, 10).contiguous(memory_format=torch.channels_last)
    pooled, indices = nn.functional.max_pool2d(x, 2, return_indices=True)
    grown = nn.functional.interpolate(pooled, scale_factor=2)
    assert torch.equal(unpool(pooled, indices), torch.where(x == grown, x, 0))


def test_coordinates_are_those_of_the_paper():
    maps = coordinate_maps(torch.empty(2, 7, 4, 5))
    assert maps.shape == (2, 2, 4, 5)
    assert maps[1, 0, 3].tolist() == pytest.approx([-0.5, -0.3, -0.1, 0.1, 0.3])
    assert maps[0, 1, :, 2].tolist() == [-0.5, -0.25, 0.0, 0.25]


def test_two_classes_and_their_difference_say_the_same():
    classes = torch.randn(2, 2, 3, 5)
    softmax = torch.softmax(classes, dim=1)[:, 1:]
    torch.testing.assert_close(torch.sigmoid(foreground_logit(classes)), softmax)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "layers"), [("unet", 8), ("architecture2", 10)])
def test_vgg16_fills_the_first_convolutions(name, layers, monkeypatch, tmp_path):
    with init_empty_weights():
        encoder = build_encoder("vgg16", pretrained=False)
    given = {
        key: torch.full(value.shape, float(number), dtype=torch.float16)
        for number, (key, value) in enumerate(encoder.state_dict().items())
    }
    save_file(given, tmp_path / "vgg16.safetensors")
    monkeypatch.setenv(WEIGHTS_DIR, str(tmp_path))
    network = build(load_recipe(f"maskingnet/{name}-512x512"))
    filled = [
        convolution.weight[:, :3].unique().tolist()
        for convolution in network.encoder.modules()
        if isinstance(convolution, nn.Conv2d)
    ]
    wanted = [[2.0 * number] for number in range(10)]  # a weight, then its bias, are numbered
    if name == "unet":  # has two convolutions where VGG-16 has three
        wanted = wanted[:6] + wanted[7:9]
    assert len(wanted) == layers
    assert filled[:layers] == wanted
    assert all(len(values) > 1 for values in filled[layers:])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"coordinates": "centre", "dilation": 1}, "coordinates is 'centre'.*'none', 'input'"),
        ({"coordinates": "none", "dilation": "2"}, "dilation is '2': .*integer"),
        ({"coordinates": "none"}, "missing.*'dilation'"),
    ],
)
def test_values_that_an_option_does_not_allow_are_refused(options, told):
    with pytest.raises(ValueError, match=told):
        models.build("maskingnet", {"pretrained": False, **options})
