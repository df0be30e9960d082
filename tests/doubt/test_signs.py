"""Signs of doubt: none where all agree, more the more members differ."""

import numpy as np

from bench.doubt.calibration import Calibration, Trial
from bench.doubt.listing import Doubt
from bench.doubt.signs import signs

TRIAL = Trial(photographs=9, cars=4, rank_correlation=None, bad=0, first=1, bad_first=0)


def test_no_doubt_where_members_agree_and_are_certain():
    certain = np.zeros((20, 30), np.uint8)
    certain[5:15, 5:25] = 255
    assert signs([certain, certain], certain) == (0, 0)


def test_doubt_is_a_share_of_the_car_whatever_the_photograph_s_size():
    map = np.zeros((20, 30), np.uint8)
    map[5:15, 5:25], map[5:15, 25:27] = 255, 100
    wider = np.where(map == 100, 255, map).astype(np.uint8)
    small = signs([map, wider], map)
    assert np.allclose(small, (20 / 2 / 200, 20 * 100 / 255 / 200))
    large = [each.repeat(3, 0).repeat(3, 1) for each in (map, wider)]
    assert np.allclose(signs(large, large[0]), small)


def test_no_car_at_all_is_as_doubtful_as_can_be():
    dark = np.full((20, 30), 20, np.uint8)
    assert signs([dark], dark).width > 10
    empty = np.zeros((20, 30), np.uint8)
    assert signs([empty, empty], empty) == (1, 1)
    for calibration in (None, Calibration(offset=-9, slopes=(0, 0), spread=1, trial=TRIAL)):
        assert Doubt.of(signs([empty], empty), calibration).doubtful
