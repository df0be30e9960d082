"""Active contours: pinned ends, an edge found again, and nothing done where there is none."""

import numpy as np
import pytest

from bench.masks.contours import contours, on_edge
from bench.refinement.active_contours import MAX_POINTS, fit_active_contours
from bench.refinement.certainty import uncertain

ROWS, COLUMNS = np.indices((120, 200))


def bent(depth):
    """A straight edge at row 60; between columns 60 and 140 the map is vague, and one half sags.

    Its steepest place stays at row 60 all the way.
    """
    steep = 1 / (1 + np.exp((ROWS - 60) / 2.0))
    vague = np.clip(1 - np.abs(COLUMNS - 100) / 40, 0, 1)
    shift = depth * vague
    return np.clip(np.round(255 * (steep * (1 - 0.5 * shift) + 0.6 * shift)), 0, 255).astype(
        np.uint8
    )


def vague_ramp():
    """No edge at all: the map falls from 1 to 0 evenly over all of its rows."""
    return np.round(255 * (1 - ROWS / 119)).astype(np.uint8)


def test_an_uncertain_stretch_moves_to_the_steepest_place():
    map = bent(0.7)
    (outline,) = contours(map)
    free = ~on_edge(outline, map.shape)
    assert outline[free][:, 0].max() > 63  # the level of one half sags
    found = fit_active_contours(map, outline, 0.01, 0.1)
    assert (found.tried, found.kept) == (1, 0)
    away = np.abs(found.contour[~on_edge(found.contour, map.shape)][:, 0] - 60)
    assert away.mean() < np.abs(outline[free][:, 0] - 60).mean() / 2


def test_certain_points_and_the_edge_of_the_image_stay():
    map = bent(0.7)
    (outline,) = contours(map)
    (stretch,) = uncertain(map, outline)
    kept = np.delete(outline, stretch, axis=0)
    found = fit_active_contours(map, outline, 0.01, 0.1).contour
    assert {tuple(point) for point in kept} <= {tuple(point) for point in found}


def test_a_map_without_an_edge_is_left_alone():
    map = vague_ramp()
    (outline,) = contours(map)
    found = fit_active_contours(map, outline, 0.01, 0.1)
    assert found.tried == found.kept == 2
    assert (found.contour == outline).all()


def test_a_certain_contour_is_left_alone():
    map = ((np.hypot(ROWS - 60, COLUMNS - 90) < 40) * 255).astype(np.uint8)
    (outline,) = contours(map)
    found = fit_active_contours(map, outline, 0.01, 0.1)
    assert (found.tried, found.kept) == (0, 0)
    assert found.contour is outline


@pytest.mark.parametrize("radius", [20, 50])
def test_a_ring_that_is_uncertain_all_around_is_cut_and_stays_a_ring(radius):
    away = radius - np.hypot(ROWS - 60, COLUMNS - 100)
    map = np.round(255 / (1 + np.exp(-away / 9))).astype(np.uint8)
    outline = max(contours(map), key=len)
    found = fit_active_contours(map, outline, 0.01, 0.1)
    assert found.tried == -(-len(outline) // MAX_POINTS)
    assert np.hypot(*np.diff(found.contour, axis=0, append=found.contour[:1]).T).max() < 6
