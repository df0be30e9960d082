"""Temporary files of processes that were killed go; those of living ones stay."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from tempfile import mkdtemp

import pytest

from bench.system import temporaries
from bench.system.files import replacing, write_text
from bench.system.temporaries import holding, remove_left, temporary_folder

WRITING = """
import sys, time
from pathlib import Path
from bench.system.files import replacing
from bench.system.temporaries import temporary_folder
path = Path(sys.argv[1])
with replacing(path / "file") as file, temporary_folder("folder") as folder:
    file.write_bytes(b"half")
    (folder / "half").write_bytes(b"half")
    print("there", flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def _first_look():
    remove_left.cache_clear()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_killed_process_leaves_files_that_the_next_one_removes(tmp_path):
    command = [sys.executable, "-c", WRITING, str(tmp_path)]
    places = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, env=places, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout and writer.stdout.readline() == "there\n"
        write_text(tmp_path / "other", "")
        assert len(names(tmp_path)) == 3  # those of a living process stay
        writer.kill()
    remove_left.cache_clear()
    write_text(tmp_path / "other", "")
    assert names(tmp_path) == {"other"}


def test_an_error_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for block in (replacing(tmp_path / "x"), temporary_folder("x")):
        with pytest.raises(KeyError), block:
            raise KeyError
    assert not names(tmp_path)


@pytest.mark.parametrize(
    "name", [f".file.carvana-{'0' * 8}.12.tmp", ".maps-test.sqlite.lock", ".maps-test.sqlite.claim"]
)
def test_files_of_perhaps_another_machine_are_left_for_a_day(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"")
    remove_left(tmp_path)
    assert path.exists()
    yesterday = time.time() - 2 * temporaries.DAY_S
    os.utime(path, (yesterday, yesterday))
    remove_left.cache_clear()
    with holding(path):
        remove_left(tmp_path)
    assert path.exists()
    remove_left.cache_clear()
    remove_left(tmp_path)
    assert not path.exists()


def test_files_that_are_not_ours_stay(tmp_path):
    others = {".hidden", ".file.123.tmp", "file.tmp", ".file.lock", ".file.carvana-x.1.tmp"}
    for name in others:
        (tmp_path / name).write_text("")
    remove_left(tmp_path)
    assert names(tmp_path) == others


def test_where_nothing_can_be_locked_nothing_is_removed(tmp_path, monkeypatch):
    def unsupported(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(temporaries.fcntl, "flock", unsupported)
    with replacing(tmp_path / "file") as temporary:
        temporary.write_text("new")
        remove_left(tmp_path)
    assert (tmp_path / "file").read_text() == "new"


def test_threads_that_write_one_file_write_it_one_after_the_other(tmp_path):
    def write(number: int) -> None:
        for _ in range(50):
            write_text(tmp_path / "file", f"{number}" * 1000)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set((tmp_path / "file").read_text())) == 1 and names(tmp_path) == {"file"}


def test_a_file_that_was_renamed_is_held_no_more(tmp_path):
    path = tmp_path / "x"
    with holding(path):
        path.rename(tmp_path / "y")
        with holding(path):  # another file
            assert path.exists()


def test_a_folder_that_another_process_takes_for_left_before_it_is_held_is_made_again(
    tmp_path, monkeypatch
):
    made = []

    def taken(*words):
        made.append(mkdtemp(*words))
        if len(made) == 1:
            Path(made[0]).rmdir()
        return made[-1]

    monkeypatch.setattr(temporaries, "mkdtemp", taken)
    with temporary_folder("work", tmp_path) as folder:
        assert folder.is_dir() and str(folder) == made[1]
    assert names(tmp_path) == set()
