"""Take times: all variants in turn, round after round, on one core; then compare the medians.

A time is the processor time of this process, not wall time: on a shared machine other processes
take the core away in the middle of a call. Processor time leaves out waiting for a disk. Absolute
times are still worth little there, but variants that take turns meet the same disturbances.
Each call begins with a cache of other things: what the one before it wrote there would have to go
to memory on its time, and a fast variant called twice would find there what slow ones must fetch.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from statistics import median
from typing import Any, NamedTuple, Self

import cv2
import numpy as np
from numba.core.registry import cpu_target

Variant = Callable[[], Any]  # one way of doing a piece of work; returns its answer

OURS, FLOOR = "ours", "floor"  # variants beside the peers
WIDEST = {"AVX-512": "avx512bw", "AVX2": "avx2", "NEON": "neon"}  # and their names for LLVM
MORE_THAN_A_CACHE = 2**26  # bytes; a processor's cores share 32 MB or so
MIN_TIMING_ROUNDS, MAX_TIMING_ROUNDS = 3, 25


@dataclass(frozen=True)
class Benchmark:
    """One piece of work, done by our code and by peers on the same images."""

    part: str  # of the program
    images: int  # in one call; times are given for one image
    ours: Variant
    peers: Mapping[str, Variant]
    floor: Variant  # the least that memory has to carry
    bars: Mapping[str, float] = field(default_factory=dict)  # peer -> least ratio of times
    same: Callable[[Any, Any], bool] | None = None  # compares answers; None: they must be equal
    note: str = ""


class PeerComparison(NamedTuple):
    """Our time beside one peer's, in ms for one image."""

    part: str
    ours_ms: float
    peer: str
    peer_ms: float
    ratio: float
    floor_ms: float
    bar: float | None
    note: str
    processor: str

    @classmethod
    def of(
        cls, part: str, ms: Mapping[str, float], peer: str, bar: float | None = None, note: str = ""
    ) -> Self:
        """Compare OURS with a peer, from the ms of an image of each variant and of the FLOOR."""
        ratio = ms[peer] / ms[OURS]
        return cls(part, ms[OURS], peer, ms[peer], ratio, ms[FLOOR], bar, note, processor())

    def to_json(self) -> dict[str, Any]:
        """Return the measured figures, and the note if there is one."""
        figures = {name: value for name, value in self._asdict().items() if name != "bar"}
        return {name: value for name, value in figures.items() if value != ""}


@cache
def processor() -> str:
    """Return for which processor loops are compiled here, and its widest instructions.

    NUMBA_CPU_NAME and NUMBA_CPU_FEATURES change both.
    """
    _, name, features = cpu_target.target_context.codegen().magic_tuple()
    widest = (width for width, sign in WIDEST.items() if f"+{sign}" in features.split(","))
    return f"{name} {next(widest, '')}".strip()


def measure(benchmark: Benchmark, seconds: float) -> list[PeerComparison]:
    """Check that all answers are equal, then time ours beside each peer; about `seconds` a peer.

    Raises:
        AssertionError: a peer's answer differs from ours.
    """
    answer = benchmark.ours()
    for name, peer in benchmark.peers.items():
        other = peer()
        same = benchmark.same(answer, other) if benchmark.same else equal(answer, other)
        assert same, f"{benchmark.part}: {name} gives another answer than we do"  # noqa: S101
    variants = {OURS: benchmark.ours, FLOOR: benchmark.floor, **benchmark.peers}
    times = interleaved(variants, seconds * (1 + len(benchmark.peers)))
    ms = {name: median(rounds) * 1000 / benchmark.images for name, rounds in times.items()}
    return [
        PeerComparison.of(benchmark.part, ms, peer, benchmark.bars.get(peer), benchmark.note)
        for peer in benchmark.peers
    ]


def interleaved(
    variants: Mapping[str, Variant], seconds: float, clock: Callable[[], float] = time.process_time
) -> dict[str, list[float]]:
    """Return the seconds of each variant in each round, by `clock`.

    Args:
        seconds: that all rounds take together, about; at least MIN_TIMING_ROUNDS are done.
    """
    for variant in variants.values():
        variant()
    times: dict[str, list[float]] = {name: [] for name in variants}
    other_things = np.ones(MORE_THAN_A_CACHE, np.uint8)
    began = time.perf_counter()
    for done in range(MAX_TIMING_ROUNDS):
        if done >= MIN_TIMING_ROUNDS and time.perf_counter() - began > seconds:
            break
        for name, variant in variants.items():
            other_things.max()
            called = clock()
            variant()
            times[name].append(clock() - called)
    return times


def equal(one: Any, other: Any) -> bool:
    """Whether two answers are equal: arrays, floats to about six digits, or lists of these."""
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, np.ndarray):
        return bool(np.array_equal(one, other))
    return bool(abs(one - other) < 1e-6) if isinstance(one, float) else bool(one == other)


@contextmanager
def one_core() -> Iterator[None]:
    """Keep everything inside the block on one core and in one thread."""
    import torch

    cores, threads = os.sched_getaffinity(0), torch.get_num_threads()
    opencv_threads = cv2.getNumThreads()
    os.sched_setaffinity(0, {max(cores)})
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
        cv2.setNumThreads(opencv_threads)
        torch.set_num_threads(threads)


def read_floor(*arrays: Any) -> Variant:
    """Return one pass over arrays that reads every byte."""
    rows = [np.ascontiguousarray(array).reshape(-1).view(np.uint8) for array in arrays]
    return lambda: [int(row.max(initial=0)) for row in rows]


def write_floor(size: int) -> Variant:
    """Return one pass that writes `size` bytes."""
    target = np.empty(size, np.uint8)
    return lambda: target.fill(1)


def copy_floor(size: int) -> Variant:
    """Return one pass that reads `size` bytes and writes as many."""
    source, target = np.zeros(size, np.uint8), np.empty(size, np.uint8)
    return lambda: np.copyto(target, source)
