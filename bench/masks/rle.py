"""Mask <-> Kaggle's run-length text: `start length` pairs, 1-indexed, row by row.

One walk over the map and one over the text do the work; both are compiled, in masks/compiled.

Source: https://www.kaggle.com/c/carvana-image-masking-challenge/overview/evaluation
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.masks.compiled.pixels import find_changes, find_changes_of_sum
from bench.masks.compiled.runs import (
    NO_LIMIT,
    NOT_A_NUMBER,
    ODD,
    OUT_OF_RANGE,
    OVERLAP,
    UNSORTED,
    ZERO,
    fill_runs,
    merge_runs,
    read_pairs,
    write_numbers,
)
from bench.masks.compiled.vectors import BLOCK
from bench.masks.types import THRESHOLD, Map, Mask, Runs, Size

WHY = {  # what is wrong with a token
    NOT_A_NUMBER: "is not a whole number between single spaces",
    ZERO: "is zero: pixels count from 1 and a run has at least one",
    ODD: "is a start without a length",
    UNSORTED: "starts before the run in front of it: runs must be sorted",
    OVERLAP: "starts inside the run in front of it: runs must not overlap",
    OUT_OF_RANGE: "makes the run end behind the last pixel",
}
PADDING = b"\n" * BLOCK
MAX_WEIGHT = 2**23  # of all members together: 255 times that, doubled, fits into 32 bits
INITIAL_CAPACITY = 2**14  # changes that one walk can write; real masks have about 1,300


def encode(mask: NDArray[Any]) -> str:
    """Run-length text of a mask; an empty mask gives the empty text.

    Args:
        mask: bool, or uint8 holding only 0 and 1, (H, W).

    >>> encode(np.array([[True, False, False], [True, True, True]]))
    '1 1 4 3'
    """
    return format_runs(runs(mask))


def encode_map(map: Map, threshold: int = THRESHOLD) -> str:
    """Run-length text of `map >= threshold`; map uint8 (H, W), threshold 1..255."""
    return format_runs(map_runs(map, threshold))


def decode(text: str, shape: Size) -> Mask:
    """Mask of `shape` (height, width) that run-length text describes.

    Raises:
        ValueError: as `parse`, or a run ends after the last pixel.

    >>> decode("1 1 4 3", (2, 3)).astype(int).tolist()
    [[1, 0, 0], [1, 1, 1]]
    """
    return to_mask(_parse(text, limit=shape[0] * shape[1]), shape)


def to_mask(runs: Runs, shape: Size) -> Mask:
    """Mask of `shape` (height, width) whose foreground are these runs, all of which lie in it."""
    mask = np.zeros(shape, dtype=np.bool_)  # new pages are 0 without being written
    fill_runs(mask.reshape(-1).view(np.uint8), runs)
    return mask


def runs(mask: NDArray[Any]) -> Runs:
    """Foreground runs of a mask: int64 (N, 2) of start (from 1) and length, sorted, never touching.

    Raises:
        TypeError: the mask is neither bool nor uint8.
        ValueError: it is not (H, W), or a uint8 mask holds more than 0 and 1.
    """
    if mask.dtype == np.uint8 and mask.size and mask.max() > 1:
        raise ValueError(f"a uint8 mask holds 0 and 1, this one {mask.max()}: threshold it first")
    if mask.dtype not in (np.bool_, np.uint8):
        raise TypeError(f"a mask is bool or uint8, this one is {mask.dtype}: threshold it first")
    return map_runs(np.ascontiguousarray(mask).view(np.uint8), threshold=1)


def map_runs(map: Map, threshold: int = THRESHOLD) -> Runs:
    """Runs of `map >= threshold`, as `runs` gives them; map uint8 (H, W), threshold 1..255.

    Raises:
        TypeError: the map is not uint8.
        ValueError: it is not (H, W), or the threshold is not in 1..255.
    """
    whole, last_block = _flat_pixels(map, threshold)
    return _runs_from_changes(lambda out: find_changes(whole, last_block, threshold, out))


def mean_runs(maps: Sequence[Map], weights: Sequence[int], threshold: int = THRESHOLD) -> Runs:
    """Runs of the pixels whose weighted mean over maps, one half rounded up, reaches a threshold.

    No map of means is made.

    Raises:
        TypeError: as `map_runs`.
        ValueError: as `map_runs`, or the maps differ in size, or there is not one weight for each
            map, or a weight is negative, or their sum is not in 1..MAX_WEIGHT - 1.
    """
    total = sum(weights)
    if len(maps) != len(weights) or min(weights, default=-1) < 0 or not 0 < total < MAX_WEIGHT:
        raise ValueError(f"{len(maps)} maps and the weights {list(weights)}")
    if any(map.shape != maps[0].shape for map in maps):
        raise ValueError(f"maps of one image have one shape, these {[map.shape for map in maps]}")
    least = -(-total * (2 * threshold - 1) // 2)  # least sum whose mean rounds to the threshold
    wide = np.uint16 if 255 * total < 2**16 else np.uint32
    wholes, last_blocks = zip(*(_flat_pixels(map, threshold) for map in maps), strict=True)
    images, ends = _addresses(wholes), _addresses(last_blocks)
    factors, size = np.array(weights, wide), wholes[0].size
    return _runs_from_changes(
        lambda out: find_changes_of_sum(images, ends, size, factors, wide(least), out)
    )


def merge(lists: Sequence[Runs], weights: Sequence[int], least: int) -> Runs:
    """Runs of the pixels that lists of a total weight of `least` (1 or more) cover.

    Raises:
        ValueError: there is not one weight for each list, or a weight is negative, or `least` is
            below 1.

    >>> merge([np.array([[1, 4]]), np.array([[3, 4]]), np.array([[9, 1]])], [1, 1, 1], 2).tolist()
    [[3, 2]]
    """
    if len(lists) != len(weights) or min(weights, default=-1) < 0 or least < 1:
        raise ValueError(f"{len(lists)} lists, the weights {list(weights)}, at least {least}")
    together = np.concatenate(lists)
    ends = np.cumsum([len(each) for each in lists])
    out = np.empty_like(together)
    count = merge_runs(together, ends, np.array(weights, np.int64), least, out)
    return out[:count]


def _flat_pixels(map: Map, threshold: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A map's pixels in one row, and a copy of its last, incomplete block.

    Background fills up that block, so that a run ends with the image.
    """
    if map.dtype != np.uint8:
        raise TypeError(f"a map is uint8 round(255 p), this one is {map.dtype}")
    if map.ndim != 2:
        raise ValueError(f"one image is (height, width), this array has shape {map.shape}")
    if not 1 <= threshold <= 255:
        raise ValueError(f"a threshold lies in 1..255, this one is {threshold}")
    whole = np.ascontiguousarray(map).reshape(-1)
    last_block = np.zeros(BLOCK, dtype=np.uint8)
    rest = whole.size % BLOCK
    last_block[:rest] = whole[whole.size - rest :]
    return whole, last_block


def _addresses(arrays: Sequence[NDArray[np.uint8]]) -> NDArray[np.uintp]:
    """The arrays' memory addresses, for a kernel; the arrays must outlive its call."""
    return np.array([array.ctypes.data for array in arrays], np.uintp)


def _runs_from_changes(find: Callable[[NDArray[np.int64]], int]) -> Runs:
    """The runs between the changes that `find` writes: where runs begin and end, in turn.

    `find` writes as many changes as its array holds and returns how many there are.
    """
    changes = np.empty(INITIAL_CAPACITY, dtype=np.int64)
    count = find(changes)
    if count > INITIAL_CAPACITY:  # noise, not a car
        changes = np.empty(count, dtype=np.int64)
        find(changes)
    pairs = changes[:count].reshape(-1, 2).copy()  # first pixel of a run, first pixel after it
    pairs[:, 1] -= pairs[:, 0]
    pairs[:, 0] += 1
    return pairs


def parse(text: str) -> Runs:
    """Read run-length text as runs, int64 (N, 2), and check it; the empty text gives none.

    Raises:
        ValueError: names the first token that breaks a rule (digits, single spaces, positive
            numbers, in pairs, sorted, disjoint) and why. Touching runs are allowed.

    >>> parse("1 3 3 2")
    Traceback (most recent call last):
    ValueError: token 3 ('3') starts inside the run in front of it: runs must not overlap
    """
    return _parse(text, limit=NO_LIMIT - 1)


def format_runs(runs: Runs) -> str:
    """Run-length text of runs, int64 (N, 2) of positive start and length."""
    if runs.dtype != np.int64 or runs.ndim != 2 or runs.shape[1] != 2:
        raise TypeError(f"runs are int64 (N, 2), these {runs.dtype} {runs.shape}")
    if not runs.size:
        return ""
    if runs.min() < 1:
        raise ValueError("starts and lengths are positive")
    numbers = np.ascontiguousarray(runs).reshape(-1)
    text = np.empty(numbers.size * (len(str(runs.max())) + 1), dtype=np.uint8)
    length = write_numbers(numbers, text)
    return str(text[: length - 1].data, "ascii")  # without the last space


def _parse(text: str, limit: int) -> Runs:
    letters = np.frombuffer(text.encode() + PADDING, dtype=np.uint8)
    out = np.empty((letters.size // 4 + 1, 2), dtype=np.int64)  # "1 1 " is the shortest pair
    problem, token, count = read_pairs(letters, 0, letters.size - len(PADDING), limit, out)
    if problem:
        raise ValueError(f"token {token} ({text.split(' ')[token - 1]!r}) {WHY[problem]}")
    return out[:count]
