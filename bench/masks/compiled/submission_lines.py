"""The loop over the lines of a submission file, and over the runs of each line's mask."""

from bench.masks.compiled.jit import kernel
from bench.masks.compiled.runs import count_runs, read_pairs

QUOTE, COMMA, NEWLINE, RETURN = b'",\n\r'
UNJUDGED, RIGHT, BY_COLUMN, PADDED = -1, 0, 1, 2  # how a mask was encoded
MIN_RUNS = 50  # a mask with fewer runs says too little about its encoding
MIN_SELF_OVERLAP = 0.9  # of itself that a mask covers when it is moved by one line of its encoding
MIN_LEAD = 2e-4  # of that share over the share of a right encoding; on real masks 4e-4 or more
MIN_LENGTH = 8  # a shorter run over the edge may be noise in the two outer columns
JUDGED_LINES = 16  # of a block of about a hundred lines, those whose encoding is judged


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
        over_edge += start == row_end and length > MIN_LENGTH
    # a mask of horizontal stripes, whose mean run is longer than a column, covers itself however
    # far it is moved
    judge = judge and len(runs) >= MIN_RUNS and pixels < len(runs) * height
    encoding = _encoding_of(runs, height, width, padded) if judge else UNJUDGED
    return encoding, at_edge, over_edge


@kernel
def _encoding_of(runs, height, width, padded):  # type: ignore[no-untyped-def]
    """The encoding in whose line length a mask must be moved to cover itself most."""
    right, pixels, _ = count_runs(runs, runs, width)
    by_column, _, _ = count_runs(runs, runs, height)
    by_padded, _, _ = count_runs(runs, runs, padded)
    best = max(by_column, by_padded)
    if best < MIN_SELF_OVERLAP * pixels or best < right + MIN_LEAD * pixels:
        return RIGHT
    return BY_COLUMN if best == by_column else PADDED


@kernel
def scan_lines(letters, height, width, padded, pairs, lines):  # type: ignore[no-untyped-def]
    """Read all lines of a block of a submission file into `lines`, int64 (lines, 8).

    Its columns: where a line begins, its first comma (or its end), its end; problem and token as
    of `read_pairs`; the three columns of `judge_runs`. One call reads many lines, because a thread
    that takes back the interpreter's lock for each line waits longer than it works.

    Args:
        letters: lines that end in a newline, as `read_pairs` wants them; pairs: its `out`.
        padded: the width a network pads a photograph to.
    """
    begin = 0
    for line in range(len(lines)):
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
        lines[line, 0], lines[line, 1], lines[line, 2] = begin, comma, last
        lines[line, 3], lines[line, 4] = problem, token
        lines[line, 5], lines[line, 6], lines[line, 7] = judge_runs(
            pairs[:count], height, width, padded, line < JUDGED_LINES
        )
        begin = end + 1
