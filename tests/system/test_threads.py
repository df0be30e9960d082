"""Threads: results in order ahead of their use, and work that nobody waits for."""

import threading

import pytest

from bench.system.threads import MAX_RESULTS_AHEAD, BackgroundWorkers, prefetch


def test_results_come_in_order_and_few_wait():
    computed = []

    def make(number):
        computed.append(number)
        return number

    results = prefetch(make, range(100), jobs=2)
    assert [next(results) for _ in range(10)] == list(range(10))
    assert len(computed) <= 10 + MAX_RESULTS_AHEAD * 2
    assert list(results) == list(range(10, 100))


def test_background_work_is_done_when_the_block_ends_even_by_an_error():
    done, free = [], threading.Event()

    def work(number):
        free.wait()
        done.append(number)

    with pytest.raises(KeyboardInterrupt), BackgroundWorkers(jobs=1) as workers:
        for number in range(MAX_RESULTS_AHEAD):
            workers.submit(work, number)
        assert not done
        free.set()
        raise KeyboardInterrupt
    assert done == list(range(MAX_RESULTS_AHEAD))


def test_an_error_of_background_work_is_raised_by_a_later_submit_or_at_the_end():
    with pytest.raises(ZeroDivisionError), BackgroundWorkers(jobs=2) as workers:
        workers.submit(divmod, 1, 0)
    with pytest.raises(ZeroDivisionError), BackgroundWorkers(jobs=2) as workers:
        workers.submit(divmod, 1, 0)
        for _ in range(100):
            workers.submit(divmod, 1, 1)
        pytest.fail("the error came too late")
