"""Time each part of the program beside its peers, in memory and on disk.

Reads  photographs and masks of a data folder, or draws some. Writes nothing that stays.

A part is named by any piece of its name. `timing` says how times are taken.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.table import Table

from bench.speed import in_memory, on_disk
from bench.speed.samples import load_samples
from bench.speed.timing import Benchmark, PeerComparison, measure, one_core
from bench.system.errors import BadConfig
from bench.system.temporaries import temporary_folder

SECONDS_A_PEER = 1.5
COLUMNS = (
    "part",
    "ours ms",
    "peer",
    "peer ms",
    "ratio",
    "bar",
    "floor ms",
    "x floor",
    "processor",
    "",
)


def run(
    parts: Sequence[str], data: Path | None, seconds: float = SECONDS_A_PEER
) -> Iterator[PeerComparison]:
    """Yield the comparisons of all parts, or of those whose names contain one of `parts`.

    Raises:
        BadConfig: a name in `parts` is contained in no part's.
        Missing: the folder `data` has no photographs.
    """
    with temporary_folder("speed") as folder, one_core():
        samples = load_samples(data, folder)
        benchmarks = [
            *in_memory.benchmarks(samples),
            *on_disk.benchmarks(samples, folder),
        ]
        for benchmark in _chosen(benchmarks, parts):
            yield from measure(benchmark, seconds)


def _chosen(benchmarks: Sequence[Benchmark], parts: Sequence[str]) -> list[Benchmark]:
    known = [benchmark.part for benchmark in benchmarks]
    unknown = [part for part in parts if not any(part in name for name in known)]
    if unknown:
        names = "\n  ".join(known)
        raise BadConfig(f"no part is called {unknown[0]!r}; there are\n  {names}")
    return [
        benchmark
        for benchmark in benchmarks
        if not parts or any(part in benchmark.part for part in parts)
    ]


def to_table(rows: Sequence[PeerComparison]) -> Table:
    """Return a table for people: times in ms for one image, ratios, and whether the bar is met."""
    table = Table(*COLUMNS)
    for row in rows:
        times = f"{row.ours_ms:.4f}", row.peer, f"{row.peer_ms:.3f}", f"{row.ratio:.2f}"
        floor = f"{row.floor_ms:.4f}", f"{row.ours_ms / row.floor_ms:.1f}"
        table.add_row(row.part, *times, _verdict(row), *floor, row.processor, row.note)
    return table


def _verdict(row: PeerComparison) -> str:
    if row.bar is None:
        return ""
    return f">= {row.bar:g} {'met' if row.ratio >= row.bar else 'MISSED'}"
