"""The largest component: which one stays, and when nothing changes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from bench.refinement.largest_component import largest_component


def test_the_largest_component_is_that_of_most_pixels():
    mask = np.zeros((120, 200), np.bool_)
    mask[30:100, 40:170] = True
    mask[5:10, 5:50] = True
    mask[100, 170] = True  # touches the car's corner
    found = largest_component(mask)
    assert found.sum() == 70 * 130 + 1
    assert not found[:20].any()


def test_of_two_of_a_size_the_upper_one_stays():
    mask = np.zeros((10, 20), np.bool_)
    mask[1:4, 0:3] = mask[0:3, 10:13] = True
    assert largest_component(mask)[0:3, 10:13].all()


@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=9)))
def test_it_is_the_first_of_the_largest_that_scipy_labels(mask):
    """Which numbers components row by row."""
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=2)[1:]
    expected = labels == 1 + np.argmax(sizes) if count else mask
    assert (largest_component(mask) == expected).all()


@pytest.mark.parametrize("value", [False, True])
def test_no_component_and_one_stay(value):
    mask = np.full((5, 8), value)
    assert (largest_component(mask) == mask).all()
