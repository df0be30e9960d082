"""Maps of held-out photographs and their true masks -> counts, Dice and Jaccard of every entry.

Reads  the members' map stores and the masks, each image once for all entries.
Writes scores.parquet: entry, image, car, view, fold, tp, fp, fn, dice, jaccard; and ceilings.json.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench import rle
from bench.carvana import Carvana, car_of, view_of
from bench.files import replacing, write_json
from bench.maps import MapStore
from bench.metrics import counts_from_runs, dice, jaccard
from bench.parallel import ahead
from bench.progress import track
from bench.resize import Size, ceiling_map
from bench.rules import Entry, Map


def run(
    entries: Sequence[Entry],
    stores: Mapping[str, Path],
    sizes: Sequence[Size],
    folds: Mapping[str, int],
    data: Carvana,
    scores: Path,
    ceilings: Path,
    jobs: int,
) -> None:
    """Score every entry on every held-out image at the photograph's own size.

    Args:
        stores: the map store of each member, by its name.
        sizes: input sizes whose resolution ceiling is wanted.
        folds: held-out image -> the fold it belongs to; these images are scored.

    Raises:
        BadData: a store lacks an image or is damaged, or a mask is.
    """
    with ExitStack() as stack:
        opened = {name: stack.enter_context(MapStore.open(path)) for name, path in stores.items()}

        def score(image: str) -> tuple[list[dict[str, Any]], list[float]]:
            mask = data.mask(image)
            truth = rle.runs(mask)
            maps = {name: store.read(image) for name, store in opened.items()}
            rows = [
                {"entry": entry.name, **row(image, folds[image], entry.map(maps), truth)}
                for entry in entries
            ]
            return rows, [_ceiling(mask, truth, size) for size in sizes]

        found = list(track(ahead(score, sorted(folds), jobs), "score", len(folds)))
    table = pd.DataFrame([row for rows, _ in found for row in rows])
    highest = np.mean([each for _, each in found], axis=0)
    with replacing(scores) as temporary:
        table.to_parquet(temporary, index=False)
    write_json(
        ceilings, {name_of(size): float(one) for size, one in zip(sizes, highest, strict=True)}
    )


def row(image: str, fold: int, map: Map, truth: rle.Runs) -> dict[str, Any]:
    """One line of scores.parquet, without its entry."""
    counts = counts_from_runs(rle.map_runs(map), truth)
    return {
        "image": image,
        "car": car_of(image),
        "view": view_of(image),
        "fold": fold,
        **counts._asdict(),
        "dice": dice(counts),
        "jaccard": jaccard(counts),
    }


def _ceiling(mask: rle.Mask, truth: rle.Runs, size: Size) -> float:
    return dice(counts_from_runs(rle.map_runs(ceiling_map(mask, size)), truth))


def name_of(size: Size) -> str:
    """A size as the tables write it, height x width."""
    return f"{size[0]}x{size[1]}"
