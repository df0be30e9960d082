"""What the report draws: error pictures, crops, labels and scales, without a run."""

import base64
import io

import numpy as np
from PIL import Image

from bench.report import inline_images, pictures
from bench.report.leaderboard import Scale
from bench.report.svg import dice_ticks, spread_apart


def test_a_single_wrong_pixel_still_shows_when_shrunk():
    truth = np.zeros((640, 1920), bool)
    truth[200:400, 500:1500] = True
    predicted = truth.copy()
    predicted[10, 10] = True
    predicted[300, 700] = False
    small = inline_images.errors(predicted, truth, 480)
    assert (small.width, small.height) == (480, 160)
    places = np.asarray(_decoded(small))
    assert places[2, 2] == 2
    assert places[75, 175] == 3
    assert np.count_nonzero(places == 1) == 50 * 250 - 1


def test_crops_do_not_overlap_and_stop_where_nothing_is_wrong():
    truth = np.zeros((600, 900), bool)
    predicted = truth.copy()
    predicted[50:60, 50:60] = predicted[500:505, 800:805] = True
    found = pictures.crops(np.zeros((600, 900, 3), np.uint8), predicted, truth)
    assert len(found) == 2
    assert found[0].place.startswith("rows 0 to 240")
    assert pictures.crops(np.zeros((600, 900, 3), np.uint8), truth, truth) == []


def test_labels_keep_their_order_and_distance():
    wanted = np.random.default_rng(0).uniform(0, 100, 9)
    moved = spread_apart(wanted, 13)
    assert (np.argsort(moved) == np.argsort(wanted)).all()
    assert np.diff(np.sort(moved)).min() >= 13 - 1e-9


def test_scale_of_intervals_is_monotonous_and_holds_a_perfect_score():
    scale = Scale([0.9, 0.99, 1.0])
    places = [scale(each) for each in (0.9, 0.95, 0.99, 0.999, 1.0)]
    assert places == sorted(places)
    assert scale.ticks
    assert len(dice_ticks(0.0033, 0.0036)) >= 3


def _decoded(small):
    return Image.open(io.BytesIO(base64.b64decode(small.uri.partition(",")[2])))
