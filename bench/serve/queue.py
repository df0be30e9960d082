"""Queue requests for one model: bounded, in batches, with a time limit and a graceful end."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

STUCK_AFTER = 4  # time limits: a batch that takes longer will not end any more


class QueueFull(Exception):
    """As many items wait as may wait."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many photographs are waiting; try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class ServerStopping(Exception):
    """The server is ending: items that have not begun will not begin."""


class TimeLimitExceeded(Exception):
    """An item was not done within the time limit."""


class BatchQueue(Generic[Item, Result]):
    """Queue of one event loop that hands its items in batches to a thread.

    Args:
        run_batch: called in the thread; returns for each item its result, or its error.
        weight: of an item; a batch of more than one item weighs at most `max_weight`.
        max_batch: items in a batch.
        max_waiting: items that may wait, besides those of the running batch.
        limit_s: seconds from the call of `process` to its result.
    """

    def __init__(
        self,
        run_batch: Callable[[Sequence[Item]], Sequence[Result | Exception]],
        weight: Callable[[Item], int],
        *,
        max_weight: int,
        max_batch: int,
        max_waiting: int,
        limit_s: float,
    ) -> None:
        self._run_batch, self._weight = run_batch, weight
        self._max_weight, self._max_batch, self._max_waiting = max_weight, max_batch, max_waiting
        self._limit_s = limit_s
        self._waiting: dict[asyncio.Future[Result], Item] = {}  # in the order of arrival
        self._thread = ThreadPoolExecutor(1, "batch")
        self._worker: asyncio.Task[None] | None = None
        self._began: float | None = None  # start of the running batch
        self._batch_s = 1.0  # duration of the last batch
        self._stopping = False

    async def process(self, item: Item) -> Result:
        """Wait for the result of an item; a caller that is cancelled frees the item's place.

        Raises:
            QueueFull, ServerStopping, TimeLimitExceeded, and the item's error from `run_batch`.
        """
        if self._stopping:
            raise ServerStopping("the server is stopping")
        if self.waiting >= self._max_waiting:
            raise QueueFull(self._retry_after_s())
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting[future] = item
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._run_batches())
        try:
            return await asyncio.wait_for(future, self._limit_s)
        except TimeoutError as error:
            raise TimeLimitExceeded(f"not done within {self._limit_s:g} s") from error
        finally:
            self._waiting.pop(future, None)  # also when the caller has given up

    @property
    def waiting(self) -> int:
        """Number of items that wait for their turn."""
        return sum(not future.done() for future in self._waiting)

    @property
    def stuck(self) -> bool:
        """Whether the running batch takes so long that only a restart of the process ends it."""
        began = self._began
        return began is not None and time.monotonic() - began > STUCK_AFTER * self._limit_s

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping

    def stop(self) -> None:
        """Answer all waiting items with ServerStopping; the running batch goes on to its end."""
        self._stopping = True
        for future in self._waiting:
            if not future.done():
                future.set_exception(ServerStopping("the server is stopping"))
        self._waiting.clear()

    async def end(self) -> None:
        """Stop, and return when the running batch has ended."""
        self.stop()
        if self._worker is not None:
            await self._worker
        self._thread.shutdown()

    async def _run_batches(self) -> None:
        loop = asyncio.get_running_loop()
        while batch := self._next_batch():
            self._began = time.monotonic()
            try:
                items = [item for item, _ in batch]
                results = await loop.run_in_executor(self._thread, self._run_batch, items)
            except Exception as error:
                results = [error] * len(batch)
            self._batch_s, self._began = time.monotonic() - self._began, None
            for (_, future), result in zip(batch, results, strict=True):
                if future.done():  # its caller has given up meanwhile
                    continue
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)

    def _next_batch(self) -> list[tuple[Item, "asyncio.Future[Result]"]]:
        batch: list[tuple[Item, asyncio.Future[Result]]] = []
        weight = 0
        for future, item in self._waiting.items():
            if future.done():
                continue
            weight += self._weight(item)
            if batch and (weight > self._max_weight or len(batch) == self._max_batch):
                break
            batch.append((item, future))
        for _, future in batch:
            del self._waiting[future]
        return batch

    def _retry_after_s(self) -> int:
        return max(1, math.ceil(self._batch_s * self._max_waiting / self._max_batch))
