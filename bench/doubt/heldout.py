"""Calibrate an entry's doubt on the held-out cars of its run.

Reads  maps of the members, scores.parquet.
"""

from collections.abc import Collection
from contextlib import ExitStack

import pandas as pd

from bench.config.layout import Layout
from bench.data.dataset import UNITS, unit_of
from bench.doubt.calibration import Calibration, calibrate
from bench.doubt.signs import signs
from bench.ensembles.entry import Entry
from bench.masks.parts import find_maps
from bench.system.files import read_parquet
from bench.system.progress import track

MOST = 400  # photographs: more change little, and each takes a moment


def calibrate_on_run(layout: Layout, entry: Entry, shown: Collection[str]) -> Calibration | None:
    """Learn what the signs of an entry's maps mean; None where too few held-out maps have scores.

    Args:
        shown: the members whose disagreement is a sign.

    Raises:
        BadData: a map or the table of scores is damaged.
    """
    own = scores_of(layout, entry.name)
    with ExitStack() as stack:
        stores = {
            name: stack.enter_context(find_maps(layout.maps(name, "heldout")))
            for name in entry.members
        }
        there = set(own["image"]).intersection(*(store.ids() for store in stores.values()))
        own = own[own["image"].isin(there)]
        own = own.sample(min(len(own), MOST), random_state=0)
        found = []
        for image in track(own["image"], "doubt", len(own)):
            maps = {name: store.read(image) for name, store in stores.items()}
            found.append(signs([maps[name] for name in shown], entry.unrefined(maps, image)))
    unit = unit_of(own.columns)
    return calibrate(found, list(map(float, own["dice"])), list(map(str, own[unit])), unit)


def scores_of(layout: Layout, name: str) -> pd.DataFrame:
    """Return image, car (or what else was held out together) and dice of an entry's photographs.

    There are none before the run was scored.

    Raises:
        BadFile: the table of scores is damaged.
    """
    if not layout.scores.exists():
        return pd.DataFrame({"image": [], "car": [], "dice": []})
    words = ("entry", "image", *UNITS)
    table = read_parquet(layout.scores, ("entry", "image", "dice"), words, "run the suite again")
    unit = unit_of(table.columns)
    return table.loc[table["entry"] == name, ["image", unit, "dice"]]
