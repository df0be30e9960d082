"""What a person sees while a suite runs."""

import pickle
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from bench.system import progress, threads
from tests.tiny import RECIPE, Road


@pytest.fixture
def lines(monkeypatch):
    """The lines that were said, where each step of progress says one."""
    said = []
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0)
    monkeypatch.setattr(progress, "say", said.append)
    return said


@pytest.fixture
def clock(monkeypatch):
    """A clock that is moved by hand."""

    class Clock:
        now = 1000.0

    monkeypatch.setattr(progress.time, "monotonic", lambda: Clock.now)
    return Clock


def test_line_without_a_suite_has_number_and_time_left(lines, clock):
    for _ in progress.track(range(4), "score", 4):
        clock.now += 2
    assert lines[0] == "score: 1/4, 6 s left"


def test_line_in_a_suite_says_stage_times_best_and_disk(lines, clock, tmp_path):
    (tmp_path / "maps").write_bytes(bytes(200_000_000))
    with progress.showing_run(tmp_path, [100.0, 300.0]):
        progress.start_stage("train a")
        progress.enter_span(0.0, 0.5)
        for _ in progress.track(range(2), "epoch 1", 2):
            clock.now += 60
        progress.report_dice(0.9, "a")
        progress.report_dice(0.8, "b")
        progress.enter_span(0.5, 0.5)
        for _ in progress.track(range(2), "epoch 2", 2):
            clock.now += 60
        progress.start_stage("train b")
        list(progress.track(range(1), "shrink", 1))
    assert lines[0] == "stage 1 of 2: train a"
    assert lines[1] == (  # a quarter of 100 in a minute: 75 and 300 are left
        "epoch 1: 1/2, 60 s left; stage 1 of 2 about 3 min left, suite about 15 min, 0.2 GB used"
    )
    assert "best Dice 0.90000 (a), 0.2 GB used" in lines[3]
    assert "stage 1 of 2 about 60 s left, suite about 13 min" in lines[3]
    list(progress.track(range(1), "after", 1))
    assert "stage" not in lines[-1]


def test_a_training_that_goes_on_does_not_count_what_it_did_not_do(lines, clock, tmp_path):
    with progress.showing_run(tmp_path, [0.0, 100.0]):
        progress.start_stage("train a")
        progress.start_stage("train b")
        progress.enter_span(0.5, 0.5)
        for _ in progress.track(range(2), "epoch 2", 2):
            clock.now += 60
    assert "stage 2 of 2 about 60 s left, suite about 60 s" in lines[2]


def test_two_commands_in_one_process_do_not_log_into_each_others_files(tmp_path, capsys):
    def command(name, quiet=False):
        run = progress.showing_run(tmp_path, [1.0])
        with progress.quietly(quiet), progress.log_to(tmp_path / name), run:
            progress.start_stage(f"train {name}")
            list(threads.prefetch(lambda _: progress.say(f"thread of {name}"), range(3), 2))
            with threads.BackgroundWorkers(1) as workers:
                workers.submit(progress.say, f"worker of {name}")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(command, ("a", "b")))
    command("c")
    command("d", quiet=True)
    progress.say("after all")
    for name in "abcd":
        said = [line[24:] for line in (tmp_path / name).read_text().splitlines()]
        in_threads = [*3 * [f"thread of {name}"], f"worker of {name}"]
        assert said == [f"stage 1 of 1: train {name}", *in_threads]
    shown = capsys.readouterr().err
    assert shown.endswith("worker of c\nafter all\n")


def test_a_line_of_the_log_begins_with_its_time(tmp_path):
    with progress.log_to(tmp_path / "log.txt"):
        progress.say("one")
    with progress.log_to(tmp_path / "log.txt"):
        progress.say("two")
    stamp = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"
    assert re.fullmatch(f"{stamp} one\n{stamp} two\n", (tmp_path / "log.txt").read_text())


@pytest.mark.parametrize("log", ["/dev/full", "/proc/version", "/proc/none/log.txt"])
def test_a_log_on_a_full_or_read_only_disk_ends_no_work(log, capsys):
    with progress.log_to(Path(log)):
        progress.say("one")
    assert capsys.readouterr().err == "one\n"


def test_a_run_tells_its_stages_and_its_log_has_no_control_characters(
    tiny_carvana, tmp_path, monkeypatch
):
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0)
    pytest.importorskip("tensorboard")
    road = Road(tmp_path, tiny_carvana)
    road.recipes = road.recipes[:1]
    suite = {"title": "one", "folds": {"count": 2, "valid_cars": 1}}
    road.write(suite)
    assert road.run("run", "--tensorboard") == 0
    log = road.made("log.txt").read_text()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", log)
    assert "stage 1 of 6: train a, fold 0" in log
    assert "stage 6 of 6: report" in log
    assert re.search(
        r"a epoch 2/3: \d+/\d+, \d+ s left; stage 1 of 6 about .* best Dice 0\.\d+", log
    )
    assert road.made("report.html").exists()
    events = list(road.made("a/fold0/tensorboard").iterdir())
    assert len(events) == RECIPE.epochs
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(road.made("a/fold0/tensorboard")))
    read.Reload()
    history = pd.read_csv(road.made("a/fold0/history.csv"))
    written = {event.step: event.value for event in read.Scalars("valid_dice")}
    assert written == pytest.approx(dict(zip(history["epoch"], history["valid_dice"], strict=True)))


def test_tensorboard_that_is_not_there_is_named_before_any_work(
    tiny_carvana, tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    road = Road(tmp_path, tiny_carvana)
    assert road.run("run", "--tensorboard") == 4
    assert "extra 'tensorboard'" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_a_worker_says_lines_with_its_name_once_on_the_screen_and_once_in_the_log(tmp_path, capsys):
    log = tmp_path / "log.txt"
    with progress.log_to(log):
        shown = pickle.loads(pickle.dumps(progress.progress_of_worker("gpu 1")))
        progress.say("of the driver")
    with progress.shown_as(shown):
        progress.say("halfway")
    with progress.shown_as(replace(shown, quiet=True)):
        progress.say("unseen")
    assert capsys.readouterr().err == "of the driver\ngpu 1: halfway\n"
    said = [line.split(" ", 2)[2] for line in log.read_text().splitlines()]
    assert said == ["of the driver", "gpu 1: halfway", "gpu 1: unseen"]


def test_a_worker_draws_no_bar_even_on_a_terminal(lines, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress.shown_as(progress.Progress(worker="worker 1")):
        assert list(progress.track(range(2), "score", 2)) == [0, 1]
    assert lines[0].startswith("score: 1/2")
