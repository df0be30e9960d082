"""Timing: a wrong answer is noticed, and ratios are of medians."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from bench.speed.timing import Benchmark, equal, measure


def test_a_wrong_answer_is_noticed():
    benchmark = Benchmark("sum", 1, lambda: 1, {"other": lambda: 2}, lambda: None)
    with pytest.raises(AssertionError, match="sum: other gives another answer"):
        measure(benchmark, 0.0)


def test_ratios_are_of_medians_for_one_image():
    slow = Benchmark("spin", 2, lambda: _spin(0.002), {"peer": lambda: _spin(0.008)}, lambda: None)
    (row,) = measure(slow, 0.05)
    assert row.ratio == row.peer_ms / row.ours_ms
    assert 0.9 < row.ours_ms < 3
    assert 2 < row.ratio < 8


def _spin(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ([np.ones(2)], [np.ones(2)], True),
        ([np.ones(2)], [np.zeros(2)], False),
        (["a", 0.5], ["a", 0.5 + 1e-9], True),
        ([0.5], [0.6], False),
        ([1], [1, 2], False),
    ],
)
def test_answers_are_compared_all_the_way_down(one, other, same):
    assert equal(one, other) == same


def test_a_row_names_the_processor_that_loops_are_compiled_for():
    code = "from bench.speed.timing import processor; print(processor())"
    older = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx2"}
    said = [
        subprocess.run(
            [sys.executable, "-c", code], env=os.environ | more, stdout=subprocess.PIPE, check=True
        )
        for more in (older, older | {"NUMBA_CPU_FEATURES": "+avx2,+avx512bw"})
    ]
    assert [each.stdout.split(maxsplit=1)[1].strip() for each in said] == [b"AVX2", b"AVX-512"]
