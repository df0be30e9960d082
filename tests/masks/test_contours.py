"""Contours: filled again they are exactly the mask they came from, whatever the map."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bench.data.carvana import open_folder
from bench.masks.contours import contours, enclosed_pixels, fill, on_edge
from bench.masks.resize import ceiling_map

SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 12))
VALUES = st.sampled_from([0, 126, 127, 128, 129, 255]) | st.integers(0, 255)
MAPS = SHAPES.flatmap(lambda shape: arrays(np.uint8, shape, elements=VALUES))
TWO = np.array([[1, 0, 0], [0, 1, 0]], np.uint8)
RING = np.full((6, 9), 255, np.uint8)
RING[2:4, 3:6] = 0
DOT = np.zeros((4, 7), np.uint8)
DOT[1, 2] = 200


def winding(contour, row, column):
    """How often a polygon goes around a point, against the clock: by the angles it sweeps."""
    rows, columns = (contour - (row, column)).T
    swept = np.diff(np.arctan2(-rows, columns), append=np.arctan2(-rows[0], columns[0]))
    return round(((swept + np.pi) % (2 * np.pi) - np.pi).sum() / (2 * np.pi))


@given(MAPS)
def test_filled_contours_are_the_thresholded_map(map):
    outlines = contours(map)
    mask = fill(outlines, map.shape)
    assert mask.dtype == np.bool_
    assert (mask == (map >= 128)).all()
    assert sum(enclosed_pixels(each, map.shape) for each in outlines) == np.count_nonzero(mask)


@pytest.mark.parametrize(
    ("map", "sizes"),
    [
        pytest.param(np.zeros((3, 4), np.uint8), [], id="empty"),
        pytest.param(np.full((3, 4), 255, np.uint8), [12], id="full"),
        pytest.param(DOT, [1], id="one pixel"),
        pytest.param(RING, [54, -6], id="a hole has a contour of its own"),
        pytest.param(255 - RING, [6], id="an island"),
        pytest.param(
            TWO * np.uint8(255), [2], id="diagonal neighbours of mean one half are joined"
        ),
        pytest.param(TWO * np.uint8(254), [1, 1], id="and those of a smaller mean are apart"),
    ],
)
def test_contours_by_hand(map, sizes):
    assert [enclosed_pixels(each, map.shape) for each in contours(map)] == sizes


def test_points_lie_where_the_map_is_one_half():
    rows, columns = np.indices((40, 60))
    ramp = np.clip(128 + 3 * (columns - 20.3 - 0.4 * rows), 0, 255).astype(np.uint8)
    points = np.concatenate(contours(ramp))
    points = points[~on_edge(points, ramp.shape)]
    assert len(points) > 40
    assert np.abs(points[:, 1] - 20.3 - 0.4 * points[:, 0]).max() < 0.4  # values are whole numbers


def test_the_edge_of_the_image_closes_a_contour():
    map = np.zeros((5, 6), np.uint8)
    map[3:, 1:4] = 255
    (outline,) = contours(map)
    assert outline[on_edge(outline, map.shape)].tolist() == [[4.5, 1], [4.5, 2], [4.5, 3]]
    assert outline[:, 0].min() == pytest.approx(2.5)


@given(
    st.lists(st.tuples(st.floats(-2, 8), st.floats(-2, 9)), min_size=3, max_size=8),
    st.lists(st.tuples(st.floats(-2, 8), st.floats(-2, 9)), min_size=3, max_size=8),
)
def test_a_pixel_is_inside_where_the_windings_add_up_to_one(one, other):
    polygons = [np.array(one), np.array(other)]
    mask = fill(polygons, (6, 7))
    for row, column in np.ndindex(6, 7):
        if not any(touches(each, row, column) for each in polygons):
            turns = sum(winding(each, row, column) for each in polygons)
            assert mask[row, column] == (turns > 0)


def touches(contour, row, column):
    """Whether a point lies on a polygon, or nearly so: the angle it sweeps is then any."""
    a, b = contour - (row, column), np.roll(contour, -1, axis=0) - (row, column)
    lengths = np.hypot(*(b - a).T)
    shares = np.clip(-(a * (b - a)).sum(axis=1) / np.maximum(lengths, 1e-100) ** 2, 0, 1)
    return np.hypot(*(a + shares[:, None] * (b - a)).T).min() < 1e-6


def test_real_masks_and_maps_come_back(carvana_folder):
    folder = open_folder(carvana_folder)
    for image in sorted(folder.masks)[::200]:
        truth = folder.mask(image)
        for map in (truth.view(np.uint8) * np.uint8(255), ceiling_map(truth, (320, 480))):
            assert (fill(contours(map), map.shape) == (map >= 128)).all()
