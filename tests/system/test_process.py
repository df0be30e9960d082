"""Switches that hold for the whole process: set at the start of the command line alone."""

import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
import torch

from bench.cli import verbs
from bench.cli.verbs import main
from bench.system import process
from bench.system.files import replacing
from models import pretrained
from tests.tiny import Road

BENCH = Path(process.__file__).parents[1]
SWITCHES = (
    r"setNumThreads|mallopt|cudnn\.benchmark|spool_max_size|os\.environ(\[|\.setdefault|\.update)"
)
RESTORED = {"speed/timing.py"}  # sets a switch for a block and sets it back


def test_no_other_file_sets_a_switch():
    setting = [path for path in BENCH.rglob("*.py") if re.search(SWITCHES, path.read_text())]
    assert {path.relative_to(BENCH).as_posix() for path in setting} == {
        "system/process.py"
    } | RESTORED


KEPT = """
import numpy, psutil
from bench.system.process import prepare_for_networks
prepare_for_networks()
before = psutil.Process().memory_info().rss
held = numpy.ones(2**25), numpy.ones(1)
del held
print(psutil.Process().memory_info().rss - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="another C library")
def test_the_memory_of_freed_arrays_is_kept_for_the_next_ones():
    done = subprocess.run([sys.executable, "-c", KEPT], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 2**27


def test_the_folder_of_weights_is_the_variable_that_encoders_read(tmp_path, monkeypatch):
    assert process.WEIGHTS_DIR == pretrained.WEIGHTS_DIR
    monkeypatch.setenv(process.WEIGHTS_DIR, "restored")  # or what the program sets would stay
    monkeypatch.delenv(process.WEIGHTS_DIR)
    process.set_environment(None)
    assert process.WEIGHTS_DIR not in os.environ
    process.set_environment(tmp_path)
    assert os.environ[process.WEIGHTS_DIR] == str(tmp_path)


def test_products_of_float32_on_cards_are_of_float32():
    torch.backends.cudnn.allow_tf32 = True
    process.prepare_for_networks()
    assert not torch.backends.cudnn.allow_tf32 and not torch.backends.cuda.matmul.allow_tf32


@pytest.fixture
def opencv_threads():
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    yield
    cv2.setNumThreads(before)


@pytest.mark.parametrize(
    ("words", "threads"),
    [(["run", "no-such-suite"], 1), (["check", "--data", "/nowhere"], 2)],
)
def test_a_run_spreads_photographs_over_threads_and_opencv_adds_none(
    words, threads, opencv_threads
):
    assert main(words) != 0
    assert cv2.getNumThreads() == threads


def verb_that(work, monkeypatch):
    """Have the verb `check` do something else."""
    parsers = verbs.make_parser

    def make(given):
        changed = [replace(each, command=lambda args: work()) for each in given]
        return parsers(changed)

    monkeypatch.setattr(verbs, "make_parser", make)


@pytest.mark.parametrize(
    ("number", "code", "line"),
    [
        (signal.SIGTERM, 143, "ended by SIGTERM"),
        (signal.SIGHUP, 129, "ended by SIGHUP"),
        (signal.SIGINT, 130, "interrupted"),
    ],
)
def test_a_signal_ends_a_verb_in_order(number, code, line, monkeypatch, capsys, tmp_path):
    def work():
        with replacing(tmp_path / "made") as temporary:
            temporary.write_text("half")
            os.kill(os.getpid(), number)
            time.sleep(60)

    verb_that(work, monkeypatch)
    before = signal.getsignal(number)
    assert main(["check"]) == code
    assert capsys.readouterr().err == f"\n{line}: the same command starts anew\n"
    assert not list(tmp_path.iterdir())
    assert signal.getsignal(number) == before


@pytest.mark.parametrize(
    ("words", "resumes"),
    [("demo --out made", True), ("submit demo", True), ("submit --check file.csv", False)],
)
def test_what_is_kept_of_a_verb_that_is_interrupted_is_said(words, resumes, monkeypatch, capsys):
    verb_that(lambda: os.kill(os.getpid(), signal.SIGINT), monkeypatch)
    assert main(words.split()) == 130
    assert ("goes on where it stopped" in capsys.readouterr().err) == resumes


def test_a_signal_that_is_ignored_stays_ignored(monkeypatch):
    """As `nohup` ignores that of a terminal that closes."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        verb_that(lambda: os.kill(os.getpid(), signal.SIGHUP), monkeypatch)
        assert main(["check"]) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_signal_that_comes_twice_at_once_is_heard_once(monkeypatch, tmp_path):
    def work():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            (tmp_path / "ended").touch()

    verb_that(work, monkeypatch)
    assert main(["check"]) == 143
    assert (tmp_path / "ended").exists()


def test_a_verb_runs_in_a_thread_that_hears_no_signals(monkeypatch):
    verb_that(lambda: None, monkeypatch)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(main, ["check"]).result() == 0


@pytest.mark.slow
def test_a_training_that_is_told_to_end_goes_on_with_the_same_command(tiny_carvana, tmp_path):
    road = Road(tmp_path, tiny_carvana)
    command = [sys.executable, "-m", "bench", *road.words("train")]
    training = subprocess.Popen(command, cwd=BENCH.parent, stderr=subprocess.PIPE, text=True)
    assert training.stderr
    next(line for line in training.stderr if "epoch 1/3: loss" in line)
    training.terminate()
    rest = training.stderr.read()
    assert training.wait(timeout=60) == 143
    assert rest.endswith("the same command goes on where it stopped\n")
    assert "Traceback" not in rest
    assert not [path for path in tmp_path.rglob("*") if path.name.endswith(".tmp")]
    assert road.run("train") == 0


TALKS = """
import contextlib, os, sys
from bench.system.process import prepare_streams
prepare_streams()
try:
    for line in range(20_000):
        print("result", line)
        sys.stderr.write("progress\\n")
    sys.stdout.flush()
except OSError as error:
    open("told", "w").write(error.strerror)
descriptor = os.open("done", os.O_CREAT | os.O_WRONLY)
os.write(descriptor, b"whole")
with contextlib.suppress(OSError):
    os.write(2, b"a library says something")
"""
FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")


def shell(folder: Path, script: str, streams: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a folder with redirected streams; the status of the script itself."""
    (folder / "script.py").write_text(script)
    command = f"set -o pipefail; '{sys.executable}' script.py {streams}"
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={"PYTHONPATH": str(BENCH.parent), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("streams", "told"),
    [
        (">&-", None),
        ("2>&-", None),
        ("<&- >&- 2>&-", None),
        ("| head -1", None),
        ("2>&1 | head -1", None),
        pytest.param("2> /dev/full", None, marks=FULL),
        pytest.param("> /dev/full", "No space left on device", marks=FULL),
    ],
)
def test_streams_that_cannot_be_written_end_no_work(streams, told, tmp_path):
    ended = shell(tmp_path, TALKS, streams)
    assert ended.returncode == 0
    assert "Traceback" not in ended.stderr and "Error" not in ended.stderr
    assert (tmp_path / "done").read_text() == "whole"  # not what the library said, too
    assert (tmp_path / "told").exists() == (told is not None)
    assert told is None or (tmp_path / "told").read_text() == told


def test_a_full_pipe_that_does_not_block_ends_no_work(tmp_path):
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, bytes(4096))
    (tmp_path / "script.py").write_text(TALKS)
    ended = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, stderr=writing, check=True)
    assert ended.returncode == 0 and (tmp_path / "done").read_text() == "whole"
    os.close(reading)
    os.close(writing)


def test_a_name_that_is_no_text_is_printed(tmp_path):
    script = "from bench.system.process import prepare_streams as p; p(); print('a\\udcffb')"
    ended = shell(tmp_path, script, "")
    assert (ended.stdout, ended.returncode) == ("a\\udcffb\n", 0)


@pytest.mark.slow
@pytest.mark.parametrize("streams", [">&- 2>&-", "2>&1 | head -1", "2>&-"])
def test_a_whole_verb_does_its_work_without_streams(streams, tiny_carvana, tmp_path):
    script = f"""
import sys
from bench.cli.verbs import main
code = main(["check", "--deep", "--data", {str(tiny_carvana)!r}, "--runs", "runs"])
open("code", "w").write(str(code))
"""
    ended = shell(tmp_path, script, streams)
    assert "Traceback" not in ended.stderr
    assert (tmp_path / "code").read_text() == "0"
    assert (tmp_path / "runs" / "cache" / "contents.sqlite").is_file()


def test_a_limit_of_addresses_that_libraries_do_not_survive_is_told(monkeypatch, capsys):
    limit = (2_000_000_000, process.resource.RLIM_INFINITY)
    monkeypatch.setattr(process.resource, "getrlimit", lambda _: limit)
    assert main(["run", "no-such-suite"]) == 1
    assert "2.0 GB of addresses (`ulimit -v`) is too low" in capsys.readouterr().err
    assert main(["check", "--data", "/nowhere"]) == 4  # runs no network
