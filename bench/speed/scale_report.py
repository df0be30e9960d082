"""Show the rows of `speed scale`: as a Markdown table, and drawn as growth of time and memory."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.scores import tables
from bench.system.files import replacing

ScaleRows = Sequence[dict[str, Any]]

ALONG = {"images": "images", "members": "members", "pixels": "megapixels of a photograph"}
COST_LABELS = {"s": "seconds", "mib": "MiB at most"}
WORKS = {"submit": "stores to submission", "check": "check"}


def to_markdown(rows: ScaleRows) -> str:
    """Return the rows as a table, with figures to one decimal."""
    table = pd.DataFrame(rows).round(1)
    return tables.to_markdown(table, [str(name) for name in table])


def draw(rows: ScaleRows, path: Path) -> None:
    """Draw seconds and memory against images, members and pixels, as .png or .svg.

    A dotted line shows growth in proportion to the last point.
    """
    figure = Figure(figsize=(12, 7), layout="constrained")
    panels = figure.subplots(len(COST_LABELS), len(ALONG), squeeze=False)
    for line, cost in zip(panels, COST_LABELS, strict=True):
        for axes, along in zip(line, ALONG, strict=True):
            _panel(axes, compared(rows, along), along, cost)
    panels[0][0].legend()
    with replacing(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:])


def compared(rows: ScaleRows, along: str) -> list[dict[str, Any]]:
    """Return the largest group of rows that differ only in `along`, in its order."""
    groups = defaultdict(list)
    for row in rows:
        full = row | {"pixels": row["height"] * row["width"] / 1e6}
        groups[tuple(full[other] for other in ALONG if other != along)].append(full)
    largest = max(groups.values(), key=len)
    return sorted(largest, key=lambda row: row[along])


def _panel(axes: Axes, rows: ScaleRows, along: str, cost: str) -> None:
    places = [row[along] for row in rows]
    for number, (work, label) in enumerate(WORKS.items()):
        values = [row[f"{work}_{cost}"] for row in rows]
        axes.plot(places, values, "o-", color=f"C{number}", label=label)
        if cost == "s":
            straight = [values[-1] * place / places[-1] for place in places]
            axes.plot(places, straight, ":", color=f"C{number}")
    if along == "images":
        axes.set_xscale("log")
    if along == "images" and cost == "s":
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set(xlabel=ALONG[along], ylabel=COST_LABELS[cost])
