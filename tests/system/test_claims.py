"""One process works in a place; others are told who, and a dead one's place is free at once."""

import errno
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest

from bench.system import claims
from bench.system.claims import Taken, attempt, check_unclaimed, claimed, left_by_attempts
from bench.system.errors import BenchError
from bench.system.files import write_text

HOLDER = """
import sys, time
from pathlib import Path
from bench.system.claims import claimed
with claimed(Path(sys.argv[1]), "runs/demo"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def claim(tmp_path):
    return tmp_path / "run" / ".claim"


@pytest.fixture
def holder(claim):
    """Another process that holds the claim."""
    words = [sys.executable, "-c", HOLDER, str(claim)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_claim_lasts_as_long_as_the_block(claim):
    with claimed(claim, "runs/demo"):
        assert json.loads(claim.read_text())["pid"] == os.getpid()
    assert not claim.exists()
    with pytest.raises(ZeroDivisionError), claimed(claim, "runs/demo"):
        raise ZeroDivisionError
    assert not claim.exists()


def test_a_claim_that_does_not_fit_on_the_disk_leaves_nothing(claim, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(claims.os, "write", full)
        with (
            pytest.raises(BenchError, match="no space left on its disk"),
            claimed(claim, "runs/demo"),
        ):
            pass
    assert not claim.exists()


def test_a_second_process_is_told_who_works_there(claim, holder):
    words = rf"runs/demo: in use: process {holder.pid} on \S+ has done so since 2.*\(carvana-bench"
    for refused in (claimed(claim, "runs/demo"), claimed(claim, "runs/demo")):
        with pytest.raises(Taken, match=words), refused:
            pass
    with pytest.raises(Taken, match=words):
        check_unclaimed(claim, "runs/demo")


@pytest.mark.parametrize("way", [signal.SIGKILL, signal.SIGSTOP])
def test_a_dead_process_holds_nothing_and_a_sleeping_one_does(claim, holder, way):
    holder.send_signal(way)
    if way == signal.SIGSTOP:
        with pytest.raises(Taken), claimed(claim, "runs/demo"):
            pass
        return
    holder.wait()
    assert claim.exists()
    with claimed(claim, "runs/demo"):
        assert json.loads(claim.read_text())["pid"] == os.getpid()
    assert not claim.exists()


def test_claims_of_the_dead_are_removed_and_those_of_the_living_stay(claim, holder):
    abandoned = claim.with_name(".maps.sqlite.claim")
    abandoned.write_text("")
    claims.remove_abandoned(claim.parent)
    assert claim.exists() and not abandoned.exists()


def test_a_forked_child_does_not_keep_the_claim(claim):
    context = multiprocessing.get_context("fork")
    with claimed(claim, "runs/demo"):
        child = context.Process(target=time.sleep, args=(60,))
        child.start()
    with claimed(claim, "runs/demo"):
        pass
    child.kill()


@pytest.mark.parametrize("silent_s", [0, 3600])
def test_another_machine_is_believed_as_long_as_it_gives_signs_of_life(claim, silent_s):
    claim.parent.mkdir()
    owner = {"host": "far", "boot": "b", "pid": 7, "since": "today", "command": "x", "uuid": "u"}
    claim.write_text(json.dumps(owner))
    then = time.time() - silent_s
    os.utime(claim, (then, then))
    if silent_s:
        with claimed(claim, "runs/demo"):
            pass
    else:
        with pytest.raises(Taken, match="process 7 on far"), claimed(claim, "runs/demo"):
            pass


@pytest.mark.parametrize("sees_it", ["while it works", "when it ends"])
def test_who_lost_a_claim_stops(sees_it, claim, monkeypatch):
    works = sees_it == "while it works"
    if works:
        monkeypatch.setattr(claims, "BEAT_S", 0.01)
    owner = {"host": "far", "boot": "b", "pid": 7, "since": "today", "command": "x", "uuid": "u"}
    lost = pytest.raises(Taken, match="another one took over: process 7 on far")
    with lost, claimed(claim, "runs/demo"):
        claim.write_text(json.dumps(owner))
        time.sleep(10 if works else 0)
    assert json.loads(claim.read_text()) == owner


def test_signs_of_life_are_given(claim, monkeypatch):
    monkeypatch.setattr(claims, "BEAT_S", 0.01)
    with claimed(claim, "runs/demo"):
        os.utime(claim, (0, 0))
        time.sleep(0.2)
        assert claim.stat().st_mtime > 0


def test_a_place_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "run").write_text("a file")
    refused = pytest.raises(BenchError, match="run: cannot be written: a file is where a folder")
    with refused, claimed(tmp_path / "run" / ".claim", "runs/demo"):
        pass


WORKER = """
import sys
from pathlib import Path
from bench.system.claims import attempt
from bench.system.files import write_text
with attempt(Path(sys.argv[1]), "training") as folder:
    write_text(folder / "state", "first")
    print("begun", flush=True)
    sys.stdin.readline()
    if sys.argv[2] == "rename":
        (folder / "state").rename(folder.parent / "state")
    else:
        write_text(folder / "state", "late")
"""


def test_an_attempt_has_a_folder_that_goes_with_it(tmp_path):
    with attempt(tmp_path / "fold0", "training") as folder:
        (folder / "state").write_text("1")
        assert left_by_attempts(tmp_path / "fold0", "training") == [folder]
    assert list((tmp_path / "fold0").iterdir()) == []


def test_an_attempt_goes_on_from_what_the_one_before_left(tmp_path):
    for content in ("1", "2"):
        with pytest.raises(ZeroDivisionError), attempt(tmp_path, "training") as folder:
            assert not (folder / "state").exists() or (folder / "state").read_text() == "1"
            (folder / "state").write_text(content)
            raise ZeroDivisionError
    with attempt(tmp_path, "training") as folder, attempt(tmp_path, "other") as other:
        assert (folder / "state").read_text() == "2" and not list(other.iterdir())


@pytest.mark.parametrize("way", ["rename", "write"])
def test_what_an_attempt_does_after_another_took_over_is_refused(tmp_path, way):
    words = [sys.executable, "-c", WORKER, str(tmp_path), way]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(words, text=True, **pipes) as frozen:
        assert frozen.stdout.readline() == "begun\n"
        frozen.send_signal(signal.SIGSTOP)
        with attempt(tmp_path, "training") as folder:
            assert (folder / "state").read_text() == "first"
            write_text(folder / "state", "second")
            frozen.send_signal(signal.SIGCONT)
            _, said = frozen.communicate("\n")
            assert (folder / "state").read_text() == "second"
    assert frozen.returncode == 1
    assert f"Taken: {tmp_path}: a later attempt at training took over" in said
    assert list(tmp_path.iterdir()) == []
