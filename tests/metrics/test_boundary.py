"""Boundary measures against their definitions, written out pixel by pixel, and against SciPy."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from bench.data.carvana import open_folder
from bench.metrics.boundary import boundary, outline, wrong_by_distance

EMPTY = np.zeros((30, 40), dtype=bool)
DOT = EMPTY.copy()
DOT[3, 4] = True
SHAPES = st.tuples(st.integers(1, 14), st.integers(1, 17))
PAIRS = SHAPES.flatmap(lambda shape: st.tuples(arrays(bool, shape), arrays(bool, shape)))


def by_hand(predicted, truth):
    """The docstring of `boundary` with loops in place of trees, crops and OpenCV."""
    diagonal = np.hypot(*truth.shape)
    width = max(1, round(0.02 * diagonal))

    def rim(mask):
        square = np.ones((3, 3))
        return mask & ~ndimage.binary_erosion(mask, square, iterations=width)

    def surface(mask):
        around = np.pad(mask, 1)
        full = around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
        return np.argwhere(mask & ~full)

    one, other = surface(predicted), surface(truth)
    distances = np.sqrt(((one[:, None] - other[None]) ** 2).sum(axis=2))
    there, back = distances.min(axis=1), distances.min(axis=0)
    rims = rim(predicted), rim(truth)
    return (
        (rims[0] & rims[1]).sum() / (rims[0] | rims[1]).sum(),
        max(np.percentile(there, 95), np.percentile(back, 95)),
        np.concatenate([there, back]).mean(),
    )


@given(PAIRS)
def test_small_masks_by_hand(pair):
    predicted, truth = pair
    if predicted.any() and truth.any():
        assert boundary(predicted, truth) == pytest.approx(by_hand(predicted, truth))


def blob(seed, shape):
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 12)
    return noise > np.quantile(noise, 0.7)


def test_large_masks_against_scipys_distance_transform():
    predicted, truth = blob(1, (300, 450)), blob(2, (300, 450))
    surfaces = [mask ^ ndimage.binary_erosion(mask) for mask in (predicted, truth)]
    there = ndimage.distance_transform_edt(~surfaces[1])[surfaces[0]]
    back = ndimage.distance_transform_edt(~surfaces[0])[surfaces[1]]
    # 2 % of the diagonal of 540.8 is 11: a rim is what lies at most 11 king's moves deep
    rims = [
        mask & (ndimage.distance_transform_cdt(np.pad(mask, 1), "chessboard")[1:-1, 1:-1] <= 11)
        for mask in (predicted, truth)
    ]
    agreement = boundary(predicted, truth)
    assert agreement.iou == pytest.approx((rims[0] & rims[1]).sum() / (rims[0] | rims[1]).sum())
    assert agreement.hausdorff95_px == pytest.approx(
        max(np.percentile(d, 95) for d in (there, back))
    )
    assert agreement.mean_distance_px == pytest.approx(np.concatenate([there, back]).mean())


def test_real_car_moved_sideways(carvana_folder):
    folder = open_folder(carvana_folder)
    truth = folder.mask(min(folder.masks))
    agreement = boundary(np.roll(truth, 3, axis=1), truth)
    assert agreement.hausdorff95_px == 3
    assert 0 < agreement.mean_distance_px < 3
    assert 0.85 < agreement.iou < 0.99


def test_only_the_rim_counts_in_boundary_iou():
    truth = np.zeros((400, 600), dtype=bool)  # 2 % of the diagonal: 14 pixels
    cv2.rectangle(truth.view(np.uint8), (100, 100), (499, 299), 1, thickness=-1)
    hollow = truth.copy()
    hollow[180:220, 180:220] = False
    assert boundary(truth, truth) == (1, 0, 0)
    assert boundary(hollow, truth).iou < 1  # a hole has a rim of its own
    shrunk = truth & np.roll(truth, 7, axis=0) & np.roll(truth, -7, axis=0)
    assert boundary(shrunk, truth).iou < 0.85


@pytest.mark.parametrize(
    ("predicted", "truth", "expected"),
    [
        pytest.param(EMPTY, EMPTY, (1, 0, 0), id="both empty agree"),
        pytest.param(EMPTY, DOT, (0, np.nan, np.nan), id="car missed: no distance"),
        pytest.param(DOT, EMPTY, (0, np.nan, np.nan), id="car invented: no distance"),
        pytest.param(DOT, DOT, (1, 0, 0), id="one pixel"),
        pytest.param(DOT, np.roll(DOT, (3, 4), (0, 1)), (0, 5, 5), id="one pixel, five away"),
        pytest.param(~EMPTY, ~EMPTY, (1, 0, 0), id="all car"),
    ],
)
def test_edge_cases(predicted, truth, expected):
    assert boundary(predicted, truth) == pytest.approx(expected, nan_ok=True)


@given(PAIRS)
def test_a_truth_known_by_its_outline_gives_the_same(pair):
    predicted, truth = pair
    expected = pytest.approx(boundary(predicted, truth), rel=0, nan_ok=True)
    assert boundary(predicted, truth, outline(truth)) == expected


@given(PAIRS)
def test_order_and_place_do_not_matter(pair):
    predicted, truth = pair
    agreement = boundary(predicted, truth)
    assert boundary(truth, predicted) == pytest.approx(agreement, nan_ok=True)
    assert boundary(predicted[::-1].T, truth[::-1].T) == pytest.approx(
        agreement, nan_ok=True
    )  # strides of any kind


def test_wrong_pixels_are_counted_by_their_distance_from_the_outline():
    truth = np.zeros((30, 30), bool)
    truth[10:20, 10:20] = True
    predicted = truth.copy()
    predicted[15, 9] = True  # beside the outline
    predicted[15, 2] = True  # eight pixels away
    predicted[15, 12] = False  # three inside
    assert wrong_by_distance(predicted, truth, (1, 3, 5)) == [1, 2, 2, 3]
    assert wrong_by_distance(predicted, np.zeros_like(truth), (1, 3)) == [0, 0, 101]


def test_maps_and_other_sizes_are_refused():
    with pytest.raises(TypeError, match="threshold it first"):
        boundary(np.zeros((2, 3), np.uint8), np.zeros((2, 3), bool))
    with pytest.raises(ValueError, match="do not match"):
        boundary(np.zeros((2, 3), bool), np.zeros((3, 2), bool))
