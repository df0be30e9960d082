"""The leaderboard of a page: the scale of its intervals."""

from bench.report.leaderboard import Scale
from bench.report.svg import dice_ticks


def test_scale_of_intervals_is_monotonous_and_holds_a_perfect_score():
    scale = Scale([0.9, 0.99, 1.0])
    places = [scale(each) for each in (0.9, 0.95, 0.99, 0.999, 1.0)]
    assert places == sorted(places)
    assert scale.ticks
    assert len(dice_ticks(0.0033, 0.0036)) >= 3
