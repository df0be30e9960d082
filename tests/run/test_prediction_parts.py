"""A run whose maps are predicted in parts, by processes that are killed: the same bytes."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.cli.arguments import make_parser, run_options
from bench.cli.verbs import VERBS
from bench.run import plan
from bench.run.opening import open_run
from bench.run.record import store_hash
from tests.tiny import HOME, Road

RESULTS = ("scores.parquet", "analysis.json")


@pytest.fixture(scope="module")
def one(tmp_path_factory, tiny_carvana):
    """A run that one process did."""
    road = Road(tmp_path_factory.mktemp("one"), tiny_carvana)
    assert road.run("run") == 0
    return road


@pytest.fixture
def road(one, tmp_path, tiny_carvana):
    """The same run, of which all is trained and nothing predicted."""
    road = Road(tmp_path, tiny_carvana)
    shutil.copytree(one.made(""), road.made(""))
    for made in [*road.made("").rglob("maps-*"), *map(road.made, RESULTS)]:
        made.unlink()
    return road


def assert_same(road, one):
    for name in RESULTS:
        assert road.made(name).read_bytes() == one.made(name).read_bytes()
    submissions = [path.name for path in (one.folder / "out").glob("*.csv.gz")]
    assert len(submissions) == 4
    for name in submissions:
        made = road.folder / "out" / name
        assert made.read_bytes() == (one.folder / "out" / name).read_bytes()


def share_left(road):
    options = run_options(make_parser(VERBS).parse_args(road.words("run")))
    return plan.share_left(open_run(options), "a")


@pytest.mark.slow
def test_the_stores_of_a_part_are_told_as_json(road, capsys):
    assert road.run("predict", "--part", "2/3", "--json") == 0
    made = {Path(path) for path in json.loads(capsys.readouterr().out)["made"]}
    assert made == set(road.made(".").rglob("maps-*.part-002-of-003.sqlite"))


@pytest.mark.slow
def test_parts_together_give_what_one_store_gives(road, one):
    left = [share_left(road)]
    for index in (3, 1, 2):
        assert road.run("predict", "--part", f"{index}/3") == 0
        left.append(share_left(road))
    assert left == sorted({1.0, *left, 0.0}, reverse=True)
    assert not road.made("a/maps-test.sqlite").exists()
    for verb in ("score", "leaderboard", "submit"):
        assert road.run(verb) == 0
    assert_same(road, one)


DYING = """
import signal, sys
from bench.cli.verbs import main
from bench.masks.store import MapStore
write, written = MapStore.write, []
def stopping(store, image, *rest):
    write(store, image, *rest)
    written.append(image)
    if len(written) == 20:
        print("here", flush=True)
        signal.pause()
MapStore.write = stopping
main(sys.argv[1:])
"""


@pytest.mark.slow
@pytest.mark.parametrize("scratch", [False, True])
def test_a_part_whose_process_is_killed_is_done_again_and_nothing_is_torn(road, one, scratch):
    more = ["--part", "1/2"] + (["--scratch", str(road.folder / "scratch")] if scratch else [])
    words = [sys.executable, "-c", DYING, *road.words("predict", *more, "--jobs", "1")]
    with subprocess.Popen(words, cwd=HOME, stdout=subprocess.PIPE, text=True) as part:
        assert part.stdout and part.stdout.readline() == "here\n"
        part.send_signal(signal.SIGKILL)
    assert not list(road.made("").glob("*/maps-*.sqlite"))
    for index in (1, 2):
        assert road.run("predict", *more, "--part", f"{index}/2") == 0
    for member in "ab":
        for split in ("heldout", "test"):
            name = f"{member}/maps-{split}.sqlite"
            assert store_hash(road.made(name)) == store_hash(one.made(name)) != ""
    assert not list(road.folder.rglob("*attempt*")) + list(road.folder.rglob("scratch/.*"))
    assert road.run("run") == 0
    assert_same(road, one)
