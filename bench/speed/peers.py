"""What others do, written as a plain user of NumPy, OpenCV, pandas and the like would.

These are the ways of public notebooks and of the competition's published solutions, not the best
that could be written; ours must give the same answers.
"""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.masks.types import Map, Mask


def installed(package: str) -> bool:
    """Whether a peer is on this machine (the extra `peers` brings them)."""
    return find_spec(package) is not None


def encode(mask: Mask) -> str:
    """Flatten, pad, compare, where, join: the encoder of most Kaggle notebooks.

    Source: https://www.kaggle.com/code/rakhlin/fast-run-length-encoding-python
    """
    pixels = np.concatenate([[0], mask.flatten(), [0]])
    runs = np.where(pixels[1:] != pixels[:-1])[0] + 1
    runs[1::2] -= runs[::2]
    return " ".join(str(x) for x in runs)


def encode_in_place(mask: Mask) -> str:
    """The winners' encoder: no padding, so the first and the last pixel are lost.

    Source: https://github.com/asanakoy/kaggle_carvana_segmentation
    """
    pixels = mask.flatten()
    pixels[0] = pixels[-1] = 0
    runs = np.where(pixels[1:] != pixels[:-1])[0] + 2
    runs[1::2] = runs[1::2] - runs[:-1:2]
    return " ".join(str(x) for x in runs)


def encode_coco(mask: Mask) -> str:
    """pycocotools' run lengths (of the transpose, as it goes column by column) as Kaggle's text."""
    from pycocotools import mask as coco

    counts = coco.encode(mask.T.view(np.uint8))["counts"]
    return " ".join(f"{start} {length}" for start, length in _coco_runs(counts))


def _coco_runs(counts: bytes) -> list[tuple[int, int]]:
    """Starts and lengths of the ones in a string of pycocotools (five bits a character)."""
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


def decode(text: str, shape: tuple[int, int]) -> Mask:
    """Split and loop: the decoder of most Kaggle notebooks."""
    words = text.split()
    starts, lengths = [np.asarray(x, dtype=int) for x in (words[0:][::2], words[1:][::2])]
    starts -= 1
    ends = starts + lengths
    image = np.zeros(shape[0] * shape[1], dtype=bool)
    for low, high in zip(starts, ends, strict=True):
        image[low:high] = True
    return image.reshape(shape)


def smp_scores(predicted: Mask, truth: Mask) -> list[float]:
    """Counts, Dice and Jaccard by segmentation_models_pytorch.metrics."""
    import segmentation_models_pytorch.metrics as smp
    import torch

    output, target = (
        torch.from_numpy(mask.astype(np.int64))[None, None] for mask in (predicted, truth)
    )
    counts = smp.get_stats(output, target, mode="binary")
    scores = smp.f1_score(*counts), smp.iou_score(*counts)
    return [*(float(count) for count in counts[:3]), *(float(score) for score in scores)]


def torchmetrics_scores(predicted: Mask, truth: Mask) -> list[float]:
    """Counts, Dice and Jaccard by torchmetrics."""
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
    """True and false positives and false negatives in a loop over the thresholds 1..255."""
    rows = []
    for threshold in range(1, 256):
        predicted = map >= threshold
        tp = np.count_nonzero(predicted & truth)
        rows.append((tp, np.count_nonzero(predicted) - tp, np.count_nonzero(truth) - tp))
    return np.array(rows)


def mean_text(maps: Sequence[Map]) -> str:
    """The mean in floats, its mask, its text."""
    return encode(np.mean(maps, axis=0) >= 127.5)


def mean_text_in_place(maps: Sequence[Map]) -> str:
    """The winners' way: a float32 sum, divided, rounded, and their encoder."""
    total = np.zeros(maps[0].shape, dtype=np.float32)
    for map in maps:
        total += map
    return encode_in_place(np.round(total / len(maps)).astype(np.uint8) >= 128)


def vote_text(pictures: Sequence[Path]) -> str:
    """Five PNG masks, decoded and counted."""
    masks = [_read_grey(path) > 0 for path in pictures]
    return encode(np.sum(masks, axis=0) > len(masks) / 2)


def write_and_read(path: Path, map: Map) -> Map:
    """A map as a PNG file, there and back."""
    cv2.imwrite(str(path), map)
    return _read_grey(path)


def _read_grey(path: Path) -> Map:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))


def row_from_pictures(name: str, pictures: Sequence[Path]) -> str:
    """A submission's row from five maps stored as PNG files."""
    return f"{name},{mean_text([_read_grey(path) for path in pictures])}"


def write_table(path: Path, rows: Sequence[tuple[str, str]]) -> None:
    """A submission by pandas, compressed as its file name asks for."""
    pd.DataFrame(rows, columns=["img", "rle_mask"]).to_csv(path, index=False)


def problems(path: Path, expected: set[str], pixels: int) -> int:
    """How many rows of a submission break a rule: pandas and a loop."""
    table = pd.read_csv(path)
    found = len(expected.symmetric_difference(table["img"])) + int(table["img"].duplicated().sum())
    for text in table["rle_mask"].fillna(""):
        numbers = [int(word) for word in text.split()]
        starts, lengths = numbers[::2], numbers[1::2]
        sound, behind = len(starts) == len(lengths), 1
        for start, length in zip(starts, lengths, strict=False):
            sound = sound and start >= behind and length >= 1 and start + length - 1 <= pixels
            behind = start + length
        found += not sound
    return found


def network_input(
    path: Path, size: tuple[int, int], interpolation: int = cv2.INTER_LINEAR
) -> npt.NDArray[np.float32]:
    """A photograph as most training scripts read it: OpenCV, resized, 0..1 as float32."""
    image = cv2.cvtColor(np.asarray(cv2.imread(str(path))), cv2.COLOR_BGR2RGB)
    resized = cv2.resize(image, size[::-1], interpolation=interpolation)
    return np.asarray(resized.astype(np.float32) / 255, np.float32)


def if_installed(ways: dict[str, tuple[str, Callable[[], Any]]]) -> dict[str, Callable[[], Any]]:
    """The ways, by name, whose package is on this machine; given as name -> package, way."""
    return {name: way for name, (package, way) in ways.items() if installed(package)}
