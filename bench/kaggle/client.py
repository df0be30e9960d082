"""Find and run Kaggle's own client, which alone handles credentials."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.system.environment import lacks_extra
from bench.system.errors import BenchError, Missing

COMPETITION = "carvana-image-masking-challenge"
COMPETITION_URL = f"https://www.kaggle.com/c/{COMPETITION}"
REFUSAL = re.compile(r"\b403\b")
NO_CREDENTIALS = re.compile(r"\b401\b|Unauthorized|uthenticat|kaggle\.json|credentials")
PROGRESS = "%|"  # between the share and the bar of a download's progress, "42%|####  | 401M/8.09G"
WARNING = "Warning: "  # of a kaggle.json that others may read, of an old version
OUTPUT_TAIL = 4000  # last characters of the client's output, searched for the reason of a failure


def client_path() -> str:
    """Return the path of the client in this Python's environment, or else of the first on PATH.

    Raises:
        Missing: the client is not installed.
    """
    environment = Path(sys.executable).parent
    path = shutil.which("kaggle", path=f"{environment}{os.pathsep}{os.environ.get('PATH', '')}")
    if path is None:
        raise lacks_extra("Kaggle's client", "kaggle")
    return path


def run_client(arguments: Sequence[str], name: str) -> str:
    """Run the client, show its output as it comes, and return the end of this output.

    Args:
        name: of what is asked for; errors begin with it.

    Raises:
        Missing, BenchError: as `client_path` and `client_error`.
    """
    output, status = _run([client_path(), *arguments])
    if status:
        raise client_error(output, name)
    return output


def client_error(output: str, name: str) -> BenchError:
    """Return the error that the client's output means: rules, credentials, or another failure."""
    parts = [part.strip() for part in re.split(r"[\r\n]+", output)]
    lines = [part for part in parts if part and PROGRESS not in part and WARNING not in part]
    said = "\n".join(lines)
    if REFUSAL.search(said):
        return Missing(
            f"{name}: Kaggle refuses (403); sign in and accept the rules at {COMPETITION_URL}/rules"
        )
    if NO_CREDENTIALS.search(said):
        return Missing(
            f"{name}: Kaggle's client has no valid credentials; follow "
            "https://www.kaggle.com/docs/api, then run again"
        )
    last = lines[-1] if lines else "no reason given"
    return BenchError(f"{name}: Kaggle's client failed: {last}; run again to go on")


def _run(command: list[str]) -> tuple[str, int]:
    """Run a program, show its output as it comes; return the end of the output and the status."""
    output = ""
    try:
        program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except OSError as error:  # such as of a script whose Python is gone
        again = shlex.join([sys.executable, "-m", "pip", "install", "--force-reinstall", "kaggle"])
        what = f"Kaggle's client does not start ({error.strerror})"
        raise Missing(f"{command[0]}: {what}; install it again: {again}") from error
    with program:
        while block := program.stdout.read1():  # type: ignore[union-attr, attr-defined]
            text = block.decode(errors="replace")
            print(text, end="", file=sys.stderr, flush=True)
            output = (output + text)[-OUTPUT_TAIL:]
    return output, program.returncode
