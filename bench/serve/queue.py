"""One model, many who ask: a bounded queue, batches of what waits, a time limit, a graceful end."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Work = TypeVar("Work")
Result = TypeVar("Result")

STUCK = 4  # time limits after which what runs will not end any more


class Full(Exception):
    """As many wait as may."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many photographs are waiting; try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class Stopping(Exception):
    """The server is ending: what has not begun will not begin."""


class TooSlow(Exception):
    """The time limit of a photograph is over."""


class Desk(Generic[Work, Result]):
    """Hands work to a thread in batches; asked and answered in one event loop.

    Args:
        do: turns a batch into results, or into what went wrong, one for each; in a thread.
        weight: of a piece of work; a batch of more than one weighs at most `most`.
        batch: pieces done together.
        room: pieces that may wait, besides those being done.
        limit_s: seconds from asking to the answer.
    """

    def __init__(
        self,
        do: Callable[[Sequence[Work]], Sequence[Result | Exception]],
        weight: Callable[[Work], int],
        *,
        most: int,
        batch: int,
        room: int,
        limit_s: float,
    ) -> None:
        self._do, self._weight = do, weight
        self._most, self._batch, self._room, self._limit_s = most, batch, room, limit_s
        self._waiting: dict[asyncio.Future[Result], Work] = {}  # in the order of asking
        self._thread = ThreadPoolExecutor(1, "desk")
        self._clerk: asyncio.Task[None] | None = None
        self._began: float | None = None  # when what is being done was begun
        self._batch_s = 1.0  # what the last batch took
        self._stopping = False

    async def ask(self, work: Work) -> Result:
        """The result of a piece of work; whoever gives up waiting (is cancelled) frees its place.

        Raises:
            Full, Stopping, TooSlow, and whatever `do` says went wrong.
        """
        if self._stopping:
            raise Stopping("the server is stopping")
        if self.waiting >= self._room:
            raise Full(self._retry_after_s())
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting[future] = work
        if self._clerk is None or self._clerk.done():
            self._clerk = asyncio.create_task(self._serve())
        try:
            return await asyncio.wait_for(future, self._limit_s)
        except TimeoutError as error:
            raise TooSlow(f"not done within {self._limit_s:g} s") from error
        finally:
            self._waiting.pop(future, None)  # nothing is kept for those who gave up

    @property
    def waiting(self) -> int:
        """How many pieces wait for their turn."""
        return sum(not future.done() for future in self._waiting)

    @property
    def stuck(self) -> bool:
        """Whether what is being done takes so long that it will not end: restart the process."""
        began = self._began
        return began is not None and time.monotonic() - began > STUCK * self._limit_s

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping

    def stop(self) -> None:
        """Tell all who wait that they wait in vain; what is being done goes on to its end."""
        self._stopping = True
        for future in self._waiting:
            if not future.done():
                future.set_exception(Stopping("the server is stopping"))
        self._waiting.clear()

    async def end(self) -> None:
        """Stop, and come back when nothing is being done any more."""
        self.stop()
        if self._clerk is not None:
            await self._clerk
        self._thread.shutdown()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        while taken := self._take():
            self._began = time.monotonic()
            try:
                results = await loop.run_in_executor(
                    self._thread, self._do, [work for work, _ in taken]
                )
            except Exception as error:
                results = [error] * len(taken)
            self._batch_s, self._began = time.monotonic() - self._began, None
            for (_, future), result in zip(taken, results, strict=True):
                if future.done():  # gave up meanwhile
                    continue
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)

    def _take(self) -> list[tuple[Work, "asyncio.Future[Result]"]]:
        taken: list[tuple[Work, asyncio.Future[Result]]] = []
        weight = 0
        for future, work in self._waiting.items():
            if future.done():
                continue
            weight += self._weight(work)
            if taken and (weight > self._most or len(taken) == self._batch):
                break
            taken.append((work, future))
        for _, future in taken:
            del self._waiting[future]
        return taken

    def _retry_after_s(self) -> int:
        return max(1, math.ceil(self._batch_s * self._room / self._batch))
