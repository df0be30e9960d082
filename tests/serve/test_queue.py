"""The queue of the server, without a server."""

import asyncio
import gc
import threading

import pytest

from bench.serve.queue import BatchQueue, QueueFull, ServerStopping, TimeLimitExceeded


class Slow:
    """Work that goes on until it is let go, and what was done together."""

    def __init__(self) -> None:
        self.go, self.begun = threading.Event(), threading.Event()
        self.batches = []

    def __call__(self, works):
        self.batches.append(list(works))
        self.begun.set()
        self.go.wait(10)
        return [ValueError(work) if work < 0 else work * 10 for work in works]

    def queue(self, **options):
        usual = {"max_weight": 100, "max_batch": 3, "max_waiting": 4, "limit_s": 10.0}
        return BatchQueue(self, abs, **(usual | options))

    async def first_is_running(self):
        await asyncio.to_thread(self.begun.wait, 10)


def test_what_waits_is_done_together():
    slow = Slow()

    async def ask():
        queue = slow.queue()
        first = asyncio.create_task(queue.process(1))
        await slow.first_is_running()
        others = [asyncio.create_task(queue.process(n)) for n in (2, 3, 4, 5)]
        await asyncio.sleep(0)
        assert queue.waiting == 4
        slow.go.set()
        found = await asyncio.gather(first, *others)
        await queue.end()
        return found

    assert asyncio.run(ask()) == [10, 20, 30, 40, 50]
    assert slow.batches == [[1], [2, 3, 4], [5]]


def test_heavy_work_is_done_alone():
    slow = Slow()
    slow.go.set()

    async def ask():
        queue = slow.queue()
        return await asyncio.gather(*(queue.process(n) for n in (60, 30, 20, 300)))

    assert asyncio.run(ask()) == [600, 300, 200, 3000]
    assert slow.batches == [[60, 30], [20], [300]]


def test_full_says_when_to_come_back():
    slow = Slow()

    async def ask():
        queue = slow.queue(max_waiting=2)
        first = asyncio.create_task(queue.process(1))
        await slow.first_is_running()
        others = [asyncio.create_task(queue.process(n)) for n in (2, 3)]
        await asyncio.sleep(0)
        with pytest.raises(QueueFull) as full:
            await queue.process(4)
        others[0].cancel()  # who leaves makes room
        await asyncio.sleep(0)
        more = asyncio.create_task(queue.process(5))
        await asyncio.sleep(0)
        slow.go.set()
        return full.value.retry_after_s, await asyncio.gather(first, others[1], more)

    retry_after_s, found = asyncio.run(ask())
    assert retry_after_s >= 1
    assert found == [10, 30, 50]
    assert slow.batches == [[1], [3, 5]]


class Photo:
    """Work of which it can be seen whether it is still kept."""


@pytest.mark.slow
def test_nothing_is_kept_for_those_who_gave_up():
    go, begun = threading.Event(), threading.Event()

    def do(works):
        begun.set()
        go.wait(10)
        return works

    async def ask():
        queue = BatchQueue(
            do, lambda work: 1, max_weight=9, max_batch=1, max_waiting=4, limit_s=10.0
        )
        asked = [asyncio.create_task(queue.process(photo)) for photo in (Photo(), Photo())]
        await asyncio.to_thread(begun.wait, 10)
        asked[1].cancel()
        await asyncio.wait([asked.pop()])
        gc.collect()
        kept = sum(type(one) is Photo for one in gc.get_objects())
        go.set()
        await asyncio.gather(*asked)
        await queue.end()
        return kept

    assert asyncio.run(ask()) == 1  # the one that runs


def test_too_slow():
    slow = Slow()

    async def ask():
        queue = slow.queue(limit_s=0.05)
        with pytest.raises(TimeLimitExceeded, match=r"0\.05 s"):
            await queue.process(1)
        while not queue.stuck:
            await asyncio.sleep(0.01)
        slow.go.set()
        await queue.end()
        assert not queue.stuck

    asyncio.run(ask())


def test_an_error_is_the_asker_s_alone():
    slow = Slow()
    slow.go.set()

    async def ask():
        queue = slow.queue()
        return await asyncio.gather(*(queue.process(n) for n in (1, -2, 3)), return_exceptions=True)

    first, second, third = asyncio.run(ask())
    assert (first, third) == (10, 30) and isinstance(second, ValueError)


def test_a_batch_that_breaks_is_told_to_all_and_the_next_one_works():
    def broken(works):
        if 1 in works:
            raise MemoryError("no room")
        return works

    async def ask():
        queue = BatchQueue(broken, abs, max_weight=9, max_batch=2, max_waiting=4, limit_s=5)
        both = await asyncio.gather(queue.process(1), queue.process(2), return_exceptions=True)
        return both, await queue.process(3)

    both, third = asyncio.run(ask())
    assert all(isinstance(error, MemoryError) for error in both) and third == 3


def test_stop_ends_what_runs_and_tells_what_waits():
    slow = Slow()

    async def ask():
        queue = slow.queue()
        first = asyncio.create_task(queue.process(1))
        await slow.first_is_running()
        second = asyncio.create_task(queue.process(2))
        await asyncio.sleep(0)
        queue.stop()
        with pytest.raises(ServerStopping):
            await second
        with pytest.raises(ServerStopping):
            await queue.process(3)
        slow.go.set()
        await queue.end()
        return await first

    assert asyncio.run(ask()) == 10
    assert slow.batches == [[1]]
