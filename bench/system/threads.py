"""Where work runs: threads of this process, since decoding, packing and counting free the GIL."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Any, Self, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 2  # results a thread may be ahead of their use: enough to hide a pause, little memory


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """The items in lists of `size`, the last one perhaps shorter.

    >>> list(batched("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    left = iter(items)
    while batch := list(islice(left, size)):
        yield batch


def ahead(function: Callable[[Item], Result], items: Iterable[Item], jobs: int) -> Iterator[Result]:
    """The results of `function` in the order of the items, made by `jobs` threads in advance.

    At most `AHEAD * jobs` results wait at any time, however many items there are. The first error
    is raised where its result would have come.
    """
    pool = ThreadPoolExecutor(jobs)
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > AHEAD * jobs:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


class Behind:
    """Work that nobody waits for, done by `jobs` threads: at most `AHEAD * jobs` pieces wait.

    What was given is done before the block ends, also where that ends by an error. The first error
    of the work itself is raised by a later call, or at the end.
    """

    def __init__(self, jobs: int) -> None:
        self._most = AHEAD * jobs
        self._pool = ThreadPoolExecutor(jobs)
        self._waiting: deque[Future[Any]] = deque()

    def do(self, function: Callable[..., object], *given: object) -> None:
        """Call the function with what is given, as soon as a thread is free."""
        self._waiting.append(self._pool.submit(function, *given))
        if len(self._waiting) > self._most:
            self._waiting.popleft().result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        try:
            wait(self._waiting)
        finally:
            self._pool.shutdown(cancel_futures=True)
        for done in self._waiting if error is None else ():
            done.result()
