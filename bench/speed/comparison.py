"""Time the parts beside their peers: those of one image, in memory and on disk.

Reads  photographs and masks of a Carvana folder, or draws some. Writes nothing that stays.

A part is named by any piece of its name. `timing` says how times are taken.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.table import Table

from bench.speed import in_memory, on_disk
from bench.speed.samples import samples
from bench.speed.timing import Contest, Row, measure, one_core
from bench.system.errors import BadConfig

SECONDS = 1.5  # for each peer


def run(parts: Sequence[str], data: Path | None, seconds: float = SECONDS) -> Iterator[Row]:
    """The measured rows of the parts whose names hold one of `parts`; of all without any.

    Raises:
        BadConfig: no part is called so.
        Missing: the folder `data` has no photographs.
    """
    with TemporaryDirectory(prefix="carvana-speed-") as folder, one_core():
        timed_on = samples(data, Path(folder))
        contests = [*in_memory.contests(timed_on), *on_disk.contests(timed_on, Path(folder))]
        for contest in _chosen(contests, parts):
            yield from measure(contest, seconds)


def _chosen(contests: Sequence[Contest], parts: Sequence[str]) -> list[Contest]:
    unknown = [part for part in parts if not any(part in each.part for each in contests)]
    if unknown:
        names = "\n  ".join(contest.part for contest in contests)
        raise BadConfig(f"no part is called {unknown[0]!r}; there are\n  {names}")
    return [each for each in contests if not parts or any(part in each.part for part in parts)]


def to_table(rows: Sequence[Row]) -> Table:
    """The rows for people: times in ms for one image, ratios, and whether the bar is met."""
    table = Table("part", "ours ms", "peer", "peer ms", "ratio", "bar", "floor ms", "x floor", "")
    for row in rows:
        met = (
            ""
            if row.bar is None
            else f">= {row.bar:g} {'met' if row.ratio >= row.bar else 'MISSED'}"
        )
        table.add_row(
            row.part, f"{row.ours_ms:.4f}", row.peer, f"{row.peer_ms:.3f}", f"{row.ratio:.2f}",
            met, f"{row.floor_ms:.4f}", f"{row.ours_ms / row.floor_ms:.1f}", row.note,
        )  # fmt: skip
    return table
