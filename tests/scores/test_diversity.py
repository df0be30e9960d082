"""Tables about an ensemble against their definitions on every pixel."""

from functools import reduce
from operator import add

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bench.ensembles.rules import RULES
from bench.ensembles.rules.mean import Mean
from bench.ensembles.rules.vote import Vote
from bench.metrics.overlap import counts, dice
from bench.scores import diversity

IMAGES = st.lists(
    st.tuples(st.tuples(*[arrays(np.uint8, (3, 4))] * 4), arrays(bool, (3, 4))),
    min_size=1,
    max_size=3,
)


@pytest.mark.slow
@given(IMAGES)
def test_joint_counts_of_images_are_those_of_all_their_pixels(images):
    joint = reduce(add, (diversity.joint_counts(maps, truth) for maps, truth in images))
    decisions = np.concatenate([np.stack(maps, -1).reshape(-1, 4) >= 128 for maps, _ in images])
    truth = np.concatenate([truth.ravel() for _, truth in images])
    wrong = decisions != truth[:, None]
    assert joint.pixels == len(truth)
    assert joint.errors.tolist() == [[(a & b).sum() for b in wrong.T] for a in wrong.T]
    for votes in range(5):
        with_votes = decisions.sum(axis=1) == votes
        assert joint.votes[votes].tolist() == [
            (with_votes & ~truth).sum(),
            (with_votes & truth).sum(),
        ]
    assert joint.disputed == (decisions.any(axis=1) & ~decisions.all(axis=1)).sum()
    differ = [[(a != b).mean() for b in decisions.T] for a in decisions.T]
    assert diversity.disagreement(joint) == pytest.approx(np.array(differ))
    if (wrong.any(axis=0) & ~wrong.all(axis=0)).all():
        expected = np.corrcoef(wrong.T)
        assert diversity.error_correlation(joint) == pytest.approx(expected, abs=1e-9)


def test_correlation_of_more_errors_than_64_bits_hold_products_of():
    pixels = 5088 * 1280 * 1918
    errors = [[pixels // 5, pixels // 10], [pixels // 10, pixels // 8]]
    joint = diversity.JointCounts(pixels, np.array(errors), np.zeros((3, 2), np.int64))
    (own, shared), (_, other) = errors
    expected = (pixels * shared - own * other) / (
        (own * (pixels - own)) ** 0.5 * (other * (pixels - other)) ** 0.5
    )
    assert diversity.error_correlation(joint)[0, 1] == pytest.approx(expected)


def test_a_member_without_errors_has_no_error_correlation():
    truth = np.array([[True, False, False]])
    maps = [truth * np.uint8(255), np.array([[255, 255, 0]], dtype=np.uint8)]
    found = diversity.error_correlation(diversity.joint_counts(maps, truth))
    assert np.isnan(found).tolist() == [[False, True], [True, False]]
    assert np.diag(found).tolist() == [1, 1]


def test_calibration_by_hand():
    truth = np.array([[True, True, True, False, False, False]])
    masks = [[1, 1, 0, 1, 0, 0], [1, 0, 0, 0, 0, 0]]
    maps = [np.array([mask], dtype=np.uint8) * 255 for mask in masks]
    table = diversity.calibration(diversity.joint_counts(maps, truth))
    assert table["pixels"].tolist() == [3, 2, 1]
    assert table["share_car"].tolist() == pytest.approx([1 / 3, 1 / 2, 1])
    assert table["accuracy"].tolist() == pytest.approx([2 / 3, 1 / 2, 1])
    unseen = diversity.calibration(diversity.joint_counts([maps[1]] * 2, truth))
    assert unseen["share_car"].isna().tolist() == [False, True, False]


@pytest.mark.slow
@given(IMAGES)
def test_leave_one_out_is_the_ensemble_of_the_others(images):
    maps, truth = images[0]
    weights = [1, 2, 3, 4]
    for rule in (Mean(), Vote()):
        found = diversity.leave_one_out(maps, truth, rule, {"weights": weights})
        for left_out in range(4):
            others = [map for place, map in enumerate(maps) if place != left_out]
            rest = [weight for weight in weights if weight != left_out + 1]
            merged = rule.combine(others, {"weights": rest})
            assert found[left_out] == dice(counts(merged >= 128, truth))


def test_an_ensemble_of_one_has_nothing_to_leave_out():
    one, truth = np.zeros((2, 3), np.uint8), np.zeros((2, 3), bool)
    with pytest.raises(ValueError, match="nothing to leave out"):
        diversity.leave_one_out([one], truth, Mean(), {"weights": [1]})


@pytest.mark.parametrize("rule", [name for name, rule in RULES.items() if rule.learns])
def test_a_rule_that_learns_leaves_no_member_out(rule):
    maps, truth = [np.zeros((2, 3), np.uint8)] * 2, np.zeros((2, 3), bool)
    with pytest.raises(ValueError, match="fitted anew"):
        diversity.leave_one_out(maps, truth, RULES[rule], {"weights": [1, 1]})
