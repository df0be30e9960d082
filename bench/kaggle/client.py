"""Kaggle's own client: where it is, and what it answers. It alone handles credentials."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.system.errors import BenchError, Missing

COMPETITION = "carvana-image-masking-challenge"
PAGE = f"https://www.kaggle.com/c/{COMPETITION}"
REFUSED = ("401", "Unauthorized", "uthenticat", "kaggle.json", "credentials")
LAST_WORDS = 4000  # characters of the client's output that are searched for the reason


def client() -> str:
    """Path of the client in this Python's environment, or else of the first on the PATH.

    Raises:
        Missing: it is not installed.
    """
    beside = Path(sys.executable).parent
    found = shutil.which("kaggle", path=f"{beside}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        raise Missing("Kaggle's client is not installed: .venv/bin/pip install kaggle")
    return found


def call(arguments: Sequence[str], about: str) -> str:
    """Run the client, showing what it says as it comes; its last words.

    Args:
        about: what is asked for, named in errors.

    Raises:
        Missing, BenchError: as `client` and `refusal`.
    """
    words, status = _run([client(), *arguments])
    if status:
        raise refusal(words, about)
    return words


def refusal(words: str, name: str) -> BenchError:
    """The error that the client's words mean: rules not accepted, no credentials, or another."""
    if "403" in words:
        return Missing(
            f"{name}: Kaggle refuses (403); sign in and accept the rules at {PAGE}/rules"
        )
    if any(word in words for word in REFUSED):
        return Missing(
            f"{name}: Kaggle's client has no valid credentials; follow "
            "https://www.kaggle.com/docs/api, then run again"
        )
    last = words.strip().splitlines()[-1:] or ["no output"]
    return BenchError(f"{name}: Kaggle's client failed: {last[0]}; run again to go on")


def _run(command: list[str]) -> tuple[str, int]:
    """The last words and the exit status of a program whose output is shown as it comes."""
    words = ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as program:
        while block := program.stdout.read1():  # type: ignore[union-attr, attr-defined]
            text = block.decode(errors="replace")
            print(text, end="", file=sys.stderr, flush=True)
            words = (words + text)[-LAST_WORDS:]
    return words, program.returncode
