"""Tell from the runs of a submission's masks how they were encoded: right, or wrong in three ways.

A mask is solid, so moved down by one image row it nearly covers itself. The distance at which it
does so is the length of a row in the text: the photograph's width where all is right, its height
where the text runs column by column, and 1920 where the mask was padded. On 1,600 real masks the
right distance covers 99.6 % or more, and always more than another. Numbers counted from 0 show
where the photograph's left edge cuts a car: runs then begin in the last column and go on in the
next row. In 1,600 right masks no run does so; in the same masks counted from 0, 6,261 runs do.
"""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from bench.data.doubts import PADDED_TO
from bench.masks.compiled.submission_lines import BY_COLUMN, PADDED, UNJUDGED
from bench.masks.types import Size

MIN_EDGE_RUNS = 20  # runs that begin a pixel before the left edge prove numbers counted from 0


class RunSigns(NamedTuple):
    """Signs of its encoding in the runs of one mask."""

    encoding: int  # UNJUDGED, RIGHT, BY_COLUMN or PADDED of masks/compiled/submission_lines.py
    at_edge: int  # runs that begin in the first column
    over_edge: int  # runs that begin in the last column and go on in the next row


class EncodingMistake(NamedTuple):
    """A way in which a whole file is encoded wrongly, and the first row that shows the mistake."""

    kind: str
    line: int
    image: str
    what: str
    cure: str


class EncodingSigns:
    """The signs of all masks of a file, added up.

    Args:
        size: height and width of all photographs; None where these differ.
    """

    def __init__(self, size: Size | None) -> None:
        self.size = size
        self.encodings: Counter[int] = Counter()
        self.at_edge = self.over_edge = 0
        self.first: dict[int | str, tuple[int, str]] = {}  # sign -> line and image

    def add(self, line: int, image: str, signs: RunSigns) -> None:
        """Add the signs of one mask."""
        self.encodings[signs.encoding] += 1
        self.first.setdefault(signs.encoding, (line, image))
        self.at_edge += signs.at_edge
        if signs.over_edge:
            self.over_edge += signs.over_edge
            self.first.setdefault("over the edge", (line, image))

    def mistakes(self) -> Iterator[EncodingMistake]:
        """Yield the mistakes that most of the judged masks show."""
        shape, wide, kind = "(height, width)", "wider than the photographs", "padded"
        if self.size:
            padded_to = padded_width(self.size[1])
            shape, wide, kind = str(self.size), f"{padded_to} pixels wide", f"{padded_to}-wide"
        judged = self.encodings.total() - self.encodings[UNJUDGED]
        by_column, padded = self.encodings[BY_COLUMN], self.encodings[PADDED]
        if 2 * by_column > judged:
            what = f"{by_column} of {judged} masks are encoded column by column"
            cure = f"encode row by row: the {shape} mask itself, not its transpose"
            yield EncodingMistake("column-major", *self.first[BY_COLUMN], what, cure)
        if 2 * padded > judged:
            what = f"{padded} of {judged} masks are encoded {wide}"
            cure = f"cut the padding off, so that masks are {shape}, then encode"
            yield EncodingMistake(kind, *self.first[PADDED], what, cure)
        if self.over_edge > max(MIN_EDGE_RUNS, self.at_edge):
            what = f"{self.over_edge} runs begin one pixel before the left edge: numbered from 0"
            cure = "pixels count from 1: add 1 to every start"
            yield EncodingMistake("0-indexed", *self.first["over the edge"], what, cure)


def padded_width(width: int) -> int:
    """Return the width to which networks pad a photograph: 1920 for 1918."""
    return width + -width % PADDED_TO
