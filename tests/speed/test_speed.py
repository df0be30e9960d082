"""The speed command: every part runs, its answers are checked, and its figures add up."""

import json

import numpy as np
import pytest

from bench.cli.verbs import main
from bench.speed import comparison, in_memory, on_disk, timing
from bench.speed.samples import load_samples
from bench.speed.timing import measure
from bench.system.errors import BadConfig


@pytest.fixture(scope="module")
def tiny(tmp_path_factory, tiny_carvana):
    """The parts, on images small enough for a test, one of them without a car."""
    samples = load_samples(tiny_carvana, tmp_path_factory.mktemp("samples"))
    samples.masks[0] = np.zeros_like(samples.masks[0])
    samples.clean[0] = [np.zeros_like(map) for map in samples.clean[0]]
    on_files = on_disk.benchmarks(samples, tmp_path_factory.mktemp("speed"))
    return [*in_memory.benchmarks(samples), *on_files]


@pytest.mark.slow
def test_every_part_gives_the_peers_answers(tiny, monkeypatch):
    monkeypatch.setattr(timing, "MAX_TIMING_ROUNDS", 1)
    for benchmark in tiny:
        rows = measure(benchmark, 0.0)
        assert [row.peer for row in rows] == list(benchmark.peers)
        assert set(benchmark.bars) <= {*benchmark.peers, "pycocotools", "torchmetrics"}
        for row in rows:
            assert row.ours_ms > 0
            assert row.peer_ms > 0


@pytest.mark.slow
def test_the_verb_prints_json(tiny_carvana, capsys):
    assert main(["speed", "text -> mask", "--data", str(tiny_carvana), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert list(row) == ["part", "ours_ms", "peer", "peer_ms", "ratio", "floor_ms", "processor"]
    assert row["ratio"] == pytest.approx(row["peer_ms"] / row["ours_ms"])
    assert main(["speed", "mask -> text", "--data", str(tiny_carvana)]) == 0
    assert "NumPy, common" in capsys.readouterr().out


def test_an_unknown_part_is_answered_with_the_known_ones(tiny_carvana):
    with pytest.raises(BadConfig, match=r"no part is called 'nonsense'(.|\n)*mask -> text"):
        list(comparison.run(["nonsense"], tiny_carvana))


def test_network_inputs_of_another_size_or_in_other_colours_are_noticed():
    photograph = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    nearly = photograph ^ 1
    assert on_disk._are_close([photograph, photograph], [photograph, nearly])
    for other in (photograph[..., ::-1], photograph[:48], photograph[:, ::-1]):
        assert not on_disk._are_close([photograph, photograph], [photograph, other])
    with pytest.raises(ValueError):
        on_disk._are_close([photograph], [])
