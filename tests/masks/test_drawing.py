"""Pictures of errors: each kind in its colour, the crop where most is wrong."""

import numpy as np
import pytest

from bench.masks import drawing
from bench.masks.contours import contours


def test_each_kind_of_pixel_has_its_colour():
    photo = np.full((1, 4, 3), 200, np.uint8)
    predicted, truth = np.array([[1, 1, 0, 0]], bool), np.array([[1, 0, 1, 0]], bool)
    tinted, false_positive, false_negative, outside = drawing.overlay(photo, predicted, truth)[0]
    assert tinted[1] > tinted[0] and tinted[1] > tinted[2]
    assert tuple(false_positive) == drawing.FALSE_POSITIVE
    assert tuple(false_negative) == drawing.FALSE_NEGATIVE
    assert outside.tolist() == [200, 200, 200]
    assert (photo == 200).all()


@pytest.mark.parametrize(
    ("wrong", "window"),
    [
        pytest.param((50, 70), (40, 60, 55, 85), id="around the only error"),
        pytest.param((0, 119), (0, 20, 90, 120), id="moved into the image"),
    ],
)
def test_crop_is_where_the_error_is(wrong, window):
    truth = np.zeros((80, 120), bool)
    predicted = truth.copy()
    predicted[wrong] = True
    rows, columns = drawing.worst_crop(predicted, truth, (20, 30))
    assert (rows.start, rows.stop, columns.start, columns.stop) == window


def test_crop_prefers_many_errors_to_few_and_takes_a_small_image_whole():
    truth = np.zeros((80, 120), bool)
    predicted = truth.copy()
    predicted[10:12, 10:12] = predicted[60:66, 90:96] = True
    rows, columns = drawing.worst_crop(predicted, truth, (20, 30))
    assert predicted[rows, columns].sum() == 36
    assert drawing.worst_crop(truth, truth, (90, 200)) == (slice(0, 80), slice(0, 120))


def test_close_up_enlarges_pixels_and_draws_outlines_between_them():
    photo = np.full((20, 30, 3), 200, np.uint8)
    map = np.zeros((20, 30), np.uint8)
    map[8:12, 10:20] = 255
    window = (slice(5, 15), slice(8, 24))
    picture = drawing.close_up(photo, map, [(contours(map), drawing.AFTER)], window)
    zoom = drawing.ZOOM
    assert picture.shape == (10 * zoom, 3 * 16 * zoom, 3)
    plain, grey, drawn = np.split(picture, 3, axis=1)
    assert (plain == 200).all()
    white = (slice(3 * zoom, 7 * zoom), slice(2 * zoom, 12 * zoom))
    assert (grey[white] == 255).all() and grey.sum() == grey[white].sum()
    row = drawn[5 * zoom, :, 0]
    assert (row[2 * zoom - 2 : 2 * zoom + 2] < 180).any()  # in front of column 10 of the map
    assert (row[3 * zoom : 11 * zoom] == 200).all()


def test_masks_that_do_not_fit_are_refused():
    truth = np.zeros((2, 3), bool)
    with pytest.raises(ValueError, match="photograph of shape"):
        drawing.overlay(np.zeros((3, 2, 3), np.uint8), truth, truth)
    with pytest.raises(TypeError, match="bool"):
        drawing.worst_crop(truth.astype(np.uint8), truth, (1, 1))
    with pytest.raises(ValueError, match="do not match"):
        drawing.worst_crop(truth, truth.T, (1, 1))
