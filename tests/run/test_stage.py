"""Whether a stage is done: all that it makes is there and newer than all that it reads."""

import os
from dataclasses import replace

import pytest

from bench.run.stage import Stage, is_fresh


@pytest.fixture
def stage(tmp_path):
    """A stage that makes two files from one, all of them there, the source oldest."""
    for age, name in enumerate(("second", "first", "source")):
        (tmp_path / name).write_text(name)
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    makes = [tmp_path / "first", tmp_path / "second"]
    return Stage("both", makes, [tmp_path / "source"], lambda: None)


def test_a_stage_is_done_while_no_source_is_newer_or_missing(stage):
    assert stage.done and not stage.stale
    os.utime(stage.reads[0], (999.5, 999.5))
    assert stage.stale == [stage.makes[0]]
    stage.reads[0].unlink()
    assert stage.stale == stage.makes


def test_a_file_that_is_not_there_is_stale(stage):
    stage.makes[1].unlink()
    assert stage.stale == [stage.makes[1]]
    assert not is_fresh(stage.makes[1], [])


def test_a_stage_runs_unless_it_is_done_or_if_it_always_does(stage):
    runs = []
    stage = replace(stage, run=lambda: runs.append("run"))
    stage.bring_up_to_date()
    assert not runs
    replace(stage, always=True).bring_up_to_date()
    os.utime(stage.reads[0], (2000, 2000))
    stage.bring_up_to_date()
    assert runs == ["run", "run"]


def test_what_makes_nothing_is_done():
    assert Stage("nothing", [], [], lambda: None).done
