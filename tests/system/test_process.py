"""Switches that hold for the whole process: set at the start of the command line alone."""

import os
import re
from pathlib import Path

import cv2
import pytest

from bench.cli.verbs import main
from bench.system import process
from models import encoders

BENCH = Path(process.__file__).parents[1]
SWITCHES = r"setNumThreads|cudnn\.benchmark|spool_max_size|os\.environ(\[|\.setdefault|\.update)"
RESTORED = {"speed/timing.py"}  # sets a switch for a block and sets it back


def test_no_other_file_sets_a_switch():
    setting = [path for path in BENCH.rglob("*.py") if re.search(SWITCHES, path.read_text())]
    assert {path.relative_to(BENCH).as_posix() for path in setting} == {
        "system/process.py"
    } | RESTORED


def test_the_folder_of_weights_is_the_variable_that_encoders_read(tmp_path, monkeypatch):
    assert process.WEIGHTS_DIR == encoders.WEIGHTS_DIR
    monkeypatch.delenv(process.WEIGHTS_DIR, raising=False)
    process.set_environment(None)
    assert process.WEIGHTS_DIR not in os.environ
    process.set_environment(tmp_path)
    assert os.environ[process.WEIGHTS_DIR] == str(tmp_path)


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
