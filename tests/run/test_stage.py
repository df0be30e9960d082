"""Whether a stage is done: its files, and all that they were made from, are what they were."""

import os
from dataclasses import replace

import pytest

from bench.run.record import Record, read_record
from bench.run.stage import KeptStage, RecordedStage
from bench.system.claims import Taken, claimed
from bench.system.contents import Contents
from bench.system.errors import BadConfig, BadData


@pytest.fixture
def inputs():
    return {"masks": {"a": "1", "b": "2"}, "recipe fields": {"lr": "0.1"}}


def make(tmp_path, inputs, kind=RecordedStage, **more):
    """A stage that writes two files, and the list of its runs."""
    runs, makes = [], [tmp_path / "first.csv", tmp_path / "second.bin"]

    def run():
        runs.append("run")
        for path in makes:
            path.write_text(path.name)

    stage = kind(
        name="both",
        record=tmp_path / "made" / "both.json",
        makes=makes,
        reads=lambda: inputs,
        run=run,
        contents=Contents(tmp_path / "cache"),
        **more,
    )
    return stage, runs


@pytest.fixture
def recorded(tmp_path, inputs):
    return make(tmp_path, inputs)


@pytest.fixture
def kept(tmp_path, inputs):
    first, spare = tmp_path / "first.csv", tmp_path / "spare.bin"
    spare.write_text("spare")
    more = {"keeps": [first], "spare": [spare], "choice": "choose", "cure": "cure"}
    more["check_earlier"] = lambda: None
    return make(tmp_path, inputs, KeptStage, folder=tmp_path, **more)


def test_a_stage_is_done_once_and_then_left_alone(recorded):
    stage, runs = recorded
    assert stage.reasons() == ["not made yet"]
    stage.bring_up_to_date()
    stage.bring_up_to_date()
    assert runs == ["run"] and stage.done


@pytest.mark.parametrize("seconds", [0, 10**9, 4 * 10**9])
def test_no_clock_decides(recorded, seconds):
    stage, _runs = recorded
    stage.bring_up_to_date()
    for path in (*stage.makes, stage.record):
        os.utime(path, (seconds, seconds))
    assert stage.done


def test_what_it_is_made_from_decides(recorded, inputs, capsys):
    stage, runs = recorded
    stage.bring_up_to_date()
    inputs["masks"]["b"] = "3"
    assert stage.reasons() == ["masks changed: b"]
    stage.bring_up_to_date()
    assert runs == ["run", "run"] and stage.done
    assert "both: masks changed: b: making it again" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.unlink(), "second.bin is missing"),
        (lambda path: path.write_text("second.bim"), "second.bin is damaged"),
        (lambda path: path.write_text(""), "second.bin is damaged"),
    ],
)
def test_a_file_that_is_not_what_was_made_is_made_again(recorded, spoil, reason):
    stage, _runs = recorded
    stage.bring_up_to_date()
    states = stage.makes[1].stat()
    spoil(stage.makes[1])
    if stage.makes[1].exists():
        os.utime(stage.makes[1], ns=(states.st_atime_ns, states.st_mtime_ns))
    assert stage.reasons()[0].startswith(reason)
    stage.bring_up_to_date()
    assert stage.done and stage.makes[1].read_text() == "second.bin"


@pytest.mark.parametrize("changed", [False, True])
def test_what_nothing_makes_any_more_goes_unless_it_is_somebodys(recorded, changed, capsys):
    stage, _ = recorded
    stage.bring_up_to_date()
    first, second = stage.makes
    if changed:
        second.write_text("mine")
    replace(stage, makes=[first], reads=lambda: {}, run=lambda: None).bring_up_to_date()
    assert first.exists() and second.exists() == changed
    assert ("second.bin: removed" in capsys.readouterr().err) != changed


def test_what_was_made_in_another_folder_is_left_alone(recorded, tmp_path):
    stage, _ = recorded
    stage.bring_up_to_date()
    elsewhere = tmp_path / "other" / "first.csv"
    elsewhere.parent.mkdir()
    elsewhere.write_text("another")
    replace(stage, makes=[elsewhere], reads=lambda: {}, run=lambda: None).bring_up_to_date()
    assert all(path.exists() for path in stage.makes)


def test_a_damaged_record_makes_the_stage_again(recorded):
    stage, runs = recorded
    stage.bring_up_to_date()
    stage.record.write_text("{}")
    stage.bring_up_to_date()
    assert runs == ["run", "run"] and stage.done


def test_what_makes_nothing_is_done(recorded):
    assert replace(recorded[0], makes=[]).done


@pytest.mark.parametrize(
    ("kind", "name", "error"), [("masks", "b", BadData), ("recipe fields", "lr", BadConfig)]
)
def test_a_kept_stage_is_refused_when_its_inputs_have_changed(kept, inputs, kind, name, error):
    stage, runs = kept
    stage.bring_up_to_date()
    inputs[kind][name] = "other"
    for refuse in (stage.bring_up_to_date, stage.check):
        with pytest.raises(error, match=rf"{stage.folder}: .*{kind} changed: {name}\); choose"):
            refuse()
    assert runs == ["run"]


def test_a_kept_stage_that_was_only_begun_goes_on_or_is_refused(kept, inputs):
    stage, runs = kept
    Record(dict(inputs)).write(stage.record)
    stage.bring_up_to_date()
    assert runs == ["run"] and stage.done


def test_what_was_only_begun_binds_nobody_before_there_is_something_to_go_on_from(kept, inputs):
    stage, runs = kept
    state = stage.folder / "state.pt"
    stage = replace(stage, goes_on=state.exists)
    Record({"recipe fields": {"lr": "0.2"}}).write(stage.record)
    state.touch()
    for refuse in (stage.bring_up_to_date, stage.check):
        with pytest.raises(BadConfig, match="recipe fields changed: lr"):
            refuse()
    state.unlink()
    stage.check()
    stage.bring_up_to_date()
    assert runs == ["run"] and read_record(stage.record).made_from == inputs


@pytest.mark.parametrize(
    ("now", "refused"), [({}, False), ({"c": "3"}, False), ({"a": "1"}, False), ({"a": "4"}, True)]
)
def test_what_may_lack_counts_only_where_it_is_there(kept, inputs, now, refused):
    stage, _runs = kept
    stage = replace(stage, may_lack={"masks"})
    stage.bring_up_to_date()
    inputs["masks"] = now
    assert stage.reasons() == (["masks changed: a"] if refused else [])
    if refused:
        with pytest.raises(BadData, match="masks changed: a"):
            stage.check()
    else:
        stage.check()


def test_a_small_file_is_put_back_and_a_large_one_asked_for(kept):
    stage, runs = kept
    stage.bring_up_to_date()
    stage.makes[0].write_text("spoilt")
    stage.bring_up_to_date()
    assert stage.makes[0].read_text() == "first.csv"
    stage.makes[1].write_text("spoilt")
    with pytest.raises(BadData, match=r"second\.bin is damaged.*; cure"):
        stage.bring_up_to_date()
    assert runs == ["run"]
    stage.forget_if_damaged()
    stage.bring_up_to_date()
    assert runs == ["run", "run"] and stage.done


def test_a_spare_file_goes_when_it_is_damaged_and_may_be_removed(kept, capsys):
    stage, runs = kept
    stage.bring_up_to_date()
    stage.spare[0].write_text("spoilt")
    assert stage.reasons() == ["spare.bin is damaged"]
    stage.bring_up_to_date()
    assert "spare.bin: damaged: removing it, since nothing needs it" in capsys.readouterr().err
    assert stage.done and not stage.spare[0].exists() and runs == ["run"]


def test_a_kept_stage_of_an_earlier_version_is_taken_as_it_is(kept, capsys):
    stage, runs = kept
    stage.run()
    assert stage.done
    stage.bring_up_to_date()
    assert runs == ["run"] and read_record(stage.record).finished
    assert "an earlier version" in capsys.readouterr().err


def test_a_kept_stage_of_an_earlier_version_is_refused_where_its_files_speak_against_it(kept):
    def refuse():
        raise BadConfig("made with another lr")

    stage, runs = kept
    stage.run()
    stage = replace(stage, check_earlier=refuse)
    for check in (stage.bring_up_to_date, stage.check):
        with pytest.raises(BadConfig, match="another lr"):
            check()
    assert runs == ["run"] and not stage.record.exists()


def test_a_kept_stage_with_a_damaged_record_asks(kept):
    stage, _runs = kept
    stage.bring_up_to_date()
    stage.record.write_text("")
    with pytest.raises(BadData, match=r"both\.json: damaged .* put it back, or remove it if"):
        stage.bring_up_to_date()


def test_a_kept_stage_that_another_does_is_refused(kept):
    stage, runs = kept
    stage.record.parent.mkdir()
    with claimed(stage.claim, stage.folder), pytest.raises(Taken, match="in use: process"):
        stage.bring_up_to_date()
    assert not runs
