"""Grids: padding where the photograph fits, area and bilinear resizing where it does not."""

import cv2
import numpy as np
import pytest

from bench.masks import resize
from bench.masks.resize import ceiling_map, grow, shrink, target_of
from bench.metrics.overlap import counts, dice


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
    map = grow(np.array([[0.5, np.nextafter(np.float32(0.5), 0)]], np.float32), (1, 2))
    assert (map >= 128).tolist() == [[True, False]]


def test_maps_cover_0_to_255():
    assert grow(np.array([[0, 1]], np.float32), (1, 2)).tolist() == [[0, 255]]


@pytest.mark.parametrize("size", [(128, 128), (160, 240), (512, 512)])
def test_ceiling_of_soft_targets_beats_that_of_nearest_masks(size):
    mask = disc(1280, 1918, 450)
    shrunk = cv2.resize(mask.astype(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST)
    nearest = cv2.resize(shrunk, mask.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
    soft = dice(counts(ceiling_map(mask, size) >= 128, mask))
    assert 1 - soft < (1 - dice(counts(nearest, mask))) / 5


def covered(small, big):
    """Share of each of `big` pixels that each of `small` covers, in small-ths: (small, big)."""
    i, k = np.arange(small)[:, None], np.arange(big)[None, :]
    ends, starts = np.minimum((i + 1) * big, (k + 1) * small), np.maximum(i * big, k * small)
    return np.maximum(0, ends - starts)


def plain_area(picture, size):
    """The definition: the mean of what a pixel covers, one half up, in whole numbers."""
    height, width = picture.shape[:2]
    rows, columns = (covered(size[0], height), covered(size[1], width))
    total = np.einsum("ik,jl,kl...->ij...", rows, columns, picture.astype(np.int64))
    return (2 * total + height * width) // (2 * height * width)


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (7, 31), (13, 31), (6, 16), (12, 32)])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_shrinking_by_area_is_exact(size, channels):
    random = np.random.default_rng(0)
    for picture in (
        random.integers(0, 256, (13, 32, *channels), np.uint8),
        np.full((13, 32, *channels), 255, np.uint8),
        random.integers(0, 2, (13, 32, *channels), np.uint8) * np.uint8(255),
        random.integers(0, 256, (13, 64, *channels), np.uint8)[:, ::2],
    ):
        if size != (13, 32):
            np.testing.assert_array_equal(shrink(picture, size), plain_area(picture, size))


@pytest.mark.parametrize("size", [(160, 240), (320, 480), (1024, 1024), (1280, 1536)])
def test_shrinking_by_area_is_opencv_s_but_for_its_rounding(size):
    picture = np.random.default_rng(0).integers(0, 256, (1280, 1918, 3), np.uint8)
    theirs = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA)
    apart = np.abs(shrink(picture, size).astype(int) - theirs)
    assert apart.max() <= 1
    assert (apart > 0).mean() < 0.002


@pytest.mark.parametrize("limit", [resize.MAX_SUMMED_PIXELS, 1], ids=["", "huge"])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_one_side_shrinks_by_area_where_the_other_grows(channels, limit, monkeypatch):
    monkeypatch.setattr(resize, "MAX_SUMMED_PIXELS", limit)
    across = np.random.default_rng(0).integers(0, 256, (1, 50, *channels), np.uint8)
    for turn in (lambda picture: picture, lambda picture: picture.swapaxes(0, 1)):
        resized = shrink(turn(np.repeat(across, 10, 0)), turn(np.empty((15, 20))).shape)
        exact = np.repeat(plain_area(across, (1, 20)), 15, 0)
        assert np.abs(turn(resized).astype(int) - exact).max() <= (0 if limit > 1 else 1)


@pytest.mark.parametrize("shape", [(200, 70), (70, 200)])
def test_a_ceiling_is_not_shifted_where_one_side_grows(shape):
    mask, size = disc(*shape, 30), (95, 95)
    found = ceiling_map(mask, size) >= 128
    assert dice(counts(found, mask)) > 0.99
    for axis in (0, 1):
        apart = np.nonzero(found)[axis].mean() - np.nonzero(mask)[axis].mean()
        assert abs(apart) < 0.1


@pytest.mark.parametrize("shape", [(4096, 4096), (2, 2**23), (2**23, 2)], ids=str)
def test_the_largest_picture_s_sums_fit(shape):
    white = np.full(shape, 255, np.uint8)
    assert (shrink(white, (1, 2)) == 255).all()
