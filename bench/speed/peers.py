"""Peers: the same work as a plain user of NumPy, OpenCV, pandas and the like would write it.

The code is that of public notebooks and of the competition's published solutions, not the best
that could be written; our code must give the same answers.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.masks.types import FloatImage, Map, Mask, Size
from bench.speed.timing import Variant


def installed(package: str) -> bool:
    """Whether a package is installed (the extra `peers` installs all of them)."""
    return find_spec(package) is not None


def encode(mask: Mask) -> str:
    """Encode by flatten, pad, compare, where and join, as most Kaggle notebooks do.

    Source: https://www.kaggle.com/code/rakhlin/fast-run-length-encoding-python
    """
    pixels = np.concatenate([[0], mask.flatten(), [0]])
    runs = np.where(pixels[1:] != pixels[:-1])[0] + 1
    runs[1::2] -= runs[::2]
    return " ".join(str(x) for x in runs)


def encode_in_place(mask: Mask) -> str:
    """Encode as the winners did: without padding, so the first and the last pixel are lost.

    Source: https://github.com/asanakoy/kaggle_carvana_segmentation
    """
    pixels = mask.flatten()
    pixels[0] = pixels[-1] = 0
    runs = np.where(pixels[1:] != pixels[:-1])[0] + 2
    runs[1::2] = runs[1::2] - runs[:-1:2]
    return " ".join(str(x) for x in runs)


def encode_coco(mask: Mask) -> str:
    """Encode by pycocotools (the transpose, as it goes column by column), as Kaggle's text."""
    from pycocotools import mask as coco

    counts = coco.encode(mask.T.view(np.uint8))["counts"]
    return " ".join(f"{start} {length}" for start, length in _coco_runs(counts))


def _coco_runs(counts: bytes) -> list[tuple[int, int]]:
    """Return starts and lengths of the ones in a string of pycocotools (five bits a character)."""
    lengths: list[int] = []
    value = shift = 0
    for letter in counts:
        bits = letter - 48
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            if bits & 16:
                value -= 1 << shift
            lengths.append(value + lengths[-2] if len(lengths) > 2 else value)
            value = shift = 0
    ends = np.cumsum(lengths)
    return [(int(ends[i - 1]) + 1, lengths[i]) for i in range(1, len(lengths), 2)]


def decode(text: str, shape: Size) -> Mask:
    """Decode by split and loop, as most Kaggle notebooks do."""
    words = text.split()
    starts, lengths = [np.asarray(x, dtype=int) for x in (words[0:][::2], words[1:][::2])]
    starts -= 1
    ends = starts + lengths
    image = np.zeros(shape[0] * shape[1], dtype=bool)
    for low, high in zip(starts, ends, strict=True):
        image[low:high] = True
    return image.reshape(shape)


def smp_scores(predicted: Mask, truth: Mask) -> list[float]:
    """Return counts, Dice and Jaccard by segmentation_models_pytorch.metrics."""
    import segmentation_models_pytorch.metrics as smp
    import torch

    output, target = (
        torch.from_numpy(mask.astype(np.int64))[None, None] for mask in (predicted, truth)
    )
    counts = smp.get_stats(output, target, mode="binary")
    scores = smp.f1_score(*counts), smp.iou_score(*counts)
    return [*(float(count) for count in counts[:3]), *(float(score) for score in scores)]


def torchmetrics_scores(predicted: Mask, truth: Mask) -> list[float]:
    """Return counts, Dice and Jaccard by torchmetrics."""
    import torch
    from torchmetrics.functional.classification import (
        binary_f1_score,
        binary_jaccard_index,
        binary_stat_scores,
    )

    output, target = (torch.from_numpy(mask.astype(np.int64)) for mask in (predicted, truth))
    tp, fp, _, fn, _ = binary_stat_scores(output, target)
    scores = binary_f1_score(output, target), binary_jaccard_index(output, target)
    return [float(tp), float(fp), float(fn), *(float(score) for score in scores)]


def every_threshold(map: Map, truth: Mask) -> npt.NDArray[np.int64]:
    """Count true and false positives and false negatives in a loop over the thresholds 1..255."""
    rows = []
    for threshold in range(1, 256):
        predicted = map >= threshold
        tp = np.count_nonzero(predicted & truth)
        rows.append((tp, np.count_nonzero(predicted) - tp, np.count_nonzero(truth) - tp))
    return np.array(rows)


def mean_text(maps: Sequence[Map]) -> str:
    """Encode the mask of the mean, taken in floats."""
    return encode(np.mean(maps, axis=0) >= 127.5)


def mean_text_in_place(maps: Sequence[Map]) -> str:
    """Encode the mean as the winners did: a float32 sum, divided, rounded, and their encoder."""
    total = np.zeros(maps[0].shape, dtype=np.float32)
    for map in maps:
        total += map
    return encode_in_place(np.round(total / len(maps)).astype(np.uint8) >= 128)


def vote_text(pictures: Sequence[Path]) -> str:
    """Encode the vote of masks stored as PNG files."""
    masks = [_read_grey(path) > 0 for path in pictures]
    return encode(np.sum(masks, axis=0) > len(masks) / 2)


def write_and_read(path: Path, map: Map) -> Map:
    """Write a map as a PNG file and read it again."""
    cv2.imwrite(str(path), map)
    return _read_grey(path)


def _read_grey(path: Path) -> Map:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))


def row_from_pictures(name: str, pictures: Sequence[Path]) -> str:
    """Return a submission's row made of maps stored as PNG files."""
    return f"{name},{mean_text([_read_grey(path) for path in pictures])}"


def write_table(path: Path, rows: Sequence[tuple[str, str]]) -> None:
    """Write a submission by pandas, compressed as its file name says."""
    pd.DataFrame(rows, columns=["img", "rle_mask"]).to_csv(path, index=False)


def count_problems(path: Path, expected: set[str], pixels: int) -> int:
    """Count the rows of a submission that break a rule, by pandas and a loop."""
    table = pd.read_csv(path)
    problems = len(expected.symmetric_difference(table["img"])) + int(
        table["img"].duplicated().sum()
    )
    for text in table["rle_mask"].fillna(""):
        numbers = [int(word) for word in text.split()]
        starts, lengths = numbers[::2], numbers[1::2]
        sound, next_free = len(starts) == len(lengths), 1
        for start, length in zip(starts, lengths, strict=False):
            sound = sound and start >= next_free and length >= 1 and start + length - 1 <= pixels
            next_free = start + length
        problems += not sound
    return problems


def network_input(path: Path, size: Size, interpolation: int = cv2.INTER_LINEAR) -> FloatImage:
    """Read a photograph as most training scripts do: OpenCV, resized, float32 in 0..1."""
    image = cv2.cvtColor(np.asarray(cv2.imread(str(path))), cv2.COLOR_BGR2RGB)
    resized = cv2.resize(image, size[::-1], interpolation=interpolation)
    return np.asarray(resized.astype(np.float32) / 255, np.float32)


def if_installed(package: str, variant: Variant) -> dict[str, Variant]:
    """Return the variant by its package's name, or nothing if the package is not installed."""
    return {package: variant} if installed(package) else {}
