"""Every example of docs/extending.md is applied to a copy of the code, and does what it says."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "extending.md").read_text()
ERRANDS = dict(re.findall(r"(?ms)^## (.*?)\n(.*?)(?=^## |\Z)", PAGE))


def listings(errand):
    """Path, kind and text of each listing that belongs to a file; "Try it" has none."""
    return re.findall(
        r"(?m)^(?:A new file|In|A script of your own,) `(.*)`:\n\n```(\w+)\n((?:.*\n)*?)```$",
        errand,
    )


def try_it(errand):
    """The code that shows that an example works."""
    return re.search(r"(?m)^Try it:\n\n```python\n((?:.*\n)*?)```$", errand)[1]


def applied(diff, text):
    """The text after a diff without line numbers; each hunk must have exactly one place."""
    for hunk in re.split(r"(?m)^@@\n", diff):
        lines = hunk.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if line[0] in " -")
        assert text.count(before) == 1, f"{text.count(before)} places for\n{before}"
        text = text.replace(before, "".join(line[1:] for line in lines if line[0] in " +"))
    return text


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """A copy of the code with every example applied, and each "Try it" as a file."""
    root = tmp_path_factory.mktemp("extended")
    for package in ("bench", "models"):
        shutil.copytree(ROOT / package, root / package)
    for number, errand in enumerate(ERRANDS.values()):
        for path, kind, text in listings(errand):
            file = root / path
            assert file.exists() == (kind == "diff"), path
            file.write_text(applied(text, file.read_text()) if kind == "diff" else text)
        (root / f"try_{number}.py").write_text(try_it(errand))
    return root


@pytest.mark.parametrize("heading", ERRANDS)
def test_an_errand_touches_as_many_files_as_its_heading_says(heading):
    files = {path for path, _, _ in listings(ERRANDS[heading]) if "/" in path}
    assert len(files) == int(re.search(r": (\d) files?$", heading)[1])


def test_the_seven_errands():
    counts = [int(count) for count in re.findall(r"(?m)^\| \[.*\) \| (\d) \|", PAGE)]
    assert counts == [2, 2, 2, 2, 3, 1, 0]
    assert counts == [int(re.search(r": (\d) file", heading)[1]) for heading in ERRANDS]


@pytest.mark.slow
def test_every_example_works(extended):
    files = sorted(extended.glob("try_*.py"))
    runs = "import runpy, sys\nfor path in sys.argv[1:]: runpy.run_path(path)"
    words = [sys.executable, "-c", runs, *files]
    result = subprocess.run(words, cwd=extended, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.mark.slow
def test_every_example_keeps_to_the_style(extended):
    config = ["--config", str(ROOT / "pyproject.toml")]
    for words in (["check"], ["format", "--check"]):
        result = subprocess.run(
            [sys.executable, "-m", "ruff", *words, *config, "bench", "models"],
            cwd=extended,
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stdout
