"""The image's steps, done without Docker: what is copied, what is installed, what is started."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from tests.tiny import HOME

PIP = """#!/bin/sh
exec {python} -m pip "$@" -q --no-deps --no-build-isolation --target "$TARGET"
"""


def steps():
    """The instructions of the Dockerfile in their order: the word, and the rest of the line."""
    lines = re.sub(r"\\\n|(?m:^#.*$)", "", (HOME / "Dockerfile").read_text()).splitlines()
    return [tuple(line.split(maxsplit=1)) for line in lines if line.strip()]


def values(kind):
    return dict(rest.split("=", 1) for word, rest in steps() if word == kind)


def let_in():
    """What .dockerignore lets in, by name."""
    lines = (HOME / ".dockerignore").read_text().splitlines()
    return {line.removeprefix("!") for line in lines if line.startswith("!")}


@pytest.mark.slow
def test_the_image_is_made_of_what_it_copies_and_starts_the_program(tmp_path):
    source, target, shims = (tmp_path / name for name in ("source", "target", "shims"))
    source.mkdir()
    shims.mkdir()
    (shims / "pip").write_text(PIP.format(python=shlex.quote(sys.executable)))
    (shims / "pip").chmod(0o755)
    inside_context = let_in()
    path = f"{shims}{os.pathsep}{os.environ['PATH']}"
    variables = {**os.environ, "PATH": path, "TARGET": str(target)}
    for word, rest in steps():
        if word == "COPY":
            *names, place = rest.split()
            assert {*names} <= inside_context
            for name in names:
                copy = shutil.copytree if (HOME / name).is_dir() else shutil.copy
                copy(HOME / name, source / (place if len(names) == 1 else name))
        elif word == "RUN":
            given = variables | values("ARG")
            subprocess.run(["/bin/sh", "-c", rest], cwd=source, env=given, check=True)
    [entry] = [json.loads(rest) for word, rest in steps() if word == "ENTRYPOINT"]
    [command] = [json.loads(rest) for word, rest in steps() if word == "CMD"]
    here = {"PYTHONPATH": str(target), "CARVANA_BENCH_HOME": str(tmp_path / "work")}
    inside = {**variables, **values("ENV"), **here}

    def start(*words):
        [program] = entry
        return subprocess.run(
            [target / "bin" / program, *words],
            env=inside,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    assert start(*command).stdout.startswith("usage: carvana-bench")
    found = json.loads(start("doctor", "--json").stdout)
    assert (found["home"], found["commit"]) == (str(tmp_path / "work"), "unknown")
    refused = start("serve", "--model", "m", "--host", "0.0.0.0")
    assert (refused.returncode, "--token-file" in refused.stderr) == (2, True)


def test_the_page_gives_the_image_arguments_that_it_has():
    page = (HOME / "docs" / "installing.md").read_text()
    named = re.findall(r"--build-arg (\w+)=", page)
    assert named and {*named} <= values("ARG").keys()
    assert values("ENV")["CARVANA_BENCH_HOME"] == "/work"
    assert ":/work" in page and "-p 8000:8000" in page
