"""Augmentations: each is drawn by itself, and all alike for one seed."""

from collections import Counter

import numpy as np

from bench.training.augment import Augment

IMAGE = np.random.default_rng(0).integers(0, 256, (16, 24, 3)).astype(np.uint8)
TARGET = np.repeat(np.arange(24, dtype=np.uint8)[None] * 10, 16, axis=0)


def test_every_combination_of_augmentations_occurs():
    augment, found = Augment(("flip", "colour"), (16, 24)), Counter()
    for seed in range(200):
        image, target = augment(IMAGE, TARGET, seed)
        flipped = target[0, 0] > target[0, -1]
        upright = image[:, ::-1] if flipped else image
        found[flipped, (upright != IMAGE).any()] += 1
        again = augment(IMAGE, TARGET, seed)
        assert (again[0] == image).all() and (again[1] == target).all()
    assert len(found) == 4 and min(found.values()) >= 5  # the rarest of them is expected 20 times
