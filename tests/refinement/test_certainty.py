"""Where contours are certain: stretches around a ring, none at the edge of the image."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.masks.contours import contours, on_edge
from bench.refinement.certainty import MIN_POINTS, certain, uncertain

ROWS, COLUMNS = np.indices((90, 140))


def disc(blur_left, blur_right):
    """A disc whose outline is so many pixels wide at its left and right half."""
    away = 30 - np.hypot(ROWS - 45, COLUMNS - 70)
    wide = np.where(COLUMNS < 70, blur_left, blur_right)
    return np.round(255 * np.clip(0.5 + away / wide, 0, 1)).astype(np.uint8)


def test_a_sharp_outline_is_one_certain_stretch():
    map = disc(2, 2)
    (outline,) = contours(map)
    (whole,) = certain(map, outline)
    assert whole.tolist() == list(range(len(outline)))
    assert uncertain(map, outline) == []


def test_a_blurred_outline_is_one_uncertain_stretch():
    map = disc(50, 50)
    (outline,) = contours(map)
    assert certain(map, outline) == []
    (whole,) = uncertain(map, outline)
    assert len(whole) == len(outline)


@given(st.integers(0, 200))
def test_a_half_blurred_outline_has_one_stretch_of_each(turn):
    map = disc(50, 2)
    (outline,) = contours(map)
    outline = np.roll(outline, turn, axis=0)  # where it begins makes no difference
    (sure,), (unsure,) = certain(map, outline), uncertain(map, outline)
    assert sorted([*sure, *unsure]) == list(range(len(outline)))
    for stretch in (sure, unsure):
        assert (np.diff(stretch) % len(outline) == 1).all()
    assert outline[sure][:, 1].mean() > 80 > 60 > outline[unsure][:, 1].mean()


def test_the_edge_of_the_image_is_in_no_stretch():
    map = disc(2, 2)[30:]
    (outline,) = contours(map)
    (sure,) = certain(map, outline)
    assert not on_edge(outline[sure], map.shape).any()
    assert len(sure) == len(outline) - np.count_nonzero(map[0] >= 128)


@pytest.mark.parametrize(("size", "found"), [(2, 0), (MIN_POINTS, 1)])
def test_short_uncertain_stretches_are_none(size, found):
    map = np.full((60, 60), 100, np.uint8)
    map[20 : 20 + size, 20 : 20 + size] = 150
    (outline,) = contours(map)
    assert len(uncertain(map, outline)) == found
