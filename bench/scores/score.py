"""Maps of held-out photographs and their true masks -> scores of every entry on each of them.

Reads  the members' map stores and the masks, each image once for all entries.
Writes scores.parquet: entry, image, car and view (or group), fold and the figures of
       metrics/measures.py; and before it ceilings.json, the mean Dice of training targets of each
       input size.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.data.dataset import DataSet
from bench.data.image_ids import car_of, view_of
from bench.ensembles.entry import Entry
from bench.ensembles.members import Members
from bench.masks.resize import ceiling_map
from bench.masks.types import THRESHOLD, Map, Mask, Size, size_name
from bench.metrics.boundary import outline
from bench.metrics.measures import measures
from bench.metrics.overlap import counts, dice
from bench.scores.columns import check_figures
from bench.system.files import replacing, write_json


def run(
    entries: Sequence[Entry],
    members: Members,
    sizes: Sequence[Size],
    folds: Mapping[str, int],
    scores: Path,
    ceilings: Path,
) -> None:
    """Score every entry on every held-out image at the photograph's own size.

    Args:
        sizes: input sizes whose ceiling is written: the mean Dice of a network's maps that gives
            exactly its training targets. Other maps of the size can score more.
        folds: held-out image -> the fold it belongs to; these images are scored.

    Raises:
        BadData: a store lacks an image or is damaged, or a mask is.
    """

    data = members.data

    def score(
        image: str, maps: Mapping[str, Map], truth: Mask
    ) -> tuple[list[dict[str, Any]], list[float]]:
        shown = about(data, image, folds[image])
        true_outline = outline(truth)
        rows = [
            {"entry": entry.name, **shown}
            | check_figures(measures(entry.mask(maps, image), truth, true_outline))
            for entry in entries
        ]
        return rows, [_ceiling(truth, size) for size in sizes]

    rows, best = zip(*members.each(sorted(folds), score, "score"), strict=True)
    table = pd.DataFrame([row for image in rows for row in image])
    means = np.mean(best, axis=0).tolist()
    write_json(ceilings, dict(zip(map(size_name, sizes), means, strict=True)))
    with replacing(scores) as temporary:  # last: a run that has its scores has the ceilings, too
        table.to_parquet(temporary, index=False, write_page_checksum=True)


def about(data: DataSet, image: str, fold: int) -> dict[str, Any]:
    """Return what a row of scores says of an image besides its entry and its figures."""
    view = {"view": view_of(image)} if data.of_cars else {}
    return {"image": image, data.unit: car_of(image), **view, "fold": fold}


def _ceiling(truth: Mask, size: Size) -> float:
    return dice(counts(ceiling_map(truth, size) >= THRESHOLD, truth))
