"""Published figures: where they are shown, and which there are."""

from itertools import pairwise

from bench.data.carvana import is_real, open_folder
from bench.scores.reported import NOTE, notes, private_leaderboard


def test_published_figures_stand_beside_real_photographs_only(tiny_carvana, carvana_folder):
    assert not is_real(open_folder(tiny_carvana))
    assert is_real(open_folder(carvana_folder))


def test_below_a_leaderboard_stands_whose_scores_these_are_and_what_its_times_are_worth():
    assert notes(real=False, other_cores=0.0, in_int8=[], with_empty_masks=[]) == ""
    assert notes(real=True, other_cores=0.1, in_int8=[], with_empty_masks=[]) == NOTE
    said = notes(real=True, other_cores=1.2, in_int8=["a", "b"], with_empty_masks=["c"])
    assert said.startswith(f"{NOTE}\n\nTimes were taken while other")
    assert "\n\nPredicted in int8, on a CPU: a and b.\n\nFound nothing in any held-out" in said
    assert said.endswith("so that the Dice is that of empty masks: c.")


def test_published_figures_are_sorted_and_hold_xu_et_al():
    rows = private_leaderboard()
    assert all(one.dice > other.dice for one, other in pairwise(rows))
    assert (rows[0].dice, rows[-1].dice) == (0.997332, 0.99694)
    assert "rank 29 of 735" in rows[-1].source
