"""Parts that work on pixels and texts in memory: encode, decode, score, average, vote."""

import numpy as np

from bench.masks import rle
from bench.masks.types import THRESHOLD, Mask
from bench.metrics import overlap as metrics
from bench.metrics.overlap import Counts
from bench.speed import peers
from bench.speed.samples import Samples
from bench.speed.timing import Contest, Way, reading, writing


def contests(given: Samples) -> list[Contest]:
    """The contests, in the order of the pipeline."""
    return [
        _encode(given), _encode_map(given), _decode(given), _score(given), _score_runs(given),
        _thresholds(given), *_means(given),
    ]  # fmt: skip


def _encode(given: Samples) -> Contest:
    masks = given.masks
    return Contest(
        "mask -> text",
        len(masks),
        lambda: [rle.encode(mask) for mask in masks],
        {
            "NumPy, common": lambda: [peers.encode(mask) for mask in masks],
            "NumPy, winners": lambda: [peers.encode_in_place(mask) for mask in masks],
            **peers.if_installed(
                {"pycocotools": ("pycocotools", lambda: [peers.encode_coco(m) for m in masks])}
            ),
        },
        reading(*masks),
        {"NumPy, common": 10, "NumPy, winners": 6, "pycocotools": 6},
    )


def _encode_map(given: Samples) -> Contest:
    maps = [each[0] for each in given.clean]
    return Contest(
        "map -> threshold -> text",
        len(maps),
        lambda: [rle.encode_map(map) for map in maps],
        {
            "NumPy, common": lambda: [peers.encode(map >= 128) for map in maps],
            "NumPy, winners": lambda: [peers.encode_in_place(map >= 128) for map in maps],
        },
        reading(*maps),
        {"NumPy, common": 6, "NumPy, winners": 6},
    )


def _decode(given: Samples) -> Contest:
    shape = given.masks[0].shape
    texts = [rle.encode(mask) for mask in given.masks]
    return Contest(
        "text -> mask",
        len(texts),
        lambda: [rle.decode(text, shape) for text in texts],
        {"NumPy, split and loop": lambda: [peers.decode(text, shape) for text in texts]},
        writing(sum(mask.size for mask in given.masks)),
        {"NumPy, split and loop": 20},
    )


def _pairs(given: Samples) -> list[tuple[Mask, Mask]]:
    return [(m[0] >= THRESHOLD, t) for m, t in zip(given.clean, given.masks, strict=True)]


def _scores(counts: Counts) -> list[float]:
    return [*map(float, counts), metrics.dice(counts), metrics.jaccard(counts)]


def _scorers(given: Samples) -> dict[str, Way]:
    pairs = _pairs(given)
    return {
        "smp.metrics": lambda: [peers.smp_scores(*pair) for pair in pairs],
        **peers.if_installed(
            {
                "torchmetrics": (
                    "torchmetrics",
                    lambda: [peers.torchmetrics_scores(*pair) for pair in pairs],
                )
            }
        ),
    }


def _score(given: Samples) -> Contest:
    pairs = _pairs(given)
    return Contest(
        "Dice, Jaccard, counts from pixels",
        len(pairs),
        lambda: [_scores(metrics.counts(*pair)) for pair in pairs],
        _scorers(given),
        reading(*(mask for pair in pairs for mask in pair)),
        {"smp.metrics": 80, "torchmetrics": 1000},
    )


def _score_runs(given: Samples) -> Contest:
    pairs = [(rle.runs(predicted), rle.runs(truth)) for predicted, truth in _pairs(given)]
    return Contest(
        "Dice, Jaccard, counts from runs",
        len(pairs),
        lambda: [_scores(metrics.counts_from_runs(*pair)) for pair in pairs],
        _scorers(given),
        reading(*(runs for pair in pairs for runs in pair)),
        {"smp.metrics": 500},
    )


def _thresholds(given: Samples) -> Contest:
    maps = [each[0] for each in given.noisy[:1]]
    truths = given.masks[:1]
    return Contest(
        "counts at every threshold, noisy",
        len(maps),
        lambda: [metrics.counts_at_every_threshold(maps[0], truths[0])[1:]],
        {"loop over thresholds": lambda: [peers.every_threshold(maps[0], truths[0])]},
        reading(*maps, *truths),
        {"loop over thresholds": 50},
    )


def _means(given: Samples) -> list[Contest]:
    weights = [1] * len(given.clean[0])
    return [
        Contest(
            f"mean of 5 -> threshold -> text, {kind}",
            len(images),
            lambda images=images: [  # type: ignore[misc]
                rle.format_runs(rle.mean_runs(maps, weights)) for maps in images
            ],
            {
                "NumPy mean, common": lambda images=images: [  # type: ignore[misc, dict-item]
                    peers.mean_text(maps) for maps in images
                ],
                "NumPy, winners": lambda images=images: [  # type: ignore[misc, dict-item]
                    peers.mean_text_in_place(maps) for maps in images
                ],
            },
            reading(*(np.asarray(map) for maps in images for map in maps)),
            {"NumPy mean, common": 20, "NumPy, winners": 20},
        )
        for kind, images in (("clean", given.clean), ("noisy", given.noisy))
    ]
