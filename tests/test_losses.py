"""Loss terms against plain NumPy, at extreme logits, and by numerical gradients."""

import numpy as np
import pytest
import torch

from bench.losses import TERMS, total_loss

ORACLES = {
    "bce": lambda p, t: np.mean(-t * np.log(p) - (1 - t) * np.log(1 - p)),
    "focal": lambda p, t: np.mean(np.abs(t - p) ** 2 * (-t * np.log(p) - (1 - t) * np.log(1 - p))),
    "mse": lambda p, t: np.mean((p - t) ** 2),
    "soft_dice": lambda p, t: np.mean(
        [1 - (2 * (a * b).sum() + 1) / (a.sum() + b.sum() + 1) for a, b in zip(p, t, strict=True)]
    ),
}


@pytest.mark.parametrize("name", TERMS)
def test_term_equals_its_formula(name):
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 2, (3, 1, 5, 7))
    target = generator.random((3, 1, 5, 7))  # soft, as shrunk masks are
    found = TERMS[name](torch.tensor(logits), torch.tensor(target))
    assert found.item() == pytest.approx(ORACLES[name](1 / (1 + np.exp(-logits)), target), rel=1e-6)


@pytest.mark.parametrize("name", TERMS)
def test_gradient_is_the_numerical_one(name):
    logits = torch.randn(2, 1, 3, 4, dtype=torch.float64, requires_grad=True)
    target = torch.rand(2, 1, 3, 4, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: TERMS[name](x, target), logits)


@pytest.mark.parametrize("name", TERMS)
@pytest.mark.parametrize("target", [0.0, 1.0])
def test_extreme_logits_stay_finite(name, target):
    logits = torch.tensor([[[[-1e4, 1e4]]]], requires_grad=True)
    loss = TERMS[name](logits, torch.full_like(logits, target))
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(logits.grad).all()


def test_soft_dice_is_by_image_and_forgives_an_empty_target():
    logits = torch.full((2, 1, 4, 4), -50.0)
    target = torch.zeros(2, 1, 4, 4)
    assert TERMS["soft_dice"](logits, target) == pytest.approx(0, abs=1e-6)
    target[1] = 1.0  # the other image does not help this one
    assert TERMS["soft_dice"](logits, target) == pytest.approx((1 - 1 / 17) / 2, abs=1e-6)


def test_total_is_the_sum_of_factors_times_terms_in_fp32():
    logits, target = torch.randn(2, 1, 4, 4).bfloat16(), torch.rand(2, 1, 4, 4)
    total = total_loss({"bce": 2.0, "mse": 0.5}, logits, target)
    parts = 2 * TERMS["bce"](logits.float(), target) + 0.5 * TERMS["mse"](logits.float(), target)
    assert total.dtype == torch.float32
    assert total == pytest.approx(parts.item())
