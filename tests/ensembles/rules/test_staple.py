"""STAPLE equals expectation maximisation on all pixels."""

import numpy as np
import pytest

from bench.ensembles.rules.staple import staple
from bench.metrics.overlap import counts, dice
from tests.planted import POOL, SIZE, WITH_BAD, dice_of


def brute_force_staple(decisions):
    """Warfield's expectation-maximisation with every pixel (N, K) on its own: probabilities."""
    prior = decisions.mean()
    p = q = np.full(decisions.shape[1], 0.99999)
    for _ in range(1000):
        car = prior * np.where(decisions, p, 1 - p).prod(axis=1)
        not_car = (1 - prior) * np.where(decisions, 1 - q, q).prod(axis=1)
        posterior = car / (car + not_car)
        before = p, q
        p = (posterior[:, None] * decisions).sum(axis=0) / posterior.sum()
        q = ((1 - posterior)[:, None] * ~decisions).sum(axis=0) / (1 - posterior).sum()
        if max(abs(p - before[0]).max(), abs(q - before[1]).max()) < 1e-8:
            break
    return posterior


@pytest.mark.parametrize("pool", [POOL, WITH_BAD], ids=["four members", "five, one bad"])
def test_staple_equals_expectation_maximisation_on_all_pixels(pool):
    for maps, _ in pool[:4]:
        expected = brute_force_staple(np.stack([m.ravel() >= 128 for m in maps], axis=1))
        assert np.abs(staple(maps).ravel() - 255 * expected).max() <= 0.51


def test_staple_trusts_two_good_members_against_three_bad_ones():
    generator = np.random.default_rng(0)
    truth = POOL[0][1]
    masks = [truth ^ (generator.random(SIZE) < error) for error in (0.02, 0.02, 0.3, 0.3, 0.3)]
    maps = [mask * np.uint8(255) for mask in masks]
    vote = np.sum(masks, axis=0) >= 3
    assert dice_of(staple(maps), truth) > dice(counts(vote, truth)) + 0.03
