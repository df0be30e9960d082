"""Peers: the same work as a plain user of NumPy, OpenCV, pandas and the like would write it.

The code is that of public notebooks and of the competition's published solutions, not the best
that could be written; our code must give the same answers.
"""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.masks.types import FloatImage, Map, Mask, RgbImage, Size

T = TypeVar("T")


class RowPeer(NamedTuple):
    """How a peer keeps a member's map, and makes a submission's row of several."""

    write: Callable[[Path, Map], Path]  # a map to a file, whose path it returns
    row: Callable[[str, Sequence[Path]], str]  # the image's name and the files of its maps
    ending: str  # of the files


def installed(package: str) -> bool:
    """Whether a package is installed (the extra `peers` installs the small ones)."""
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
    """Return counts, Dice and Jaccard by torchmetrics; two empty masks agree, as for Kaggle."""
    import torch
    from torchmetrics.functional.classification import (
        binary_f1_score,
        binary_jaccard_index,
        binary_stat_scores,
    )

    output, target = (torch.from_numpy(mask.astype(np.int64)) for mask in (predicted, truth))
    tp, fp, _, fn, _ = binary_stat_scores(output, target)
    scores = (
        binary_f1_score(output, target, zero_division=1),
        binary_jaccard_index(output, target, zero_division=1),
    )
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


def write_picture(path: Path, map: Map) -> Path:
    """Write a map as a PNG file."""
    cv2.imwrite(str(path), map)
    return path


def write_and_read(path: Path, map: Map) -> Map:
    """Write a map as a PNG file and read it again."""
    return _read_grey(write_picture(path, map))


def _read_grey(path: Path) -> Map:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))


def row_from_pictures(name: str, pictures: Sequence[Path]) -> str:
    """Return a submission's row made of maps stored as PNG files."""
    return f"{name},{mean_text([_read_grey(path) for path in pictures])}"


def row_peers() -> dict[str, RowPeer]:
    """Return the ways from stored maps to a submission's row, of those that are installed."""
    return (
        {"PNG, NumPy mean, common": RowPeer(write_picture, row_from_pictures, ".png")}
        | if_installed("nnunetv2", RowPeer(store_for_nnunet, row_by_nnunet, ".npz"))
        | if_installed("monai", RowPeer(store_for_monai, row_by_monai, ".one.npz"))
    )


def row_by_nnunet(name: str, members: Sequence[Path]) -> str:
    """Return a submission's row merged as `nnUNetv2_ensemble` does: mean, argmax, PNG file.

    Args:
        members: files by `store_for_nnunet`; the PNG file is written beside the first.
    """
    from nnunetv2.ensembling.ensemble import merge_files
    from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO
    from nnunetv2.utilities.label_handling.label_handling import LabelManager

    merged, labels = members[0].with_suffix(""), LabelManager({"background": 0, "car": 1}, None)
    merge_files([str(path) for path in members], str(merged), ".png", NaturalImage2DIO(), labels)
    return f"{name},{encode(_read_grey(merged.with_suffix('.png')) > 0)}"


def store_for_nnunet(path: Path, map: Map | FloatImage) -> Path:
    """Write a map as nnU-Net does: both classes' float32 in 0..1, and a pickled note."""
    from batchgenerators.utilities.file_and_folder_operations import save_pickle

    car = _probability(map)
    np.savez_compressed(path, probabilities=np.stack([1 - car, car])[:, None])
    save_pickle({"spacing": (999, 1, 1)}, str(path.with_suffix(".pkl")))
    return path


def row_by_monai(name: str, members: Sequence[Path]) -> str:
    """Return a submission's row by MONAI: files loaded, their mean, a threshold."""
    from monai.transforms import AsDiscrete, LoadImage, MeanEnsemble

    load = LoadImage()
    mask = AsDiscrete(threshold=0.5)(MeanEnsemble()([load(path) for path in members]))
    return f"{name},{encode(mask[0].numpy() > 0)}"


def store_for_monai(path: Path, map: Map | FloatImage) -> Path:
    """Write a map for MONAI's reader of NumPy's files: float32 (1, H, W) in 0..1, compressed."""
    np.savez_compressed(path, _probability(map)[None])
    return path


def _probability(map: Map | FloatImage) -> FloatImage:
    return np.asarray(map / 255 if map.dtype == np.uint8 else map, np.float32)


def vote_by_monai(pictures: Sequence[Path]) -> str:
    """Encode MONAI's vote of masks stored as PNG files, which it reads transposed."""
    from monai.transforms import LoadImage, VoteEnsemble

    load = LoadImage()
    return encode(VoteEnsemble()([load(path) / 255 for path in pictures]).numpy().T > 0)


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


def network_inputs(path: Path, sizes: Sequence[Size], interpolation: int) -> list[RgbImage]:
    """Read a photograph once by OpenCV, and resize it to each size, or pad it where it fits."""
    image = np.asarray(cv2.cvtColor(np.asarray(cv2.imread(str(path))), cv2.COLOR_BGR2RGB), np.uint8)
    by_size = {size: _to_size(image, size, interpolation) for size in set(sizes)}
    return [by_size[size] for size in sizes]


def _to_size(image: RgbImage, size: Size, interpolation: int) -> RgbImage:
    below, right = size[0] - image.shape[0], size[1] - image.shape[1]
    if below >= 0 and right >= 0:
        resized = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE)
    else:
        resized = cv2.resize(image, size[::-1], interpolation=interpolation)
    return np.asarray(resized, np.uint8)


def if_installed(package: str, peer: T) -> dict[str, T]:
    """Return the peer by its package's name, or nothing if the package is not installed."""
    return {package: peer} if installed(package) else {}
