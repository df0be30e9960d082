"""Losses and weight maps against plain NumPy, at extreme logits, and by numerical gradients."""

from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import correlate1d

from bench.config.library import RECIPES, as_suite_runs_it, list_names, load_recipe, load_suite
from bench.config.recipe import Loss, PixelWeight
from bench.networks.build import build
from bench.training.losses import (
    EDGE,
    boundary_weights,
    gradient,
    gradient_ratio_weights,
    median_frequency_weights,
    pixel_weights,
    total_loss,
)
from tests.tiny import RECIPE

SIGMA = 1.3
PUBLISHED = [name for name in list_names(RECIPES) if name.startswith("heitzinger2020/")]


def slopes(y, sigma=SIGMA):
    """The oracle of `gradient`: (B, C, H, W) to (B, 2C, H, W)."""
    k = np.arange(-int(2 * sigma), int(2 * sigma) + 1)
    g = np.exp(-(k**2) / (2 * sigma**2))
    g, d = g / g.sum(), k * g / (k**2 * g).sum()
    found = [
        correlate1d(correlate1d(channel, first, 0, mode="nearest"), second, 1, mode="nearest")
        for image in y
        for channel in image
        for first, second in ((d, g), (g, d))
    ]
    return np.reshape(found, (len(y), 2 * y.shape[1], *y.shape[2:]))


def steepness(y):
    return (slopes(y) ** 2).sum(1, keepdims=True)


def balance(t):
    size = t.shape[2] * t.shape[3]
    car = t.sum((2, 3), keepdims=True)
    return t * size / (2 * car) + (1 - t) * size / (2 * (size - car))


def entropy(p, t):
    return -t * np.log(p) - (1 - t) * np.log(1 - p)


PIXELS = {
    "bce": entropy,
    "focal": lambda p, t: np.abs(t - p) ** 2 * entropy(p, t),
    "mse": lambda p, t: (p - t) ** 2,
}
ORACLES = {name: lambda p, t, f=f: f(p, t).mean() for name, f in PIXELS.items()} | {
    "soft_dice": lambda p, t: np.mean(
        [1 - (2 * (a * b).sum() + 1) / (a.sum() + b.sum() + 1) for a, b in zip(p, t, strict=True)]
    ),
    "gradient": lambda p, t: ((slopes(p) - slopes(t)) ** 2).mean(),
}
WEIGHTS = {
    "median_frequency": lambda t, x: balance(t),
    "boundary": lambda t, x: 1 + 5 * steepness(t),
    "gradient_ratio": lambda t, x: 1 + 0.1 * steepness(t) / (steepness(x) + EDGE),
}


def recipe(loss, weights=()):
    """A recipe with this loss; a name stands for itself with factor 1."""
    loss = {loss: 1} if isinstance(loss, str) else loss
    update = {"loss": loss, "pixel_weights": weights, "gradient_sigma": SIGMA}
    return RECIPE.model_copy(update=update)


def arrays(height=7, width=9):
    """Logits, soft targets and photographs as float64 arrays."""
    random = np.random.default_rng(0)
    target, photo = random.random((2, 1, height, width)), random.random((2, 3, height, width))
    return random.normal(0, 2, target.shape), target, photo


def test_every_name_of_a_recipe_is_tested():
    assert set(ORACLES) == set(get_args(Loss))
    assert set(WEIGHTS) == set(get_args(PixelWeight))


@pytest.mark.parametrize("name", ORACLES)
def test_term_equals_its_formula(name):
    logits, target, photo = arrays()
    found = total_loss(recipe(name), *map(torch.tensor, (logits, target, photo)))
    assert found.item() == pytest.approx(ORACLES[name](1 / (1 + np.exp(-logits)), target), rel=1e-9)


@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("name", PIXELS)
def test_weights_multiply_every_pixel_of_a_term(name, weight):
    logits, target, photo = arrays()
    found = total_loss(recipe(name, (weight,)), *map(torch.tensor, (logits, target, photo)))
    pixels = PIXELS[name](1 / (1 + np.exp(-logits)), target)
    assert found.item() == pytest.approx((WEIGHTS[weight](target, photo) * pixels).mean(), rel=1e-9)


def test_several_weight_maps_are_multiplied_and_leave_region_terms_alone():
    logits, target, photo = map(torch.tensor, arrays())
    both = ("median_frequency", "gradient_ratio")
    product = median_frequency_weights(target) * gradient_ratio_weights(target, photo, SIGMA)
    assert torch.equal(pixel_weights(both, target, photo, SIGMA), product)
    found = total_loss(recipe({"mse": 1, "soft_dice": 3}, both), logits, target, photo)
    squares = (product * (torch.sigmoid(logits) - target) ** 2).mean()
    dice = total_loss(recipe("soft_dice"), logits, target, photo)
    assert found.item() == pytest.approx((squares + 3 * dice).item())


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.7])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_gradient_equals_its_formula(sigma, channels):
    y = np.random.default_rng(1).random((2, channels, 11, 6))
    found = gradient(torch.tensor(y), sigma)
    assert found.shape == (2, 2 * channels, 11, 6)
    np.testing.assert_allclose(found.numpy(), slopes(y, sigma), atol=1e-12)


@given(st.floats(0.5, 4), st.floats(-3, 3), st.floats(-3, 3))
def test_gradient_of_a_plane_is_its_slope(sigma, down, right):
    rows, columns = np.mgrid[:24, :30].astype(float)
    found = gradient(torch.tensor(down * rows + right * columns + 7)[None, None], sigma)
    inner = found[0, :, 8:-8, 8:-8].numpy()
    np.testing.assert_allclose(inner[0], down, atol=1e-9)
    np.testing.assert_allclose(inner[1], right, atol=1e-9)


def test_gradient_of_a_constant_is_nothing_even_at_the_border():
    assert gradient(torch.full((1, 2, 5, 3), 0.7, dtype=torch.float64), 2.0).abs().max() < 1e-15


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.uint8])
def test_gradient_is_fp32_for_half_precision_and_under_autocast(dtype):
    y = (torch.rand(1, 3, 9, 8, generator=torch.manual_seed(0)) * 200).to(dtype)
    with torch.autocast("cpu", torch.bfloat16):
        found = gradient(y, 1.0)
        ratio = gradient_ratio_weights(y[:, :1] / 255, y / 255, 1.0)
    assert found.dtype == ratio.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), slopes(y.double().numpy(), 1.0), atol=1e-4)


@given(st.integers(0, 2**32 - 1))
def test_balanced_classes_weigh_the_same(seed):
    t = torch.tensor(np.random.default_rng(seed).random((2, 1, 6, 5)) ** 3)
    weights = median_frequency_weights(t)
    for side in (t, 1 - t):
        total = (side / side.sum((2, 3), keepdim=True) * 30 / 2).sum((2, 3))
        assert torch.allclose(total, torch.full_like(total, 15))
    assert torch.allclose(weights.mean((1, 2, 3)), torch.ones(2, dtype=torch.float64))


def test_balance_by_hand_is_by_image_and_forgives_an_absent_class():
    t = torch.zeros(3, 1, 2, 4)
    t[0, 0, 0, 0] = 1  # one pixel of eight
    t[1] = 1
    weights = median_frequency_weights(t)
    assert weights[0, 0].tolist() == pytest.approx(np.array([[4] + [4 / 7] * 3, [4 / 7] * 4]))
    assert weights[1].unique().tolist() == weights[2].unique().tolist() == [0.5]


def test_weights_are_one_far_from_the_contour_and_grow_where_the_photograph_is_flat():
    t = torch.zeros(1, 1, 16, 30)
    t[..., 15:] = 1
    x = t.repeat(1, 3, 1, 1)
    x[:, :, :8] = 1  # overexposed: no edge in the upper half
    boundary, ratio = boundary_weights(t, 1.0), gradient_ratio_weights(t, x, 1.0)
    assert boundary.shape == ratio.shape == (1, 1, 16, 30)
    for weights in (boundary, ratio):
        assert torch.all(weights[..., :12] == 1) and torch.all(weights[..., 18:] == 1)
    assert torch.all(boundary[..., 14:16] > 1.5)
    assert torch.all(ratio[0, 0, 2, 14:16] > 10) and torch.all(ratio[0, 0, 12, 14:16] < 1.04)


@pytest.mark.parametrize("name", ORACLES)
def test_gradient_of_a_term_is_the_numerical_one(name):
    logits, target, photo = map(torch.tensor, arrays(3, 4))
    given = recipe(name, tuple(WEIGHTS))
    assert torch.autograd.gradcheck(
        lambda x: total_loss(given, x, target, photo), logits.requires_grad_()
    )


@pytest.mark.parametrize("target", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("name", ORACLES)
def test_extreme_logits_stay_finite(name, target):
    logits = torch.tensor([-1e4, 1e4]).repeat(1, 1, 3, 2).requires_grad_()
    given = recipe(name, tuple(WEIGHTS))
    loss = total_loss(given, logits, torch.full_like(logits, target), torch.rand(1, 3, 3, 4))
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(logits.grad).all()


def test_soft_dice_is_by_image_and_forgives_an_empty_target():
    logits, photo = torch.full((2, 1, 4, 4), -50.0), torch.zeros(2, 3, 4, 4)
    target = torch.zeros(2, 1, 4, 4)
    dice = recipe("soft_dice")
    assert total_loss(dice, logits, target, photo) == pytest.approx(0, abs=1e-6)
    target[1] = 1.0  # the other image does not help this one
    found = total_loss(dice, logits, target, photo)
    assert found == pytest.approx((1 - 1 / 17) / 2, abs=1e-6)


def test_total_is_the_sum_of_factors_times_terms_in_fp32_even_under_autocast():
    logits, target = torch.randn(2, 1, 8, 8).bfloat16(), torch.rand(2, 1, 8, 8)
    rest = (target, torch.rand(2, 3, 8, 8))
    factors = {"bce": 2.0, "mse": 0.5, "gradient": 3.0}
    parts = sum(f * total_loss(recipe(name), logits.float(), *rest) for name, f in factors.items())
    with torch.autocast("cpu", torch.bfloat16):
        total = total_loss(recipe(factors), logits, *rest)
    assert total.dtype == torch.float32
    assert total == pytest.approx(parts.item(), rel=1e-6)


@pytest.fixture(scope="module")
def last_layer():
    """The head of the published network, its input for two drawn photographs, and these."""
    network = build(load_recipe(PUBLISHED[0]), pretrained=False).train()
    photo = torch.rand(2, 3, 32, 32, generator=torch.manual_seed(0))
    head, network.head = network.head, torch.nn.Identity()
    return head, network(photo).detach(), photo


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_published_loss_falls_in_a_step(name, last_layer):
    published = load_recipe(name)
    assert published.network == load_recipe(PUBLISHED[0]).network
    assert published.size == (600, 800)
    head, features, photo = last_layer
    optimiser = torch.optim.SGD(head.parameters(), lr=0.001)
    losses = []
    for _ in range(2):
        optimiser.zero_grad()
        losses.append(total_loss(published, head(features), photo[:, :1].round(), photo))
        losses[-1].backward()
        optimiser.step()
    assert losses[1] < losses[0]


def test_the_suites_train_every_published_loss_and_replace_none():
    full, small = load_suite("heitzinger2020"), load_suite("heitzinger2020-small")
    assert sorted(full.recipes) == PUBLISHED and small.recipes == full.recipes
    for name in PUBLISHED:
        paper, ours = load_recipe(name), as_suite_runs_it(load_recipe(name), small)
        assert (ours.loss, ours.pixel_weights) == (paper.loss, paper.pixel_weights)
        assert ours.size == (144, 192)


@pytest.mark.parametrize("weights", [(), ("median_frequency",), ("boundary",)])
@pytest.mark.parametrize("name", [name for name in get_args(Loss) if name != "soft_dice"])
def test_no_loss_but_soft_dice_asks_for_more_than_a_soft_target(name, weights):
    """A teacher's map is the best answer to itself: there is nowhere to go from it."""
    random = np.random.default_rng(0)
    target = torch.tensor(random.uniform(0.02, 0.98, (2, 1, 8, 9)))
    recipe = RECIPE.model_copy(update={"loss": {name: 1.0}, "pixel_weights": weights})
    photo = torch.zeros(2, 3, 8, 9, dtype=target.dtype)
    best = torch.logit(target).requires_grad_()
    total_loss(recipe, best, target, photo).backward()
    assert best.grad is not None and best.grad.abs().max() < 1e-9
    other = best.detach() + torch.tensor(random.normal(0, 1, target.shape))
    losses = [float(total_loss(recipe, each, target, photo)) for each in (best.detach(), other)]
    assert losses[0] < losses[1]


def test_soft_dice_draws_a_soft_target_to_its_mask():
    """A pixel goes up where its target is above half the soft Dice reached, and else down."""
    target = torch.tensor([0.0, 0.1, 0.3, 0.47, 0.55, 0.8, 1.0, 1.0, 1.0, 1.0]).view(1, 1, 2, 5)
    recipe = RECIPE.model_copy(update={"loss": {"soft_dice": 1.0}})
    logits = torch.logit(target, eps=1e-3).requires_grad_()
    loss = total_loss(recipe, logits, target, torch.zeros(1, 3, 2, 5))
    loss.backward()
    assert logits.grad is not None
    assert torch.equal(logits.grad < 0, target > (1 - loss.detach()) / 2)
