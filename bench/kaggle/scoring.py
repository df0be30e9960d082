"""Score a submission file against known masks, offline and from runs alone.

Reads  a submission file and the known masks: a table `img,rle_mask` or a folder of images.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.data.dataset import read_mask_table
from bench.data.images import read_mask
from bench.data.listing import MASK_SUFFIXES, id_in_table, list_pictures
from bench.kaggle.reading import read_rows
from bench.masks import rle
from bench.masks.types import Runs
from bench.metrics.overlap import Counts, counts_from_runs, dice, jaccard
from bench.system.errors import BadData, Missing
from bench.system.text import several


class KnownMasks(Mapping[str, Runs]):
    """Mapping of image id -> runs of its true mask, int64 (N, 2), which are read on access.

    Args:
        source: a table `img,rle_mask`, or a folder of mask images `<image id>_mask.gif`.

    Raises:
        Missing: there are no masks at `source`.
        BadData: the table cannot be read, or an image has two masks.
    """

    def __init__(self, source: Path) -> None:
        self.source = source
        self._files = list_pictures(source, MASK_SUFFIXES, ending="_mask")
        self._texts = read_mask_table(source) if source.is_file() else {}
        self._known = self._texts.keys() or self._files.keys()
        if not self._known:
            raise Missing(f"{source}: no masks; name train_masks/ or a table img,rle_mask")

    def __getitem__(self, image_id: str) -> Runs:
        if image_id in self._files:
            return rle.runs(read_mask(self._files[image_id]))
        return _parse(self._texts[image_id], f"{self.source}, row of {image_id}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, image_id: object) -> bool:
        return image_id in self._known  # without reading the mask


@dataclass(frozen=True)
class SubmissionScores:
    """Agreement of a submission with known masks."""

    counts: dict[str, Counts]  # image id -> pixels; the images whose mask is known
    unknown: int  # rows of images whose mask is not known
    without_row: int  # images whose mask is known and that have no row

    @property
    def dice(self) -> float:
        """Mean Dice over the images, as Kaggle scores."""
        return float(np.mean([dice(counts) for counts in self.counts.values()]))

    @property
    def jaccard(self) -> float:
        """Mean Jaccard over the images."""
        return float(np.mean([jaccard(counts) for counts in self.counts.values()]))

    def to_json(self) -> dict[str, Any]:
        """The means, and how many images they are of and how many they leave out."""
        return {
            "images": len(self.counts),
            "dice": self.dice,
            "jaccard": self.jaccard,
            "unknown": self.unknown,
            "without_row": self.without_row,
        }


def score_submission(path: Path, masks: Mapping[str, Runs]) -> SubmissionScores:
    """Score every row of a submission file whose true mask is known.

    Args:
        masks: image id -> runs of its true mask, as KnownMasks returns them.

    Raises:
        Missing: there is no such file.
        BadData: a row is broken or doubled (the message names its line), or no mask is known.
    """
    counts: dict[str, Counts] = {}
    unknown = 0
    for line, name, text in read_rows(path):
        image_id, where = id_in_table(name), f"{path}, line {line}, {name}"
        if image_id in counts:
            raise BadData(f"{where}: the image has a row already; keep one of them")
        if image_id in masks:
            counts[image_id] = counts_from_runs(_parse(text, where), masks[image_id])
        else:
            unknown += 1
    if not counts:
        raise BadData(
            f"{path}: none of its {several(unknown, 'image')} has a known mask; name other masks"
        )
    return SubmissionScores(counts, unknown, without_row=len(masks) - len(counts))


def _parse(text: str, where: str) -> Runs:
    try:
        return rle.parse(text)
    except ValueError as error:
        raise BadData(f"{where}: {error}; see `carvana-bench submit --check`") from error
