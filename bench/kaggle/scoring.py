"""Scores of a submission file against known masks, offline and from runs alone.

Reads  a submission file and the known masks: a table `img,rle_mask` or a folder of pictures.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.data.images import read_mask
from bench.kaggle.reading import read_rows
from bench.masks import rle
from bench.masks.types import Runs
from bench.metrics.overlap import Counts, counts_from_runs, dice, jaccard
from bench.system.errors import BadData, Missing


class KnownMasks(Mapping[str, Runs]):
    """Image id -> runs of its true mask, int64 (N, 2), read when asked for.

    Args:
        source: a table `img,rle_mask`, or a folder of mask pictures `<image id>_mask.gif`.

    Raises:
        Missing: there are no masks at `source`.
    """

    def __init__(self, source: Path) -> None:
        self.source = source
        self._pictures = {
            path.stem.removesuffix("_mask"): path
            for ending in (".gif", ".png")
            for path in source.glob(f"*{ending}")
        }
        self._texts = {
            _image_id(name): text
            for _, name, text in (read_rows(source) if source.is_file() else ())
        }
        if not self._texts and not self._pictures:
            raise Missing(f"{source}: no masks; name train_masks/ or a table img,rle_mask")

    def __getitem__(self, image_id: str) -> Runs:
        if image_id in self._pictures:
            return rle.runs(read_mask(self._pictures[image_id]))
        return _parse(self._texts[image_id], f"{self.source}, row of {image_id}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts or self._pictures)

    def __len__(self) -> int:
        return len(self._texts or self._pictures)


@dataclass(frozen=True)
class Scores:
    """How a submission agrees with known masks."""

    counts: dict[str, Counts]  # image id -> pixels; the images whose mask is known
    unknown: int  # rows of other images
    without_row: int  # images whose mask is known and that have no row

    @property
    def dice(self) -> float:
        """Mean Dice over the images, as Kaggle scores."""
        return float(np.mean([dice(each) for each in self.counts.values()]))

    @property
    def jaccard(self) -> float:
        """Mean Jaccard over the images."""
        return float(np.mean([jaccard(each) for each in self.counts.values()]))

    def per_image(self) -> list[dict[str, Any]]:
        """Counts, Dice and Jaccard of each image, worst Dice first."""
        rows = [
            {"image": image, **each._asdict(), "dice": dice(each), "jaccard": jaccard(each)}
            for image, each in self.counts.items()
        ]
        return sorted(rows, key=lambda row: row["dice"])

    def to_json(self) -> dict[str, Any]:
        """The means, and how many images are in them and how many are not."""
        return {
            "images": len(self.counts),
            "dice": self.dice,
            "jaccard": self.jaccard,
            "unknown": self.unknown,
            "without_row": self.without_row,
        }


def score(path: Path, masks: Mapping[str, Runs]) -> Scores:
    """Score every row of a submission file whose mask is known.

    Args:
        masks: image id -> runs of its true mask, as KnownMasks gives them.

    Raises:
        Missing: there is no such file.
        BadData: a row is broken or doubled (the message names its line), or no mask is known.
    """
    counts: dict[str, Counts] = {}
    unknown = 0
    for line, name, text in read_rows(path):
        image_id, where = _image_id(name), f"{path}, line {line}, {name}"
        if image_id in counts:
            raise BadData(f"{where}: the image has a row already; keep one of them")
        if image_id in masks:
            counts[image_id] = counts_from_runs(_parse(text, where), masks[image_id])
        else:
            unknown += 1
    if not counts:
        raise BadData(f"{path}: none of its {unknown} images has a known mask; name other masks")
    return Scores(counts, unknown, without_row=len(masks) - len(counts))


def _image_id(name: str) -> str:
    return name.rpartition(".")[0] or name


def _parse(text: str, where: str) -> Runs:
    try:
        return rle.parse(text)
    except ValueError as error:
        raise BadData(f"{where}: {error}; see `carvana-bench submit --check`") from error
