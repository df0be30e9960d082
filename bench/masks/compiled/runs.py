"""The loops over runs and over the digits of run-length text; rle.py defines what they do.

tests/masks/test_rle.py and tests/metrics/test_overlap.py hold the same definitions in plain Python.
"""

from typing import Any

import numpy as np

from bench.masks.compiled.jit import inlined, kernel
from bench.masks.compiled.vectors import BLOCK, bytes_at_least
from bench.masks.compiled.words import ONE, lowest_bit

SPACE = b" "[0]
NO_LIMIT = 2**58  # pixels; larger numbers are read as this one
BEHIND_ALL = 2**62  # a place that no run reaches
NOT_A_NUMBER, ZERO, ODD, UNSORTED, OVERLAP, OUT_OF_RANGE = range(1, 7)  # what `read_pairs` answers

HUNDRED = np.uint64(100)
TWO_DIGITS = np.array([[48 + n // 10, 48 + n % 10] for n in range(100)], dtype=np.uint8)
DIGITS_FROM = 48  # bytes below: space, sign, point, comma, line end
ZEROS = np.uint64(0x3030303030303030)  # eight characters 0
LOW_SEVEN_BITS = np.uint64(0x7F7F7F7F7F7F7F7F)
HIGH_BITS = np.uint64(0x8080808080808080)
TEN_OVERFLOWS = np.uint64(0x7676767676767676)  # added to a byte of 10 or more, sets its high bit
PAIRS, FOURS, EIGHT = (np.uint64(m) for m in (0x00FF00FF00FF00FF, 0x0000FFFF0000FFFF, 0xFFFFFFFF))


@kernel
def merge_runs(runs, ends, weights, least, out):  # type: ignore[no-untyped-def]
    """Write the runs of pixels that lists of a total weight of `least` cover; return their number.

    Args:
        runs: the lists one after the other, each as `rle.runs` gives it; ends: where each one ends.
        out: as many runs as there are in all lists.
    """
    members = len(ends)
    nexts = np.empty(members, dtype=np.int64)  # index of each list's present or next run
    places = np.empty(members, dtype=np.int64)  # where it ends or begins; BEHIND_ALL after the last
    covers = np.zeros(members, dtype=np.bool_)  # whether the list is inside that run
    for k in range(members):
        nexts[k] = ends[k - 1] if k else 0
        places[k] = runs[nexts[k], 0] if nexts[k] < ends[k] else BEHIND_ALL
    weight = count = 0
    inside = False
    while True:
        place = places.min()
        if place == BEHIND_ALL:
            return count
        for k in range(members):
            while places[k] == place:  # a touching run begins where the one before it ends
                if covers[k]:
                    weight -= weights[k]
                    nexts[k] += 1
                    places[k] = runs[nexts[k], 0] if nexts[k] < ends[k] else BEHIND_ALL
                else:
                    weight += weights[k]
                    places[k] += runs[nexts[k], 1]
                covers[k] = not covers[k]
        if inside != (weight >= least):
            inside = not inside
            if inside:
                out[count, 0] = place
            else:
                out[count, 1] = place - out[count, 0]
                count += 1


@kernel
def write_numbers(numbers, out):  # type: ignore[no-untyped-def]
    """Write numbers as decimal digits, a space after each; return how many bytes they take."""
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


@kernel
def read_pairs(letters, place, last, limit, out):  # type: ignore[no-untyped-def]
    """Read the run-length text `letters[place:last]`.

    Returns the first problem (0 for none), the number of the token that has it, and how many pairs
    were read.

    Args:
        letters: uint8, with a byte that is no digit at `last` and BLOCK more bytes after it.
        limit: pixels of the image, below NO_LIMIT.
        out: int64 (at least (last - place) // 4 + 1, 2), gets start and length of each pair.
    """
    token = count = start = start_before = 0
    begin, end_before = place, 1  # of the token; first pixel after the last run
    stop = last + 1 if last > place else place  # no text is no token, not an empty one
    for block in range(place, stop, BLOCK):
        # bytes below the digits end a token; all of a block are found at once, so that no token
        # waits until the one in front of it is read
        ends = ~bytes_at_least(letters.ctypes.data, block, DIGITS_FROM)
        while ends and begin <= last:
            end = block + lowest_bit(ends)
            ends &= ends - ONE
            token += 1
            value = _number(letters, begin, end)
            if value < 1 or (end < last and letters[end] != SPACE):
                return (ZERO if value == 0 else NOT_A_NUMBER), token, count
            begin = end + 1
            if token % 2:
                if end == last:
                    return ODD, token, count
                if value < end_before:
                    return (UNSORTED if value < start_before else OVERLAP), token, count
                start = value
            else:
                if start + value - 1 > limit:
                    return OUT_OF_RANGE, token, count
                out[count, 0], out[count, 1] = start, value
                count += 1
                start_before, end_before = start, start + value
    return 0, 0, count


@inlined
def _number(letters, begin, end):  # type: ignore[no-untyped-def]
    """The number written in `letters[begin:end]`; -1 where that is empty or no number."""
    if not 1 <= end - begin <= 8:
        return _long_number(letters, begin, end)
    word = np.uint64(0)
    for k in range(8):  # one read, since an unsigned index does not count from the end
        word |= np.uint64(letters[np.uint64(begin + k)]) << np.uint64(8 * k)
    word ^= ZEROS  # digits become 0..9, all else more
    word <<= np.uint64(8 * (8 - (end - begin)))  # zeros move in front
    if (((word & LOW_SEVEN_BITS) + TEN_OVERFLOWS) | word) & HIGH_BITS:
        return -1
    word = (np.uint64(10) * word + (word >> np.uint64(8))) & PAIRS
    word = (np.uint64(100) * word + (word >> np.uint64(16))) & FOURS
    word = (np.uint64(10_000) * word + (word >> np.uint64(32))) & EIGHT
    return np.int64(word)


@kernel
def _long_number(letters, begin, end):  # type: ignore[no-untyped-def]
    """As `_number`, for no digits or more than eight; larger numbers than NO_LIMIT are NO_LIMIT."""
    value: Any = np.int64(-1 if begin == end else 0)
    for place in range(begin, end):
        digit = np.int64(letters[place]) - DIGITS_FROM
        if digit > 9:
            return -1
        value = min(10 * value + digit, NO_LIMIT)
    return value


@kernel
def fill_runs(pixels, runs):  # type: ignore[no-untyped-def]
    """Write 1 inside the runs; the pixels between them are 0 already."""
    for k in range(len(runs)):
        first = runs[k, 0] - 1
        pixels[first : first + runs[k, 1]] = 1


@kernel
def count_runs(predicted, truth, moved):  # type: ignore[no-untyped-def]
    """Count as `pixels.count_pixels` does, from runs: add up what a run of each list shares.

    `moved` is added to every start of the predicted runs.
    """
    both = in_predicted = in_truth = first = 0
    for start, length in truth:
        end = start + length
        in_truth += length
        while first < len(predicted) and moved + predicted[first, 0] + predicted[first, 1] <= start:
            first += 1
        k = first
        while k < len(predicted) and moved + predicted[k, 0] < end:
            begin = moved + predicted[k, 0]
            both += min(end, begin + predicted[k, 1]) - max(start, begin)
            k += 1
    for _, length in predicted:
        in_predicted += length
    return both, in_predicted, in_truth
