import cv2
import numpy as np
import pytest

from bench.cutout import matting

WALL, PAINT = np.array([235.0, 230.0, 225.0]), np.array([150.0, 20.0, 30.0])


def disc(softness: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A red disc before a white wall: the photograph, its true coverage, and a map of it."""
    y, x = np.mgrid[:90, :140]
    inside = 30 - np.hypot(y - 45, x - 70)  # pixels from the edge
    coverage = np.clip(inside / 2 + 0.5, 0, 1)  # as a lens shows it
    photo = coverage[..., None] * PAINT + (1 - coverage[..., None]) * WALL
    map = np.clip(inside / softness + 0.5, 0, 1)
    return photo.round().astype(np.uint8), coverage, (map * 255).round().astype(np.uint8)


@pytest.mark.parametrize("softness", [0.01, 2, 12, 40], ids=lambda s: f"map's ramp {s} px")
def test_edge_is_as_sharp_whatever_the_map(softness):
    _, _, map = disc(softness)
    row = matting.alpha(map)[45].astype(int)
    mixed = np.flatnonzero((row > 3) & (row < 252))
    assert 2 <= len(mixed) <= 8  # both edges together
    assert row[70] == 255 and row[0] == 0


def test_contour_stays_where_one_half_is():
    _, _, map = disc(12)
    inside = (matting.alpha(map) / 255).sum()
    assert inside == pytest.approx(np.pi * (30 - matting.INSET_PX) ** 2, rel=0.01)


def test_empty_and_full_maps():
    empty, full = np.zeros((20, 30), np.uint8), np.full((20, 30), 255, np.uint8)
    assert not matting.alpha(empty).any()
    assert (matting.alpha(full) == 255).all()


def test_no_wall_shines_through_the_edge():
    photo, _, map = disc(2)
    cut = matting.cut_out(photo, map)
    mixed = (cut[..., 3] > 40) & (cut[..., 3] < 250)
    plain = photo[mixed].astype(float) - PAINT
    cleaned = cut[..., :3][mixed].astype(float) - PAINT
    assert np.abs(cleaned).mean() < 0.35 * np.abs(plain).mean()
    dark = matting.composite(cut, np.zeros_like(photo))
    assert dark[..., 1].max() < 60  # green: of the paint 20, of the wall 230


def test_only_the_edge_changes_colour():
    photo, _, map = disc(2)
    cut = matting.cut_out(photo, map)
    opaque = cut[..., 3] == 255
    assert np.array_equal(cut[opaque][:, :3], photo[opaque])
    assert not cut[cut[..., 3] == 0].any()


def test_holes_of_the_photograph_stay_holes():
    photo, _, map = disc(2)
    opacity = np.full(map.shape, 255, np.uint8)
    opacity[40:50, 60:80] = 0
    opacity[50:55, 60:80] = 128
    own = np.full_like(photo, (200, 0, 0))
    whole = matting.cut_out(photo, map)
    cut = matting.seen_through(whole, own, opacity)
    assert not cut[45, 70].any()
    assert cut[52, 70].tolist() == [200, 0, 0, 128]
    assert np.array_equal(cut[opacity == 255], whole[opacity == 255])


def test_over_mixes_by_alpha():
    cut = np.array([[[200, 100, 0, 255], [200, 100, 0, 0], [200, 100, 0, 51]]], np.uint8)
    mixed = matting.composite(cut, np.full((1, 3, 3), 50, np.uint8))
    assert mixed.tolist() == [[[200, 100, 0], [50, 50, 50], [80, 60, 40]]]


def test_blur_leaves_the_car_out():
    photo, _, map = disc(2)
    smooth = matting.blurred_background(photo, matting.alpha(map))
    assert smooth.shape == photo.shape
    assert np.abs(smooth.astype(int) - WALL).max() < 12  # nothing red anywhere


def test_blur_of_a_car_that_fills_the_picture_is_no_crash():
    photo, _, _ = disc(2)
    assert matting.blurred_background(photo, np.full(photo.shape[:2], 255, np.uint8)).min() > 100


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 3)])
def test_any_shape(shape):
    map = np.full(shape, 200, np.uint8)
    photo = cv2.merge([map] * 3).reshape(*shape, 3)
    cut = matting.cut_out(photo, map)
    assert cut.shape == (*shape, 4)
    background = matting.blurred_background(photo, cut[..., 3])
    assert matting.composite(cut, background).shape == photo.shape
