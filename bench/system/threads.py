"""Work in threads, as decoding, packing and counting release the GIL; how those of torch wait."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from contextvars import copy_context
from functools import cache
from itertools import islice
from threading import Event, Thread
from typing import Any, Self, TypeVar

from bench.system.environment import IDLE_CORES, OtherWork

Item = TypeVar("Item")
Result = TypeVar("Result")

HOW_THREADS_WAIT = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")  # what a user may set
SPINS = "1000"  # docs/lab-notes.md has what more and fewer cost, alone and beside other work
LOOK_S = 1.0  # for which other programs are watched before threads wait in another way
GRAIN = 2**15  # numbers, fewer of which torch gives no thread
MAX_RESULTS_AHEAD = 2  # unused results a thread: they hide a pause and take little memory


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield the items in lists of `size`; the last list may be shorter.

    >>> list(batched("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch


def prefetch(
    function: Callable[[Item], Result], items: Iterable[Item], jobs: int
) -> Iterator[Result]:
    """Yield `function(item)` in the order of the items, computed in advance by `jobs` threads.

    At most `MAX_RESULTS_AHEAD * jobs` results wait at any time, however many items there are. An
    error is raised where its result would have come.
    """
    pool = ThreadPoolExecutor(jobs)
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(_submit(pool, function, item))
            if len(waiting) > MAX_RESULTS_AHEAD * jobs:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


class BackgroundWorkers:
    """Threads for work whose results nobody waits for; at most `MAX_RESULTS_AHEAD * jobs` wait.

    All submitted work is done before the block ends, also where the block ends by an error. The
    first error of the work itself is raised by a later `submit`, or at the end of the block.
    """

    def __init__(self, jobs: int) -> None:
        self._max_waiting = MAX_RESULTS_AHEAD * jobs
        self._pool = ThreadPoolExecutor(jobs)
        self._waiting: deque[Future[Any]] = deque()

    def submit(self, function: Callable[..., object], *arguments: object) -> None:
        """Call `function(*arguments)` as soon as a thread is free."""
        self._waiting.append(_submit(self._pool, function, *arguments))
        if len(self._waiting) > self._max_waiting:
            self._waiting.popleft().result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        try:
            wait(self._waiting)
        finally:
            self._pool.shutdown(cancel_futures=True)
        for future in self._waiting if error is None else ():
            future.result()


def _submit(
    pool: ThreadPoolExecutor, function: Callable[..., Result], *arguments: Any
) -> Future[Result]:
    """Submit a call that sees the context variables of its caller, such as the progress shown."""
    return pool.submit(copy_context().run, function, *arguments)


def environment_of_threads(count: str) -> dict[str, str]:
    """Return the variables of a process that has so many threads of OpenMP, not all that may be.

    They wait as threads beside other work do, unless the user says how they wait.
    """
    variables = {"OMP_NUM_THREADS": count}
    return variables if _user_says_how_threads_wait() else variables | {"GOMP_SPINCOUNT": SPINS}


@cache
def spin_on_free_cores() -> None:
    """Have threads of OpenMP that wait spin for long on free cores, and shortly beside other work.

    Where another program has a core, threads that spin for their 300,000 times all wait for that
    core again and again: a training step took 22 times as long. Threads that sleep at once make
    prediction on free cores 1.7 times as long. GNU's OpenMP reads the number of spins once; but
    where it has more threads than there are processors, it spins 1,000 times (its manual,
    GOMP_SPINCOUNT). So until cores are seen to be free, there are some more threads, which sleep.
    """
    import torch

    threads, cores = torch.get_num_threads(), len(os.sched_getaffinity(0))
    if threads == 1 or _user_says_how_threads_wait():
        return
    pools = cores // (threads - 1)  # of `threads` each: with those of the caller more than `cores`

    def crowded() -> bool:
        others = OtherWork(children_are_others=True)
        time.sleep(LOOK_S)
        return others.cores() + threads > cores + IDLE_CORES

    def keep_a_pool(until: Event) -> None:
        with suppress(RuntimeError):  # memory is short
            torch.ones(threads * GRAIN, dtype=torch.bool)
        until.wait()

    def watch() -> None:
        while True:
            free = Event()
            with suppress(RuntimeError):  # no thread can start, or the process ends
                for _ in range(pools):
                    Thread(target=keep_a_pool, args=(free,), daemon=True).start()
            while crowded():
                pass
            free.set()
            while not crowded():
                pass

    Thread(target=watch, daemon=True).start()


def _user_says_how_threads_wait() -> bool:
    return any(name in os.environ for name in HOW_THREADS_WAIT)
