"""Maps of held-out photographs and their true masks -> how every entry did on each of them.

Reads  the members' map stores and the masks, each image once for all entries.
Writes scores.parquet: entry, image, car, view, fold, tp, fp, fn, dice, jaccard, boundary_iou,
       hausdorff95_px, surface_px; and ceilings.json, the best that a size of input allows.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.data.carvana import Carvana, car_of, view_of
from bench.ensembles.entry import Entry
from bench.masks.resize import ceiling_map
from bench.masks.store import MapStore
from bench.masks.types import THRESHOLD, Mask, Size
from bench.metrics.measures import measures
from bench.metrics.overlap import counts, dice
from bench.system.files import replacing, write_json
from bench.system.progress import track
from bench.system.threads import ahead


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
            truth = data.mask(image)
            about = {"car": car_of(image), "view": view_of(image), "fold": folds[image]}
            maps = {name: store.look(image) for name, store in opened.items()}
            rows = [
                {"entry": entry.name, "image": image, **about}
                | measures(entry.map(maps, image) >= THRESHOLD, truth)
                for entry in entries
            ]
            return rows, [_ceiling(truth, size) for size in sizes]

        found = list(track(ahead(score, sorted(folds), jobs), "score", len(folds)))
    table = pd.DataFrame([row for rows, _ in found for row in rows])
    highest = np.mean([each for _, each in found], axis=0)
    with replacing(scores) as temporary:
        table.to_parquet(temporary, index=False)
    write_json(
        ceilings, {name_of(size): float(one) for size, one in zip(sizes, highest, strict=True)}
    )


def _ceiling(truth: Mask, size: Size) -> float:
    return dice(counts(ceiling_map(truth, size) >= THRESHOLD, truth))


def name_of(size: Size) -> str:
    """A size as the tables write it, height x width."""
    return f"{size[0]}x{size[1]}"
