"""Stacking finds planted coefficients, and works in integers."""

import numpy as np
import pytest

from tests.planted import fit
from tests.tiny import combine


def test_stacking_recovers_planted_coefficients():
    generator = np.random.default_rng(1)
    intercept, planted = -0.4, np.array([0.9, 0.5, 0.0])
    logits = np.log(
        np.clip(np.arange(256), 0.5, 254.5) / (255 - np.clip(np.arange(256), 0.5, 254.5))
    )
    pool = []
    for _ in range(40):
        maps = generator.integers(20, 236, (3, 20, 30)).astype(np.uint8)
        logit = intercept + np.tensordot(planted, logits[maps], 1)
        pool.append((list(maps), generator.random((20, 30)) < 1 / (1 + np.exp(-logit))))
    found = fit("stacking", pool)
    assert [found["intercept"], *found["coefficients"]] == pytest.approx(
        [intercept, *planted], abs=0.07
    )


def test_stacking_in_integers_is_the_sigmoid():
    maps = [np.repeat(np.arange(256, dtype=np.uint8)[None], 256, 0)]
    maps.append(maps[0].T.copy())
    p = np.clip(np.array(maps), 0.5, 254.5) / 255
    logit = 0.3 + np.tensordot([0.8, -0.2], np.log(p / (1 - p)), 1)
    found = combine({"rule": "stacking", "intercept": 0.3, "coefficients": [0.8, -0.2]}, maps)
    assert np.abs(found - 255 / (1 + np.exp(-logit))).max() < 0.8
    clear = np.abs(logit) > 1e-3
    assert ((found >= 128) == (logit >= 0))[clear].all()
