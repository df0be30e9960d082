"""Denoise: what a blur and an opening take, and what they leave."""

import numpy as np
import pytest

from bench.refinement.denoise import denoised

CAR = np.zeros((120, 200), np.uint8)
CAR[30:100, 40:170] = 255


def test_specks_and_thin_parts_go_and_the_rest_stays():
    map = CAR.copy()
    map[10:15, 10:15] = 255  # a speck
    map[50:54, 170:195] = 255  # an aerial
    map[60:64, 80:84] = 0  # a pin-hole
    found = denoised(map, 27, 39)
    assert found.dtype == np.bool_
    assert not found[:25].any() and not found[:, 175:].any()
    assert found[60:64, 80:84].all()
    assert (found[34:96, 44:166]).all()


@pytest.mark.parametrize("opening", [1, 3, 39])
def test_an_opening_adds_no_pixel(opening):
    map = CAR * (np.random.default_rng(0).random(CAR.shape) > 0.0003)
    found = denoised(map, 1, opening)
    assert found.any() and (map[found] > 0).all()


@pytest.mark.parametrize("value", [0, 255])
def test_an_empty_and_a_full_map_survive(value):
    map = np.full((60, 80), value, np.uint8)
    assert (denoised(map, 27, 39) == (map >= 128)).all()


def test_a_car_cut_off_by_the_image_loses_nothing_there():
    assert denoised(CAR[30:100, 40:100], 27, 39).all()
    for rows in (12, 25, 60):  # of a car whose rest lies beyond the image's edge
        cut_off = np.zeros((120, 80), np.uint8)
        cut_off[:rows] = 255
        assert (denoised(cut_off, 1, 39) == (cut_off > 0)).all()
