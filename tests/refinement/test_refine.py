"""Refinement as a whole: a map with a better mask."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from bench.config.refinement import DEFAULT_STEPS, STEP_TYPES, AdaptiveSmoothing
from bench.masks.contours import contours
from bench.masks.resize import ceiling_map
from bench.refinement.refine import STEPS, refine, refined

FILL, LARGEST, DENOISE, SNAKES, SMOOTH = DEFAULT_STEPS.values()
ALL = (LARGEST, FILL, SNAKES, SMOOTH)
VALUES = st.sampled_from([0, 100, 127, 128, 200, 255])
MAPS = st.tuples(st.integers(1, 12), st.integers(1, 15)).flatmap(
    lambda shape: arrays(np.uint8, shape, elements=VALUES)
)


def blobs(seed, shape=(150, 220), size=8):
    """A map of several smooth blobs and holes, some of them cut off by the edge."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), size)
    return np.round(255 / (1 + np.exp(-12 * noise / noise.std()))).astype(np.uint8)


def test_every_listed_step_is_carried_out_by_a_function():
    assert set(STEPS) == set(STEP_TYPES)


@given(MAPS, st.sampled_from([(SMOOTH,), (SNAKES,), (SNAKES, SMOOTH), ALL, (DENOISE, SMOOTH)]))
def test_any_map_gives_a_map_that_differs_where_its_mask_does(map, steps):
    before = map.copy()
    found = refined(map, steps)
    assert found.shape == map.shape and found.dtype == np.uint8
    same = (found >= 128) == (map >= 128)
    assert (found[same] == map[same]).all()
    assert (map == before).all()


@given(MAPS)
def test_without_steps_the_map_stays(map):
    assert refined(map, ()) is map
    assert (refine(map, ()).map == map).all()


@pytest.mark.parametrize("steps", [(SMOOTH,), (SNAKES,), (SNAKES, SMOOTH), (FILL,), (LARGEST,)])
@pytest.mark.parametrize("value", [0, 127, 128, 255])
def test_empty_and_full_maps_survive(steps, value):
    map = np.full((40, 60), value, np.uint8)
    assert (refined(map, steps) == map).all()


@pytest.mark.parametrize("steps", [(SMOOTH,), (SNAKES, SMOOTH)])
@pytest.mark.parametrize(
    "inside",
    [
        pytest.param(lambda rows, columns: rows < 60, id="horizontal, from edge to edge"),
        pytest.param(lambda rows, columns: columns > 71, id="vertical"),
        pytest.param(lambda rows, columns: rows + columns > 130, id="diagonal"),
        pytest.param(lambda rows, columns: (rows > 40) & (columns < 90), id="a corner's sides"),
    ],
)
def test_a_straight_edge_changes_no_pixel(steps, inside):
    rows, columns = np.indices((120, 200))
    mask = inside(rows, columns)
    for map in (mask * np.uint8(255), ceiling_map(mask, (120, 200))):
        changed = (refined(map, steps) >= 128) ^ mask
        assert changed.sum() <= 2  # at most where a corner is


@given(MAPS)
def test_smoothing_loses_no_speck_and_no_hole(map):
    """Every contour still holds a pixel, or leaves one out."""
    found = refine(map, (SMOOTH,))
    assert len(found.contours) == len(contours(map))
    assert (found.map >= 128).any() == (map >= 128).any()
    assert (found.map < 128).any() == (map < 128).any()


@pytest.mark.parametrize("seed", range(4))
def test_components_holes_and_what_touches_the_edge_survive(seed):
    map = blobs(seed)
    found = refined(map, (SNAKES, SMOOTH)) >= 128
    for mask, before in ((found, map >= 128), (~found, map < 128)):
        labels, count = ndimage.label(before)
        assert all(mask[labels == label].any() for label in range(1, count + 1))
    assert np.count_nonzero(found ^ (map >= 128)) < 0.02 * map.size
    assert (found[0] == (map[0] >= 128)).mean() > 0.95


@pytest.mark.parametrize("seed", range(4))
def test_holes_are_filled_as_scipy_fills_them(seed):
    map = blobs(seed)
    expected = ndimage.binary_fill_holes(map >= 128)
    assert (expected != (map >= 128)).any()
    assert ((refined(map, (FILL,)) >= 128) == expected).all()


def test_the_largest_component_keeps_its_outline_to_the_last_digit():
    map = blobs(0)
    labels, count = ndimage.label(map >= 128, np.ones((3, 3)))
    sizes = ndimage.sum_labels(map >= 128, labels, range(1, count + 1))
    found = refine(map, (LARGEST,))
    assert ((found.map >= 128) == (labels == 1 + np.argmax(sizes))).all()
    before = {tuple(point) for each in contours(map) for point in each}
    assert all(tuple(point) in before for each in found.contours for point in each)


def test_steps_follow_each_other():
    map = blobs(1)
    one_by_one = refined(refined(map, (FILL,)), (SMOOTH,))
    both = refined(map, (FILL, SMOOTH))
    assert ((both >= 128) != (one_by_one >= 128)).mean() < 1e-3


def test_a_wider_slope_smooths_more():
    map = blobs(2)
    narrow, wide = (AdaptiveSmoothing(alpha=alpha) for alpha in (0.05, 0.5))
    turns = [
        sum(np.abs(np.diff(each, 2, axis=0)).sum() for each in refine(map, (step,)).contours)
        for step in (narrow, wide)
    ]
    assert turns[1] < turns[0]
