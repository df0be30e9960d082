"""The code's version is this project's own, whatever repository lies around it."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

import bench
from bench.system import environment
from bench.system.environment import OtherWork


def git(folder: Path, *words: str) -> str:
    """Run git as a nameless somebody, and return what it prints."""
    identity = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]
    command = ["git", "-C", str(folder), *identity, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def repository(folder: Path) -> str:
    """Make a repository of all files in a folder, and return its commit."""
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "all")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """Return a copy of a few of the project's files, from which the module takes itself to come."""
    root = tmp_path / "copied"
    for name in environment.OUR_FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(environment.ROOT / name, root / name)
    monkeypatch.setattr(environment, "ROOT", root)
    environment.code_sha256.cache_clear()
    yield root
    environment.code_sha256.cache_clear()


def test_a_checkout_gives_its_commit(copied):
    commit = repository(copied)
    described = environment.environment()
    assert (described["commit"], described["clean_tree"]) == (commit, True)
    (copied / "pyproject.toml").write_text("changed")
    assert not environment.environment()["clean_tree"]


@pytest.mark.parametrize("place", ["above", "untracked inside"])
def test_the_commit_of_another_repository_is_not_ours(copied, place):
    if place == "above":  # site-packages of an environment inside somebody's repository
        repository(copied.parent)
    else:  # somebody's own files in the very folder
        (copied / ".gitignore").write_text("bench\n")
        repository(copied)
    described = environment.environment()
    assert (described["commit"], described["clean_tree"]) == ("unknown", False)
    assert len(described["code_sha256"]) == 64
    assert described["version"] == bench.__version__


def test_a_hook_of_git_in_another_repository_does_not_name_the_commit(
    copied, tmp_path, monkeypatch
):
    commit = repository(copied)
    (tmp_path / "other").mkdir()
    repository(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    assert environment.commit() == commit


def test_the_code_hash_follows_names_and_content_of_python_files_alone(copied):
    def fresh(*folders: str) -> str:
        environment.code_sha256.cache_clear()
        return environment.code_sha256(*folders)

    before, file = fresh(), copied / environment.OUR_FILES[1]
    (copied / "bench" / "page.html").write_text("not code")
    assert fresh() == fresh("bench") == before
    assert fresh("bench/training") != before
    file.write_text(file.read_text() + "\n")
    changed = fresh()
    file.rename(file.with_name("renamed.py"))
    assert len({before, changed, fresh()}) == 3


def test_the_code_hash_takes_no_time():
    environment.code_sha256.cache_clear()
    began = time.perf_counter()
    environment.code_sha256()
    assert time.perf_counter() - began < 0.5


def test_the_index_of_the_repository_is_left_alone(copied):
    """A process killed while git writes the index would leave a lock that stops every commit."""
    repository(copied)
    os.utime(copied / "pyproject.toml", (1, 1))  # git would note that its content is the same
    index = copied / ".git" / "index"
    before = index.read_bytes()
    assert environment.environment()["clean_tree"]
    assert index.read_bytes() == before


def test_a_missing_extra_is_installed_into_this_python(copied):
    pip = f"{sys.executable} -m pip install"
    assert str(environment.lacks_extra("--cluster", "cluster")).endswith(
        f"(extra 'cluster'): {pip} 'carvana-bench[cluster]'"
    )
    (copied / "run_all.sh").touch()
    said = str(environment.lacks_extra("--cluster", "cluster"))
    assert said.endswith(f"{pip} -e '{copied}[cluster]'")


def test_what_other_programs_take_is_said(monkeypatch):
    whole = [100.0, 5, 20, 1e6, 1e6, 1, 2, 3, 50, 50]  # man 5 proc: idle and guests do not count
    child = SimpleNamespace(cpu_times=lambda: (3.0, 1.0, 0.5, 0.5, 7))
    own = SimpleNamespace(cpu_times=lambda: (30.0, 10, 4, 1, 7), children=lambda **_: [child])
    processes = {77: own}
    monkeypatch.setenv(environment.COMMAND, "77")
    core, elsewhere = [each / 2 for each in whole], [9e9] * 10
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: [core, elsewhere, core])
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2})
    monkeypatch.setattr(psutil, "Process", processes.__getitem__)
    monkeypatch.setattr(time, "process_time", lambda: 50.0)
    assert OtherWork(children_are_others=True)._busy_s == 131 - 50
    others = OtherWork()
    assert others._busy_s == 131 - 45 - 5
    assert others.cores() == 0
    others._began = time.perf_counter() - 100
    core[0] += 75.0
    assert others.cores() == 1.5
