"""The scripts that set up and run: from any folder, and after the checkout was moved."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bench.run.run import SET_UP

HOME = Path(__file__).parents[1]
PYTHON = """#!/bin/sh
# Stands for Python: makes an environment whose program says where and how it is called.
[ "$1" = -m ] || exit 0
echo made >> "$LOG"
mkdir -p "$3/bin"
printf '#!/bin/sh\\n' | tee "$3/bin/pip" > "$3/bin/python"
printf '#!/bin/sh\\n# %s/bin/python\\necho "$PWD: $0 $*"\\n' "$3" > "$3/bin/carvana-bench"
chmod +x "$3"/bin/*
"""


@pytest.fixture
def checkout(tmp_path):
    folder = tmp_path / "one place" / "checkout"
    folder.mkdir(parents=True)
    for name in ("run_all.sh", "setup.sh", "pyproject.toml", "constraints.txt"):
        shutil.copy(HOME / name, folder)
    (tmp_path / "python").write_text(PYTHON)
    (tmp_path / "python").chmod(0o755)
    return folder


def run(checkout, caller, *words):
    """What the program is told, and how often an environment was made so far."""
    log = checkout.parents[1] / "log"
    given = {**os.environ, "PYTHON": str(checkout.parents[1] / "python"), "LOG": str(log)}
    script = os.path.relpath(checkout / "run_all.sh", caller)
    done = subprocess.run(
        ["bash", script, *words], cwd=caller, env=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), log.read_text().count("made"), done.stderr


def test_paths_are_meant_from_the_folder_of_the_caller(checkout, tmp_path):
    caller = tmp_path / "elsewhere"
    caller.mkdir()
    said, made, _ = run(checkout, caller, "mine.yaml", "--data", "photographs")
    assert said.startswith(f"{caller}: ")
    assert said.endswith("carvana-bench run mine.yaml --data photographs")
    assert run(checkout, checkout, "--jobs", "2")[:2] == (
        f"{checkout}: {checkout}/.venv/bin/carvana-bench run demo --jobs 2", made
    )  # fmt: skip


@pytest.mark.parametrize("how", [shutil.move, shutil.copytree])
def test_a_checkout_that_was_moved_or_copied_is_set_up_again(checkout, tmp_path, how):
    assert run(checkout, tmp_path)[1] == 1
    assert run(checkout, tmp_path)[1] == 1
    other = tmp_path / "other place" / "checkout"
    other.parent.mkdir()
    how(checkout, other)
    said, made, warned = run(other, tmp_path)
    assert f"{other}/.venv/bin/carvana-bench run demo" in said
    assert made == 2 and "moved or copied" in warned
    assert run(other, tmp_path)[1] == 2


def test_a_checkout_that_is_reached_by_a_link_is_set_up_once(checkout, tmp_path):
    assert run(checkout, tmp_path)[1] == 1
    (tmp_path / "link").symlink_to(checkout.parent)
    (tmp_path / "log").rename(tmp_path / "kept")
    linked = tmp_path / "link" / "checkout"
    given = {**os.environ, "PYTHON": str(tmp_path / "python"), "LOG": str(tmp_path / "log")}
    subprocess.run(["bash", str(linked / "run_all.sh")], env=given, check=True)
    assert not (tmp_path / "log").exists()


def test_the_report_sets_a_checkout_up_with_what_int8_needs(checkout, tmp_path):
    given = {**os.environ, "PYTHON": str(tmp_path / "python"), "LOG": str(tmp_path / "log")}
    for _ in range(2):
        subprocess.run(["bash", "-c", SET_UP], cwd=checkout, env=given, check=True)
        assert (checkout / ".venv" / "installed[export]").exists()
        assert (tmp_path / "log").read_text() == "made\n"


def test_an_environment_whose_python_is_gone_is_set_up_again(checkout, tmp_path):
    assert run(checkout, tmp_path)[1] == 1
    (checkout / ".venv" / "bin" / "python").unlink()
    assert run(checkout, tmp_path)[1] == 2


def test_the_script_itself_may_be_reached_by_a_link(checkout, tmp_path):
    (tmp_path / "run").symlink_to(checkout / "run_all.sh")
    given = {**os.environ, "PYTHON": str(tmp_path / "python"), "LOG": str(tmp_path / "log")}
    done = subprocess.run(
        ["bash", "run", "cpu"], cwd=tmp_path, env=given, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == f"{tmp_path}: {checkout}/.venv/bin/carvana-bench run cpu"
