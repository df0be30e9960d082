"""The table of stages: what is done, and what a change makes stale."""

import os

import pytest

from bench.cli.arguments import make_parser, open_run
from bench.cli.verbs import VERBS
from bench.run.members import training_stages
from bench.run.stages import GROUPS

pytestmark = pytest.mark.slow


def test_the_table_of_stages_says_what_is_done_and_what_a_change_makes_stale(road):
    run = open_run(make_parser(VERBS).parse_args(road.words("run")))

    def stale():
        stages = training_stages(run)
        stages += [make(run) for group in GROUPS.values() for make in group]
        return {stage.name for stage in stages if not stage.done}

    assert stale() == set()
    scored = road.made("scores.parquet").stat()
    os.utime(road.made("scores.parquet"))
    assert stale() == {"analysis", "leaderboard", "report"}
    os.utime(road.made("scores.parquet"), ns=(scored.st_atime_ns, scored.st_mtime_ns))
    assert stale() == set()
