"""The loops that meet every run and every digit of a mask, compiled: all in this one file.

numba keeps machine code until the file of a kernel changes; it does not look at other files the
kernel calls into. So kernels that call each other live together. They release the interpreter's
lock. tests/test_rle.py and tests/test_metrics.py hold the same definitions in plain Python.
"""

from typing import Any

import numpy as np

from bench.masks.compiled.vectors import BLOCK, eight_bytes, inlined, kernel, lowest, reached

QUOTE, COMMA, NEWLINE, RETURN, SPACE = b'",\n\r '
NO_LIMIT = 2**58  # pixels; larger numbers are read as this one
BEHIND_ALL = 2**62  # a place that no run reaches
NOT_A_NUMBER, ZERO, ODD, UNSORTED, OVERLAP, OUT_OF_RANGE = range(1, 7)  # what `read_pairs` answers

HUNDRED = np.uint64(100)
TWO_DIGITS = np.array([[48 + n // 10, 48 + n % 10] for n in range(100)], dtype=np.uint8)
ONE = np.uint64(1)
DIGITS_FROM = 48  # bytes below: space, sign, point, comma, line end
ZEROS = np.uint64(0x3030303030303030)  # eight characters 0
LOW_SEVEN_BITS = np.uint64(0x7F7F7F7F7F7F7F7F)
HIGH_BITS = np.uint64(0x8080808080808080)
TEN_OVERFLOWS = np.uint64(0x7676767676767676)  # added to a byte of 10 or more, sets its high bit
PAIRS, FOURS, EIGHT = (np.uint64(m) for m in (0x00FF00FF00FF00FF, 0x0000FFFF0000FFFF, 0xFFFFFFFF))

UNJUDGED, RIGHT, BY_COLUMN, PADDED = -1, 0, 1, 2  # how a mask was encoded
FEW_RUNS = 50  # a mask with fewer runs says too little about that
COVERS = 0.9  # share of itself that a mask covers at least when moved by its line's length
CLEAR = 2e-4  # and how much more than when moved by another; on real masks 4e-4 or more
LONG = 8  # a shorter run over the edge may be noise in the two outer columns
JUDGED = 16  # lines of a block, of about a hundred, whose encoding is judged


@kernel
def merge_runs(runs, ends, weights, least, out):  # type: ignore[no-untyped-def]
    """Write the runs in which lists of weight `least` or more cover a pixel; how many.

    Args:
        runs: the lists one after the other, each as `rle.runs` gives it; ends: where each one ends.
        out: as many runs as there are in all lists.
    """
    members = len(ends)
    nexts = np.empty(members, dtype=np.int64)  # of each list: the run to enter or to leave,
    places = np.empty(members, dtype=np.int64)  # where that happens, the last time behind all,
    covers = np.zeros(members, dtype=np.bool_)  # and which of both it is
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


@kernel
def read_pairs(letters, place, last, limit, out):  # type: ignore[no-untyped-def]
    """Read the run-length text `letters[place:last]`: first problem (0: none), its token, pairs.

    Args:
        letters: uint8, with a byte that is no digit at `last` and BLOCK more bytes behind it.
        limit: pixels of the image, below NO_LIMIT.
        out: int64 (at least (last - place) // 4 + 1, 2), gets start and length of each pair.
    """
    token = count = start = start_before = 0
    begin, end_before = place, 1  # of the token; first pixel behind the run in front
    behind = last + 1 if last > place else place  # no text is no token, not an empty one
    for block in range(place, behind, BLOCK):
        # bytes below the digits end a token; found together, no token waits for the one in front
        ends = ~reached(letters.ctypes.data, block, DIGITS_FROM)
        while ends and begin <= last:
            end = block + lowest(ends)
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
    """The number that the digits `letters[begin:end]` mean; -1 where they are none or no digits."""
    if not 1 <= end - begin <= 8:
        return _long_number(letters, begin, end)
    word = eight_bytes(letters.ctypes.data, begin) ^ ZEROS  # a digit is its value, the rest more
    word <<= np.uint64(8 * (8 - (end - begin)))  # zeros move in front
    if (((word & LOW_SEVEN_BITS) + TEN_OVERFLOWS) | word) & HIGH_BITS:
        return -1
    word = (np.uint64(10) * word + (word >> np.uint64(8))) & PAIRS
    word = (np.uint64(100) * word + (word >> np.uint64(16))) & FOURS
    word = (np.uint64(10_000) * word + (word >> np.uint64(32))) & EIGHT
    return np.int64(word)


@kernel
def _long_number(letters, begin, end):  # type: ignore[no-untyped-def]
    """`_number` of no digits, or of more than a photograph's pixels have."""
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
    """As `pixels.count_pixels`, from runs: walk both lists and add what each two runs share.

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


@kernel
def judge_runs(runs, height, width, padded, judge):  # type: ignore[no-untyped-def]
    """Return the signs of how one mask was encoded: the fields of RunSigns in kaggle/encoding.py.

    They are the encoding (UNJUDGED without `judge`), the number of runs that begin at the left
    edge, and the number of those that begin one pixel before it and go on in the next row.
    """
    pixels = at_edge = over_edge = 0
    row_end = width
    for start, length in runs:
        while start > row_end:
            row_end += width
        pixels += length
        at_edge += start == row_end - width + 1
        over_edge += start == row_end and length > LONG
    # runs of more than a line in the mean, of lying stripes, cover themselves at any distance
    judge = judge and len(runs) >= FEW_RUNS and pixels < len(runs) * height
    encoding = _encoding_of(runs, height, width, padded) if judge else UNJUDGED
    return encoding, at_edge, over_edge


@kernel
def _encoding_of(runs, height, width, padded):  # type: ignore[no-untyped-def]
    """The distance at which a mask covers itself most names its encoding."""
    right, pixels, _ = count_runs(runs, runs, width)
    by_column, _, _ = count_runs(runs, runs, height)
    by_padded, _, _ = count_runs(runs, runs, padded)
    best = max(by_column, by_padded)
    if best < COVERS * pixels or best < right + CLEAR * pixels:
        return RIGHT
    return BY_COLUMN if best == by_column else PADDED


@kernel
def scan_lines(letters, height, width, padded, pairs, found):  # type: ignore[no-untyped-def]
    """Read all lines of a block of a submission file into `found`, int64 (lines, 8).

    Its columns: where a line begins, its first comma (or its end), its end; problem and token as
    of `read_pairs`; the three columns of `judge_runs`. One call reads many lines, because a thread
    that takes back the interpreter's lock for each line waits longer than it works.

    Args:
        letters: lines that end in a newline, as `read_pairs` wants them; pairs: its `out`.
        padded: the width a network pads a photograph to.
    """
    begin = 0
    for line in range(len(found)):
        end = begin
        while letters[end] != NEWLINE:
            end += 1
        last = end - 1 if end > begin and letters[end - 1] == RETURN else end
        comma = begin
        while comma < last and letters[comma] != COMMA:
            comma += 1
        problem, token, count = read_pairs(
            letters, min(comma + 1, last), last, height * width, pairs
        )
        found[line, 0], found[line, 1], found[line, 2] = begin, comma, last
        found[line, 3], found[line, 4] = problem, token
        found[line, 5], found[line, 6], found[line, 7] = judge_runs(
            pairs[:count], height, width, padded, line < JUDGED
        )
        begin = end + 1
