"""Adaptive smoothing: the issue's laws, and the largest sigmas as found by hand."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bench.data.carvana import open_folder
from bench.masks.contours import contours
from bench.masks.resize import ceiling_map
from bench.refinement.adaptive_smoothing import MAX_SIGMA, adaptive_smoothing, sigmas, step

ALPHAS = st.sampled_from([0.1, 0.3, 0.5, 0.75, 1.0, 2.5])
STEPS = arrays(float, st.tuples(st.integers(0, 40), st.just(2)), elements=st.floats(-1, 1))
OUTLINES = STEPS.map(lambda steps: np.cumsum(steps, axis=0))
DRAWN = st.tuples(OUTLINES, ALPHAS, st.booleans())


def smoothed_by(points, place, sigma, closed):
    """A point smoothed as the definition says: a Gaussian at whole numbers up to two sigma away."""
    if sigma == 0:
        return points[place]
    offsets = np.arange(-int(2 * sigma + 1e-9), int(2 * sigma + 1e-9) + 1)
    weights = np.exp(-(offsets**2) / (2 * sigma**2))
    places = place + offsets
    if closed:
        places %= len(points)
    inside = (places >= 0) & (places < len(points))
    return (weights[inside] / weights[inside].sum()) @ points[places[inside]]


def moves_little(points, place, sigma, closed):
    far = np.hypot(*(smoothed_by(points, place, sigma, closed) - points[place]))
    assume(abs(far - 0.5) > 1e-9)  # rounding decides: two points of distance 1, and much smoothed
    return far < 0.5


def largest_by_hand(points, alpha, closed):
    """Every sigma lowered, one step at a time, as long as anything about it is not allowed."""
    count, by = len(points), step(alpha)
    levels = np.full(count, int(MAX_SIGMA / by))
    if not closed:
        levels[[0, -1]] = 0
    while True:
        wrong = []
        for i in range(count):
            around = [(i - 1) % count, (i + 1) % count]
            if not closed:
                around = [max(i - 1, 0), min(i + 1, count - 1)]
            steep = (levels[i] - levels[around]).max() * by > alpha + 1e-9
            if levels[i] and (steep or not moves_little(points, i, levels[i] * by, closed)):
                wrong.append(i)
        if not wrong:
            return levels * by
        levels[wrong] -= 1


@given(DRAWN)
def test_laws(drawn):
    points, alpha, closed = drawn
    found, widths = adaptive_smoothing(points, alpha, closed), sigmas(points, alpha, closed)
    assert found.shape == points.shape and found.dtype == np.float64
    assert (np.hypot(*(found - points).T) < 0.5).all()
    assert (widths >= 0).all()
    if len(points) and not closed:
        assert (found[[0, -1]] == points[[0, -1]]).all()
        assert (widths[[0, -1]] == 0).all()
    slopes = np.diff(widths, append=widths[:1]) if closed else np.diff(widths)
    assert (np.abs(slopes) <= alpha + 1e-9).all()


@given(DRAWN)
def test_every_point_is_smoothed_by_its_own_sigma(drawn):
    points, alpha, closed = drawn
    found = adaptive_smoothing(points, alpha, closed)
    for place, sigma in enumerate(sigmas(points, alpha, closed)):
        assert found[place] == pytest.approx(smoothed_by(points, place, sigma, closed), abs=1e-12)


@given(DRAWN)
def test_no_sigma_could_be_one_step_larger(drawn):
    points, alpha, closed = drawn
    widths, by, count = sigmas(points, alpha, closed), step(alpha), len(points)
    for i in range(count):
        if not closed and i in (0, count - 1):
            continue
        larger = widths[i] + by
        neighbours = widths[[(i - 1) % count, (i + 1) % count]] if count > 1 else larger
        assert (
            larger > MAX_SIGMA
            or (larger - neighbours > alpha + 1e-9).any()
            or not moves_little(points, i, larger, closed)
        )


@given(STEPS.filter(lambda steps: 0 < len(steps) < 12), st.sampled_from([0.5, 1.0]), st.booleans())
def test_sigmas_are_the_largest_all_together(steps, alpha, closed):
    points = np.cumsum(steps, axis=0)
    expected = largest_by_hand(points, alpha, closed)
    assert sigmas(points, alpha, closed) == pytest.approx(expected)


@given(OUTLINES.filter(len), ALPHAS, st.integers(0, 50))
def test_a_closed_contour_has_no_seam(points, alpha, turn):
    rolled = adaptive_smoothing(np.roll(points, turn, axis=0), alpha, closed=True)
    assert (rolled == np.roll(adaptive_smoothing(points, alpha, closed=True), turn, axis=0)).all()


@given(OUTLINES, ALPHAS)
def test_backwards_is_the_same(points, alpha):
    found = adaptive_smoothing(points, alpha)
    assert adaptive_smoothing(points[::-1], alpha)[::-1] == pytest.approx(found, abs=1e-12)


@pytest.mark.parametrize("direction", [(0, 1), (1, 0), (1, 1), (0.375, -0.625)])
def test_a_straight_line_stays(direction):
    line = np.arange(200)[:, None] * np.array(direction) + 10.5
    assert adaptive_smoothing(line) == pytest.approx(line, abs=1e-12)
    assert sigmas(line).max() == MAX_SIGMA


def test_a_wavering_circle_becomes_rounder():
    angles = np.arange(900) * 2 * np.pi / 900
    radii = 140 + np.random.default_rng(0).normal(0, 0.15, 900)
    found = adaptive_smoothing(
        np.column_stack([radii * np.sin(angles), radii * np.cos(angles)]), closed=True
    )
    assert np.hypot(*found.T).std() < 0.6 * radii.std()


def test_a_corner_is_smoothed_least():
    side, nought = np.arange(40.0), np.zeros(40)
    corner = np.concatenate([np.column_stack([nought, side]), np.column_stack([side, nought + 40])])
    widths = sigmas(corner)
    assert widths[40] == 1
    assert widths[20] > 5


def test_a_real_outline_is_smoothed_within_half_a_pixel(carvana_folder):
    folder = open_folder(carvana_folder)
    truth = folder.mask(min(folder.masks))
    for map in (truth.view(np.uint8) * np.uint8(255), ceiling_map(truth, (320, 480))):
        outline = max(contours(map), key=len)
        found, widths = adaptive_smoothing(outline, closed=True), sigmas(outline, closed=True)
        assert np.hypot(*(found - outline).T).max() < 0.5
        assert np.abs(np.diff(widths, append=widths[0])).max() <= 0.5
        assert widths.mean() > 4
        turns = [np.hypot(*np.diff(each, 2, axis=0).T).mean() for each in (outline, found)]
        assert turns[1] < turns[0] / 4


@pytest.mark.parametrize(
    ("points", "alpha", "told"),
    [
        pytest.param(np.zeros((3, 3)), 0.5, "N, 2", id="no plane"),
        pytest.param([[0, np.nan]], 0.5, "finite", id="not a number"),
        pytest.param(np.zeros((3, 2)), 0, "alpha is 0", id="no slope at all"),
        pytest.param(np.zeros((3, 2)), np.nan, "alpha is nan", id="slope not a number"),
    ],
)
def test_refuses(points, alpha, told):
    with pytest.raises(ValueError, match=told):
        adaptive_smoothing(points, alpha)


def test_what_was_given_is_left_alone():
    points = np.array([[0, 0], [1, 1], [0, 2], [1, 3]])
    before = points.copy()
    assert adaptive_smoothing(points, closed=True).dtype == np.float64
    assert (points == before).all()
    assert adaptive_smoothing(np.empty((0, 2)), closed=True).shape == (0, 2)
    assert (adaptive_smoothing(points[:2]) == points[:2]).all()
