"""Touch-ups of a map, as the page's switches do them."""

import numpy as np

from bench.config.refinement import DEFAULT_STEPS
from bench.cutout import touch_ups


def test_touch_ups_by_hand():
    map = np.zeros((60, 90), np.uint8)
    map[10:50, 10:60] = 200
    map[20:25, 20:25] = 30  # a hole
    map[5:9, 80:84] = 220  # a speck
    filled = touch_ups.apply(["fill_holes"], map)
    assert (filled[19:26, 19:26] >= 128).all() and filled[6, 82] == 220
    one = touch_ups.apply(["largest_component"], map)
    assert one[6, 82] == 0 and one[22, 22] == 30 and one[12, 12] == 200
    assert not touch_ups.apply(["denoise"], map)[0:9, 70:].any()
    assert touch_ups.apply([], map) is map


def test_touch_ups_leave_empty_and_full_maps_alone():
    for value in (0, 255):
        map = np.full((50, 60), value, np.uint8)
        for name in DEFAULT_STEPS:
            assert np.array_equal(touch_ups.apply([name], map), map)
