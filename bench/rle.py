"""Mask <-> Kaggle's run-length text: `start length` pairs, 1-indexed, row by row.

Two kernels carry it: `_find_changes` walks a map once, `read_pairs` reads text once. The same
definitions in plain NumPy stand in tests/test_rle.py.

Source: https://www.kaggle.com/c/carvana-image-masking-challenge/overview/evaluation
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bench.bits import BLOCK, eight_bytes, lowest, reached

Mask = NDArray[np.bool_]
Map = NDArray[np.uint8]
Runs = NDArray[np.int64]

THRESHOLD = 128  # a map's pixel belongs to the mask when its value is at least this
SPACE = np.uint8(32)
HUNDRED = np.uint64(100)
TWO_DIGITS = np.array([[48 + n // 10, 48 + n % 10] for n in range(100)], dtype=np.uint8)
ZEROS = np.uint64(0x3030303030303030)
LOW_SEVEN_BITS = np.uint64(0x7F7F7F7F7F7F7F7F)
HIGH_BITS = np.uint64(0x8080808080808080)
TEN_OVERFLOWS = np.uint64(0x7676767676767676)
PAIRS, FOURS, EIGHT = (np.uint64(m) for m in (0x00FF00FF00FF00FF, 0x0000FFFF0000FFFF, 0xFFFFFFFF))
NO_LIMIT = 2**58  # pixels; larger numbers are read as this one
WHY = {  # what `read_pairs` answers: 0 is sound, the others are named here
    1: "is not a whole number between single spaces",
    2: "is zero: pixels count from 1 and a run has at least one",
    3: "is a start without a length",
    4: "starts before the run in front of it: runs must be sorted",
    5: "starts inside the run in front of it: runs must not overlap",
    6: "makes the run end behind the last pixel",
}
NOT_A_NUMBER, ZERO, ODD, UNSORTED, OVERLAP, OUT_OF_RANGE = WHY

ROOM = 2**14  # run ends found without a second walk; real masks have about 1,300


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


def decode(text: str, shape: tuple[int, int]) -> Mask:
    """Mask of `shape` (height, width) that run-length text describes.

    Raises:
        ValueError: as `parse`, or a run ends behind the last pixel.

    >>> decode("1 1 4 3", (2, 3)).astype(int).tolist()
    [[1, 0, 0], [1, 1, 1]]
    """
    height, width = shape
    mask = np.empty(height * width, dtype=np.bool_)
    _fill(mask.view(np.uint8), _parse(text, limit=mask.size))
    return mask.reshape(height, width)


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
    """Runs of `map >= threshold`, as `runs` gives them; map uint8 (H, W), threshold 1..255."""
    if map.dtype != np.uint8:
        raise TypeError(f"a map is uint8 round(255 p), this one is {map.dtype}")
    if map.ndim != 2:
        raise ValueError(f"one image is (height, width), this array has shape {map.shape}")
    if not 1 <= threshold <= 255:
        raise ValueError(f"a threshold lies in 1..255, this one is {threshold}")
    pixels = np.ascontiguousarray(map).reshape(-1)
    last_block = np.zeros(BLOCK, dtype=np.uint8)  # its background ends a run at the image's end
    rest = pixels.size % BLOCK
    last_block[:rest] = pixels[pixels.size - rest :]
    changes = np.empty(ROOM, dtype=np.int64)
    count = _find_changes(pixels, last_block, threshold, changes)
    if count > ROOM:  # noise, not a car
        changes = np.empty(count, dtype=np.int64)
        _find_changes(pixels, last_block, threshold, changes)
    pairs = changes[:count].reshape(-1, 2).copy()  # first pixel of a run, first pixel behind it
    pairs[:, 1] -= pairs[:, 0]
    pairs[:, 0] += 1
    return pairs


def parse(text: str) -> Runs:
    """Runs written in run-length text, int64 (N, 2), checked; the empty text gives none.

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
    length = _write_numbers(numbers, text)
    return str(text[: length - 1].data, "ascii")  # without the last space


def _parse(text: str, limit: int) -> Runs:
    letters = np.frombuffer(text.encode() + b"\n" * 8, dtype=np.uint8)
    out = np.empty((letters.size // 4 + 1, 2), dtype=np.int64)  # "1 1 " is the shortest pair
    problem, token, count = read_pairs(letters, 0, letters.size - 8, limit, out)
    if problem:
        raise ValueError(f"token {token} ({text.split(' ')[token - 1]!r}) {WHY[problem]}")
    return out[:count]


@njit(cache=True, nogil=True)
def _find_changes(pixels, last_block, threshold, out):  # type: ignore[no-untyped-def]
    """Write where `value >= threshold` begins and ends to hold, as room allows; how many places."""
    inside = np.uint64(0)
    count = 0
    blocks = pixels.size // BLOCK
    for block in range(blocks + 1):
        if block < blocks:
            bits = reached(pixels.ctypes.data, block, threshold)
        else:
            bits = reached(last_block.ctypes.data, 0, threshold)
        changed = bits ^ ((bits << np.uint64(1)) | inside)
        inside = bits >> np.uint64(63)
        while changed:
            if count < out.size:
                out[count] = BLOCK * block + lowest(changed)
            count += 1
            changed &= changed - np.uint64(1)
    return count


@njit(cache=True, nogil=True)
def _write_numbers(numbers, out):  # type: ignore[no-untyped-def]
    """Write numbers as decimal digits, a space behind each; bytes written."""
    end = 0
    for number in numbers:
        digits, power = 1, 10
        while number >= power:
            digits += 1
            power *= 10
        place = end + digits
        out[place] = SPACE
        left = np.uint64(number)
        while place > end + 1:  # two digits at a time halve the divisions
            pair = left % HUNDRED
            left //= HUNDRED
            place -= 2
            out[place], out[place + 1] = TWO_DIGITS[pair, 0], TWO_DIGITS[pair, 1]
        if place > end:
            out[end] = TWO_DIGITS[left, 1]
        end += digits + 1
    return end


@njit(cache=True, nogil=True)
def read_pairs(letters, place, last, limit, out):  # type: ignore[no-untyped-def]
    """Read the run-length text `letters[place:last]`: first problem (see WHY), its token, pairs.

    Args:
        letters: uint8, with a byte that is no digit at `last` and seven more bytes behind it.
        limit: pixels of the image, below NO_LIMIT.
        out: int64 (at least (last - place) // 4 + 1, 2), gets start and length of each pair.
    """
    count, start_before, end_before = 0, 0, 1  # end: first pixel behind the run
    more = place < last
    while more:
        start, place = _read_number(letters, place)
        if start < 1 or place == last or letters[place] != SPACE:
            return _why_not(start, place == last), 2 * count + 1, count
        if start < end_before:
            return (UNSORTED if start < start_before else OVERLAP), 2 * count + 1, count
        length, place = _read_number(letters, place + 1)
        more = place < last
        if length < 1 or (more and letters[place] != SPACE):
            return _why_not(length, False), 2 * count + 2, count
        if start + length - 1 > limit:
            return OUT_OF_RANGE, 2 * count + 2, count
        out[count, 0] = start
        out[count, 1] = length
        start_before, end_before = start, start + length
        count += 1
        place += 1
    return 0, 0, count


@njit(cache=True, nogil=True, inline="always")
def _read_number(letters, place):  # type: ignore[no-untyped-def]
    """The number whose digits begin at `place` (-1: there are none), and the place behind them.

    All digits of a pixel number lie in one word: reading them together is twice as fast as one by
    one, because nothing has to be guessed about how many they are.
    """
    word = eight_bytes(letters.ctypes.data, place) ^ ZEROS  # digits become 0..9, the rest more
    other = (((word & LOW_SEVEN_BITS) + TEN_OVERFLOWS) | word) & HIGH_BITS
    if other == 0:
        return _read_long_number(letters, place)
    digits = lowest(other) >> 3
    if digits == 0:
        return -1, place
    word <<= np.uint64(64 - 8 * digits)  # zeros move in front
    word = (np.uint64(10) * word + (word >> np.uint64(8))) & PAIRS
    word = (np.uint64(100) * word + (word >> np.uint64(16))) & FOURS
    word = (np.uint64(10_000) * word + (word >> np.uint64(32))) & EIGHT
    return np.int64(word), place + digits


@njit(cache=True, nogil=True)
def _read_long_number(letters, place):  # type: ignore[no-untyped-def]
    """`_read_number` for eight digits and more, which no Carvana photograph needs."""
    value: Any = np.int64(0)
    while 48 <= letters[place] <= 57:
        value = 10 * value + np.int64(letters[place]) - 48
        if value > NO_LIMIT:
            value = NO_LIMIT
        place += 1
    return value, place


@njit(cache=True, nogil=True)
def _why_not(value, at_end):  # type: ignore[no-untyped-def]
    if value == 0:
        return ZERO
    return ODD if value > 0 and at_end else NOT_A_NUMBER


@njit(cache=True, nogil=True)
def _fill(pixels, runs):  # type: ignore[no-untyped-def]
    """Write every pixel once: 1 inside the runs, 0 between them."""
    place = 0
    for k in range(len(runs)):
        first = runs[k, 0] - 1
        behind = first + runs[k, 1]
        pixels[place:first] = 0
        pixels[first:behind] = 1
        place = behind
    pixels[place:] = 0
