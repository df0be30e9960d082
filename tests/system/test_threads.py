"""Threads: results in order ahead of their use, and work that nobody waits for."""

import os
import subprocess
import sys
import threading

import pytest

from bench.system import process
from bench.system.threads import MAX_RESULTS_AHEAD, SPINS, BackgroundWorkers, prefetch
from tests.tiny import HOME

HOW_MANY_AND_HOW = ("OMP_NUM_THREADS", "GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
WATCHED = """
import os, time, psutil
from bench.system import process, threads
busy, threads.LOOK_S = 0.0, 0.05
threads.OtherWork.cores = lambda _: busy
process.set_environment(None)
process.prepare_for_networks()
import torch
torch.ones(10**6)
own = torch.get_num_threads()
for busy in (0.0, 1e4, 0.0, 1e4):
    time.sleep(1)
    print(own, psutil.Process().num_threads())
"""


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


def test_threads_of_torch_are_more_than_the_processors_while_others_need_those():
    cores = len(os.sched_getaffinity(0))
    if cores == 1:
        pytest.skip("one thread waits for no other")
    variables = {name: value for name, value in os.environ.items() if name not in HOW_MANY_AND_HOW}
    command = [sys.executable, "-c", WATCHED]
    said = subprocess.run(command, env=variables, cwd=HOME, capture_output=True, check=True)
    counts = [tuple(map(int, line.split())) for line in said.stdout.splitlines()]
    free, busy, free_again, busy_again = (count for _, count in counts)
    assert free == free_again < busy == busy_again
    own = counts[0][0]
    assert own + (busy - free) * (own - 1) // own > cores


@pytest.mark.parametrize(
    ("users", "spins"),
    [
        ({}, None),
        ({"OMP_NUM_THREADS": "3"}, SPINS),
        ({"OMP_NUM_THREADS": "3", "GOMP_SPINCOUNT": "7"}, "7"),
        ({"OMP_NUM_THREADS": "3", "OMP_WAIT_POLICY": "active"}, None),
    ],
)
def test_fewer_threads_spin_for_a_moment_unless_the_user_says_how_they_wait(
    users, spins, monkeypatch
):
    for name in HOW_MANY_AND_HOW:
        monkeypatch.setenv(name, "restored")
        monkeypatch.delenv(name)
    for name, value in users.items():
        monkeypatch.setenv(name, value)
    process.set_environment(None)
    assert os.environ.get("GOMP_SPINCOUNT") == spins
