"""How times are taken: every way in turn, round after round, on one core; medians are compared.

A time is the processor's for this process, not the clock's: on a shared machine others take the
core away in the middle of a call. Waiting for a disk is not in it. Absolute times are still worth
little there, but ways that take turns meet the same neighbours.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any, NamedTuple

import cv2
import numpy as np

Way = Callable[[], Any]

SHORTEST_S = 0.003  # a way that is faster is repeated within a round
FEWEST_ROUNDS, MOST_ROUNDS = 3, 25


@dataclass(frozen=True)
class Contest:
    """One piece of work, done by us and by others, each on the same images."""

    part: str
    images: int  # that one call works on; times are of one of them
    ours: Way
    peers: Mapping[str, Way]
    floor: Way  # the least that memory has to carry
    bars: Mapping[str, float] = field(default_factory=dict)  # peer -> times as fast, at least
    same: Callable[[Any, Any], bool] | None = None  # None: the answers are equal
    note: str = ""


class Row(NamedTuple):
    """A line of the result: our time against one peer's."""

    part: str
    ours_ms: float
    peer: str
    peer_ms: float
    ratio: float
    floor_ms: float
    bar: float | None
    note: str

    def to_json(self) -> dict[str, Any]:
        """The measured figures, and the note where there is one."""
        figures = {name: value for name, value in self._asdict().items() if name != "bar"}
        return {name: value for name, value in figures.items() if value != ""}


def measure(contest: Contest, seconds: float) -> list[Row]:
    """Times of a contest, after its answers were found equal; about `seconds` a peer.

    Raises:
        AssertionError: a peer's answer is another than ours.
    """
    answer = contest.ours()
    for name, peer in contest.peers.items():
        found = peer()
        same = contest.same(answer, found) if contest.same else equal(answer, found)
        assert same, f"{contest.part}: {name} gives another answer than we do"  # noqa: S101
    ways = {"": contest.ours, "floor": contest.floor, **contest.peers}
    times = interleaved(ways, seconds * (1 + len(contest.peers)))
    ms = {name: median(each) * 1000 / contest.images for name, each in times.items()}
    return [
        Row(
            contest.part, ms[""], name, ms[name], ms[name] / ms[""], ms["floor"],
            contest.bars.get(name), contest.note,
        )
        for name in contest.peers
    ]  # fmt: skip


def interleaved(
    ways: Mapping[str, Way], seconds: float, clock: Callable[[], float] = time.process_time
) -> dict[str, list[float]]:
    """Seconds of each way by `clock`, a figure a round, in rounds of about `seconds` in all."""
    once = {name: _seconds(way, 1, clock) for name, way in ways.items()}
    repeats = {name: max(1, round(SHORTEST_S / max(each, 1e-6))) for name, each in once.items()}
    times: dict[str, list[float]] = {name: [] for name in ways}
    began = time.perf_counter()
    for done in range(MOST_ROUNDS):
        if done >= FEWEST_ROUNDS and time.perf_counter() - began > seconds:
            break
        for name, way in ways.items():
            times[name].append(_seconds(way, repeats[name], clock))
    return times


def _seconds(way: Way, repeats: int, clock: Callable[[], float]) -> float:
    began = clock()
    for _ in range(repeats):
        way()
    return (clock() - began) / repeats


def equal(one: Any, other: Any) -> bool:
    """Whether two answers are the same: arrays, floats up to the last digits, or lists of them."""
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, np.ndarray):
        return bool(np.array_equal(one, other))
    return bool(abs(one - other) < 1e-6) if isinstance(one, float) else bool(one == other)


@contextmanager
def one_core() -> Iterator[None]:
    """Everything inside runs on one core and in one thread."""
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


def reading(*arrays: Any) -> Way:
    """One pass over arrays that reads every byte."""
    flat = [np.ascontiguousarray(array).reshape(-1).view(np.uint8) for array in arrays]
    return lambda: [int(each.max(initial=0)) for each in flat]


def writing(size: int) -> Way:
    """One pass that writes `size` bytes."""
    room = np.empty(size, np.uint8)
    return lambda: room.fill(1)


def copying(size: int) -> Way:
    """One pass that reads `size` bytes and writes as many."""
    source, room = np.zeros(size, np.uint8), np.empty(size, np.uint8)
    return lambda: np.copyto(room, source)
