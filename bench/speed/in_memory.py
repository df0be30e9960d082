"""Benchmarks of work on pixels and texts in memory: encode, decode, score, average, vote."""

from collections.abc import Sequence

import numpy as np

from bench.masks import rle
from bench.masks.types import THRESHOLD, Map, Mask
from bench.metrics import overlap
from bench.metrics.overlap import Counts
from bench.speed import peers
from bench.speed.samples import BenchmarkSamples
from bench.speed.timing import Benchmark, read_floor, write_floor


def benchmarks(samples: BenchmarkSamples) -> list[Benchmark]:
    """Return the benchmarks, in the order of the pipeline."""
    return [
        _encode(samples.masks),
        _encode_map([maps[0] for maps in samples.clean]),
        _decode(samples.masks),
        _score(samples),
        _score_texts(samples),
        _count_at_every_threshold(samples.noisy[0][0], samples.masks[0]),
        _mean("clean", samples.clean),
        _mean("noisy", samples.noisy),
    ]


def _encode(masks: Sequence[Mask]) -> Benchmark:
    return Benchmark(
        "mask -> text",
        len(masks),
        lambda: [rle.encode(mask) for mask in masks],
        {
            "NumPy, common": lambda: [peers.encode(mask) for mask in masks],
            "NumPy, winners": lambda: [peers.encode_in_place(mask) for mask in masks],
        }
        | peers.if_installed("pycocotools", lambda: [peers.encode_coco(mask) for mask in masks]),
        read_floor(*masks),
        {"NumPy, common": 10, "NumPy, winners": 6, "pycocotools": 6},
    )


def _encode_map(maps: Sequence[Map]) -> Benchmark:
    return Benchmark(
        "map -> threshold -> text",
        len(maps),
        lambda: [rle.encode_map(map) for map in maps],
        {
            "NumPy, common": lambda: [peers.encode(map >= THRESHOLD) for map in maps],
            "NumPy, winners": lambda: [peers.encode_in_place(map >= THRESHOLD) for map in maps],
        },
        read_floor(*maps),
        {"NumPy, common": 6, "NumPy, winners": 6},
    )


def _decode(masks: Sequence[Mask]) -> Benchmark:
    shape = masks[0].shape
    texts = [rle.encode(mask) for mask in masks]
    return Benchmark(
        "text -> mask",
        len(texts),
        lambda: [rle.decode(text, shape) for text in texts],
        {"NumPy, split and loop": lambda: [peers.decode(text, shape) for text in texts]},
        write_floor(sum(mask.size for mask in masks)),
        {"NumPy, split and loop": 20},
    )


def _pairs(samples: BenchmarkSamples) -> list[tuple[Mask, Mask]]:
    """Return the first member's mask and the true mask of each image."""
    predicted = [maps[0] >= THRESHOLD for maps in samples.clean]
    return list(zip(predicted, samples.masks, strict=True))


def _scores(counts: Counts) -> list[float]:
    return [*map(float, counts), overlap.dice(counts), overlap.jaccard(counts)]


def _score(samples: BenchmarkSamples) -> Benchmark:
    pairs = _pairs(samples)
    return Benchmark(
        "Dice, Jaccard, counts from pixels",
        len(pairs),
        lambda: [_scores(overlap.counts(*pair)) for pair in pairs],
        {"smp.metrics": lambda: [peers.smp_scores(*pair) for pair in pairs]}
        | peers.if_installed(
            "torchmetrics", lambda: [peers.torchmetrics_scores(*pair) for pair in pairs]
        ),
        read_floor(*(mask for pair in pairs for mask in pair)),
        {"smp.metrics": 80, "torchmetrics": 1000},
    )


def _score_texts(samples: BenchmarkSamples) -> Benchmark:
    """A submission's rows scored: each true mask is given, as runs to us and as a mask to peers."""
    pairs = _pairs(samples)
    texts = [(rle.encode(predicted), truth) for predicted, truth in pairs]
    runs = [(text, rle.runs(truth)) for text, truth in texts]

    def by_smp() -> list[list[float]]:
        return [peers.smp_scores(peers.decode(text, truth.shape), truth) for text, truth in texts]

    return Benchmark(
        "Dice, Jaccard, counts from text",
        len(pairs),
        lambda: [_scores(overlap.counts_from_runs(rle.parse(text), truth)) for text, truth in runs],
        {"loop, smp.metrics": by_smp},
        read_floor(*(np.frombuffer(text.encode(), np.uint8) for text, _ in texts)),
        {"loop, smp.metrics": 500},
    )


def _count_at_every_threshold(map: Map, truth: Mask) -> Benchmark:
    return Benchmark(
        "counts at every threshold, noisy",
        1,
        lambda: [overlap.counts_at_every_threshold(map, truth)[1:]],
        {"loop over thresholds": lambda: [peers.every_threshold(map, truth)]},
        read_floor(map, truth),
        {"loop over thresholds": 50},
    )


def _mean(kind: str, images: Sequence[Sequence[Map]]) -> Benchmark:
    weights = [1] * len(images[0])
    return Benchmark(
        f"mean of 5 -> threshold -> text, {kind}",
        len(images),
        lambda: [rle.format_runs(rle.mean_runs(maps, weights)) for maps in images],
        {
            "NumPy mean, common": lambda: [peers.mean_text(maps) for maps in images],
            "NumPy, winners": lambda: [peers.mean_text_in_place(maps) for maps in images],
        },
        read_floor(*(map for maps in images for map in maps)),
        {"NumPy mean, common": 20, "NumPy, winners": 20},
    )
