"""Errors keep what they say on their way from a worker's process."""

import pickle
from pathlib import Path

import pytest

from bench.system.disk import DiskFull
from bench.system.errors import BadConfig, BadFile, Incomplete


@pytest.mark.parametrize(
    "error",
    [
        BadConfig("no recipe"),
        Incomplete("2 failed"),
        BadFile("a.csv", "empty", "put it back"),
        DiskFull(Path("/scratch/a"), "no space"),
    ],
)
def test_an_error_from_another_process_is_the_same(error):
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))
