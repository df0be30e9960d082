"""Grids: padding where the photograph fits, area and bilinear resizing where it does not."""

import cv2
import numpy as np
import pytest

from bench.metrics import counts, dice
from bench.resize import ceiling_map, grow, shrink, target_of


def disc(height, width, radius):
    y, x = np.mgrid[:height, :width]
    return (y - height / 2) ** 2 + (x - width / 2) ** 2 < radius**2


def test_a_photograph_that_fits_is_padded_and_comes_back_unchanged():
    photo = np.random.default_rng(0).integers(0, 256, (40, 59, 3), np.uint8)
    padded = shrink(photo, (40, 60))
    assert (padded[:, :59] == photo).all()
    assert (padded[:, 59] == photo[:, 58]).all()
    mask = disc(40, 59, 15)
    assert ((ceiling_map(mask, (40, 60)) >= 128) == mask).all()


def test_targets_hold_the_share_of_foreground():
    mask = np.zeros((4, 6), bool)
    mask[:, :3] = True
    assert target_of(mask, (2, 2)).tolist() == [[255, 0], [255, 0]]
    assert target_of(mask, (1, 1)).tolist() == [[128]]


def test_one_half_belongs_to_the_car():
    found = grow(np.array([[0.5, np.nextafter(np.float32(0.5), 0)]], np.float32), (1, 2))
    assert (found >= 128).tolist() == [[True, False]]


def test_maps_cover_0_to_255():
    assert grow(np.array([[0, 1]], np.float32), (1, 2)).tolist() == [[0, 255]]


@pytest.mark.parametrize("size", [(128, 128), (160, 240), (512, 512)])
def test_ceiling_of_soft_targets_beats_that_of_nearest_masks(size):
    mask = disc(1280, 1918, 450)
    shrunk = cv2.resize(mask.astype(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST)
    nearest = cv2.resize(shrunk, mask.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
    soft = dice(counts(ceiling_map(mask, size) >= 128, mask))
    assert 1 - soft < (1 - dice(counts(nearest, mask))) / 5
