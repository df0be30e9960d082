"""Counts, Dice and Jaccard by hand, by another library, and by three ways that must agree."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from segmentation_models_pytorch import metrics as smp_metrics

from bench.masks import rle
from bench.metrics.overlap import (
    Counts,
    counts,
    counts_at_every_threshold,
    counts_from_runs,
    dice,
    jaccard,
)

EMPTY, LEFT, RIGHT, FULL = (np.array([row], dtype=bool) for row in ([0, 0], [1, 0], [0, 1], [1, 1]))


def plain_counts(predicted, truth):
    pairs = list(zip(predicted.reshape(-1).tolist(), truth.reshape(-1).tolist(), strict=True))
    return pairs.count((True, True)), pairs.count((True, False)), pairs.count((False, True))


shapes = st.tuples(st.integers(1, 6), st.integers(1, 70))  # across the kernel's 64-pixel blocks
mask_pairs = shapes.flatmap(lambda shape: st_numpy.arrays(bool, (2, *shape)))
maps_and_masks = shapes.flatmap(
    lambda shape: st.tuples(
        st_numpy.arrays(np.uint8, shape, elements=st.sampled_from([0, 1, 127, 128, 254, 255])),
        st_numpy.arrays(bool, shape),
    )
)


@pytest.mark.parametrize(
    ("predicted", "truth", "expected_dice", "expected_jaccard"),
    [
        pytest.param(FULL, FULL, 1, 1, id="identical"),
        pytest.param(LEFT, RIGHT, 0, 0, id="disjoint"),
        pytest.param(LEFT, FULL, 2 / 3, 1 / 2, id="half found"),
        pytest.param(EMPTY, EMPTY, 1, 1, id="both empty score 1 by the competition's rule"),
        pytest.param(EMPTY, FULL, 0, 0, id="car missed"),
        pytest.param(FULL, EMPTY, 0, 0, id="car invented"),
    ],
)
def test_scores_by_hand(predicted, truth, expected_dice, expected_jaccard):
    agreement = counts(predicted, truth)
    assert (dice(agreement), jaccard(agreement)) == (expected_dice, expected_jaccard)


def test_scores_equal_another_library_s():
    predicted, truth = np.random.default_rng(0).random((2, 33, 47)) > 0.5
    agreement = counts(predicted, truth)
    tensors = [torch.from_numpy(mask[None, None].astype(int)) for mask in (predicted, truth)]
    theirs = smp_metrics.get_stats(*tensors, mode="binary")
    assert dice(agreement) == pytest.approx(smp_metrics.f1_score(*theirs).item(), rel=1e-6)
    assert jaccard(agreement) == pytest.approx(smp_metrics.iou_score(*theirs).item(), rel=1e-6)


@given(mask_pairs)
def test_pixels_and_runs_give_the_same_counts(pair):
    predicted, truth = pair
    expected = plain_counts(predicted, truth)
    assert counts(predicted, truth) == expected
    assert counts_from_runs(rle.runs(predicted), rle.runs(truth)) == expected


def test_touching_runs_count_as_one():
    touching = rle.parse("1 2 3 2 5 1")
    assert counts_from_runs(touching, rle.parse("2 3")) == Counts(tp=3, fp=2, fn=0)
    assert counts_from_runs(rle.parse("2 3"), touching) == Counts(tp=3, fp=0, fn=2)


@given(maps_and_masks)
def test_the_table_of_thresholds_holds_the_counts_of_each(map_and_mask):
    map, truth = map_and_mask
    table = counts_at_every_threshold(map, truth)
    assert table.shape == (256, 3)
    for threshold in (0, 1, 2, 127, 128, 129, 255):
        assert tuple(table[threshold].tolist()) == plain_counts(map >= threshold, truth)


def test_thresholds_of_a_map_of_every_value_and_flat_stretches():
    map = np.repeat(np.arange(256, dtype=np.uint8), 130).reshape(256, 130)
    map[3:40], map[200:230] = 0, 255
    truth = np.random.default_rng(0).random(map.shape) > 0.5
    table = counts_at_every_threshold(map, truth)
    for threshold in range(256):
        assert tuple(table[threshold].tolist()) == counts(map >= threshold, truth)


def test_memory_layout_does_not_matter():
    predicted, truth = np.random.default_rng(0).random((2, 65, 97)) > 0.5
    assert counts(np.asfortranarray(predicted), truth) == counts(predicted, truth)
    assert counts(predicted[::-1, 1:], truth[::-1, 1:]) == counts(predicted[:, 1:], truth[:, 1:])


@pytest.mark.parametrize("wrong", [LEFT.astype(np.uint8) * 255, LEFT.astype(float)], ids=str)
def test_a_grey_picture_is_refused(wrong):
    with pytest.raises(TypeError, match="threshold it first"):
        counts(wrong, FULL)
    with pytest.raises(TypeError, match="threshold it first"):
        counts(FULL, wrong)
    with pytest.raises(TypeError, match="threshold it first"):
        counts_at_every_threshold(LEFT.astype(np.uint8), wrong)


def test_nothing_is_broadcast_or_converted():
    with pytest.raises(ValueError, match="one image"):
        counts(LEFT, LEFT.T)
    with pytest.raises(ValueError, match="one image"):
        counts(LEFT[0], LEFT[0])
    with pytest.raises(TypeError, match="uint8"):
        counts_at_every_threshold(LEFT.astype(float), LEFT)
    with pytest.raises(TypeError, match="runs"):
        counts_from_runs(LEFT, rle.runs(LEFT))


def test_real_masks_of_two_views(carvana_folder):
    with (carvana_folder / "train_masks.csv").open(encoding="ascii") as rows:
        texts = [row.rstrip("\n").split(",")[1] for row in itertools.islice(rows, 1, 3)]
    first, second = (rle.decode(text, (1280, 1918)) for text in texts)
    expected = Counts(
        int((first & second).sum()), int((first & ~second).sum()), int((second & ~first).sum())
    )
    assert counts(first, second) == expected
    assert counts_from_runs(rle.parse(texts[0]), rle.parse(texts[1])) == expected
    assert 0 < jaccard(expected) < dice(expected) < 1
