"""Errors keep what they say on their way from a worker's process."""

import pickle
from pathlib import Path

import pytest

from bench.system.disk import DiskFull
from bench.system.errors import BadConfig, BadFile, Incomplete, naming


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


def test_an_error_whose_owner_is_named_stays_what_it_is():
    with pytest.raises(BadFile) as named, naming("recipe a"):
        raise BadFile("a.csv", "empty", "put it back")
    assert str(named.value) == "recipe a: a.csv: empty; put it back"
    assert (named.value.file, named.value.what) == ("a.csv", "empty")
