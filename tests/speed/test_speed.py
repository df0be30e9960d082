"""The speed command: every part runs, its answers are checked, and its figures add up."""

import json
import time

import numpy as np
import pytest

from bench.cli.verbs import main
from bench.masks import rle
from bench.speed import comparison, in_memory, on_disk, peers, timing
from bench.speed.samples import MEMBER_SIZES, BenchmarkSamples, load_samples
from bench.speed.timing import Benchmark, equal, measure
from bench.system.errors import BadConfig


@pytest.fixture(scope="module")
def tiny(tmp_path_factory, tiny_carvana):
    """The parts, on images small enough for a test."""
    samples = load_samples(tiny_carvana, tmp_path_factory.mktemp("samples"))
    on_files = on_disk.benchmarks(samples, tmp_path_factory.mktemp("speed"))
    return [*in_memory.benchmarks(samples), *on_files]


def test_samples_are_images_of_one_size_with_maps_of_five_members(tiny_carvana, tmp_path):
    samples = load_samples(tiny_carvana, tmp_path)
    assert isinstance(samples, BenchmarkSamples)
    of_images = samples.photographs, samples.masks, samples.clean, samples.noisy
    assert [len(each) for each in of_images] == [4, 4, 4, 4]
    assert all(len(maps) == len(MEMBER_SIZES) for maps in samples.clean + samples.noisy)
    shades = [
        np.mean((map > 0) & (map < 255)) for map in (samples.clean[0][4], samples.noisy[0][4])
    ]
    assert shades[0] < 0.2 < 0.5 < shades[1]


@pytest.mark.slow
def test_every_part_gives_the_peers_answers(tiny, monkeypatch):
    monkeypatch.setattr(timing, "MAX_TIMING_ROUNDS", 1)
    monkeypatch.setattr(timing, "MIN_CALLS_S", 0)
    for benchmark in tiny:
        rows = measure(benchmark, 0.0)
        assert [row.peer for row in rows] == list(benchmark.peers)
        assert set(benchmark.bars) <= {*benchmark.peers, "pycocotools", "torchmetrics"}
        for row in rows:
            assert row.ours_ms > 0
            assert row.peer_ms > 0


def test_a_wrong_answer_is_noticed():
    benchmark = Benchmark("sum", 1, lambda: 1, {"other": lambda: 2}, lambda: None)
    with pytest.raises(AssertionError, match="sum: other gives another answer"):
        measure(benchmark, 0.0)


def test_ratios_are_of_medians_for_one_image():
    slow = Benchmark("spin", 2, lambda: _spin(0.002), {"peer": lambda: _spin(0.008)}, lambda: None)
    (row,) = measure(slow, 0.05)
    assert row.ratio == row.peer_ms / row.ours_ms
    assert 0.9 < row.ours_ms < 3
    assert 2 < row.ratio < 8


def _spin(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ([np.ones(2)], [np.ones(2)], True),
        ([np.ones(2)], [np.zeros(2)], False),
        (["a", 0.5], ["a", 0.5 + 1e-9], True),
        ([0.5], [0.6], False),
        ([1], [1, 2], False),
    ],
)
def test_answers_are_compared_all_the_way_down(one, other, same):
    assert equal(one, other) == same


def test_the_peers_text_is_kaggle_s():
    mask = np.zeros((5, 7), bool)
    mask[1:4, 2:5] = True
    text = rle.encode(mask)
    assert peers.encode(mask) == peers.encode_in_place(mask) == text
    if peers.installed("pycocotools"):
        noise = np.random.default_rng(0).random((50, 70)) > 0.5
        assert peers.encode_coco(noise) == rle.encode(noise)
    np.testing.assert_array_equal(peers.decode(text, (5, 7)), mask)


@pytest.mark.slow
def test_the_verb_prints_json(tiny_carvana, capsys):
    assert main(["speed", "text -> mask", "--data", str(tiny_carvana), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert list(row) == ["part", "ours_ms", "peer", "peer_ms", "ratio", "floor_ms"]
    assert row["ratio"] == pytest.approx(row["peer_ms"] / row["ours_ms"])
    assert main(["speed", "mask -> text", "--data", str(tiny_carvana)]) == 0
    assert "NumPy, common" in capsys.readouterr().out


def test_an_unknown_part_is_answered_with_the_known_ones(tiny_carvana):
    with pytest.raises(BadConfig, match=r"no part is called 'nonsense'(.|\n)*mask -> text"):
        list(comparison.run(["nonsense"], tiny_carvana))
