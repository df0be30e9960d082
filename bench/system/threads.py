"""Work in threads, which suffice because decoding, packing and counting release the GIL."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from itertools import islice
from typing import Any, Self, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

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
