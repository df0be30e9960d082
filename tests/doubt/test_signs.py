"""Signs of doubt: none where all agree, more the more members differ."""

import numpy as np
import pytest

from bench.doubt.calibration import Calibration, Trial
from bench.doubt.listing import Doubt
from bench.doubt.signs import signs

TRIAL = Trial(photographs=9, cars=4, rank_correlation=None, bad=0, first=1, bad_first=0)


def test_no_doubt_where_members_agree_and_are_certain():
    certain = np.zeros((20, 30), np.uint8)
    certain[5:15, 5:25] = 255
    assert signs([certain, certain], certain) == (0, 0)


def test_doubt_is_a_share_of_what_is_found_whatever_the_photograph_s_size():
    map = np.zeros((20, 30), np.uint8)
    map[5:15, 5:25], map[5:15, 25:27] = 255, 100
    wider = np.where(map == 100, 255, map).astype(np.uint8)
    small = signs([map, wider], map)
    unsure = 20 * 100 / 255  # pixels of the car that the mask is expected to lack
    assert np.allclose(small, (20 / 220 / 2, unsure / (200 + unsure)))
    large = [each.repeat(3, 0).repeat(3, 1) for each in (map, wider)]
    assert np.allclose(signs(large, large[0]), small)


def test_a_share_never_exceeds_all_of_it_however_much_members_differ():
    map, wider = np.full((20, 30), 100, np.uint8), np.full((20, 30), 255, np.uint8)
    map[5:7, 5:15] = 255
    shown = signs([map, wider], map)
    assert np.allclose(shown, (580 / 600 / 2, 1 - 20 / (20 + 580 * 100 / 255)))
    assert str(Doubt(shown)) == "the model is unsure of 91.9% of the cut-out, not calibrated"
    assert str(Doubt(signs([wider, wider], map))).startswith("members differ on 96.7% of the cut-")


@pytest.mark.parametrize("member", [0, 20, 255])
def test_no_car_at_all_is_as_doubtful_as_can_be_and_said(member):
    """Whatever a member sees, and whatever shade is left."""
    for shade in (0, 20):
        shown = signs([np.full((20, 30), member, np.uint8)], np.full((20, 30), shade, np.uint8))
        assert shown == (1, 1)
        for calibration in (None, Calibration(offset=-9, slopes=(0, 0), spread=1, trial=TRIAL)):
            doubt = Doubt.of(shown, calibration)
            assert doubt.doubtful
            assert str(doubt) == "nothing was found"
