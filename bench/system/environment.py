"""The code, libraries and machine that made a result, and what depends on how it was installed."""

import os
import platform
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench import __version__
from bench.system.errors import BadConfig, Missing

ROOT = Path(__file__).resolve().parents[2]  # holds bench/ and models/
OUR_FILES = ("pyproject.toml", "bench/system/environment.py")  # tracked in a checkout of ours
OF_A_CHECKOUT = ("pyproject.toml", "run_all.sh")  # beside the packages; never in site-packages
HOME = "CARVANA_BENCH_HOME"
COMMAND = "CARVANA_BENCH_COMMAND"  # the process number of the command line, for those it starts
DEVICE = re.compile(r"auto|cpu|cuda(:\d{1,3})?")
DEVICES = "auto, cpu, cuda or cuda:N (N from 0)"
IDLE_CORES = 0.1  # that a system keeps busy on which nothing is done
LIBRARIES = (
    "accelerate",
    "albumentations",
    "numba",
    "numpy",
    "opencv-python-headless",
    "pillow",
    "segmentation-models-pytorch",
    "timm",
    "torch",
    "torchvision",
    "zstandard",
)


def is_checkout() -> bool:
    """Whether this code runs from a checkout, or a copy of one, and not from where pip put it."""
    return all((ROOT / name).is_file() for name in OF_A_CHECKOUT)


def home() -> Path:
    """Return the folder in which data/, runs/ and submissions/ lie unless a flag says otherwise.

    That is CARVANA_BENCH_HOME, else the checkout that this code is part of, else the working
    directory: nothing is ever written beside installed packages.
    """
    if named := os.environ.get(HOME):
        return Path(named).expanduser().absolute()
    return ROOT if is_checkout() else Path.cwd()


def check_home() -> None:
    """Refuse a home that cannot be a folder.

    Raises:
        BadConfig: it is something else, or below something else.
    """
    above = home()
    while not above.exists():
        above = above.parent
    if not above.is_dir():
        raise BadConfig(f"{HOME}: {above} is a file; set it to a folder, or unset {HOME}")


def lacks_extra(what: str, extra: str) -> Missing:
    """Return the error of a part of the program whose packages are not installed.

    Args:
        what: needs them; the message begins with it.
        extra: of this project, in pyproject.toml.
    """
    from_where = f"{ROOT}[{extra}]" if is_checkout() else f"carvana-bench[{extra}]"
    words = ["-e", from_where] if is_checkout() else [from_where]
    command = shlex.join([sys.executable, "-m", "pip", "install", *words])
    return Missing(f"{what} needs packages that are not installed (extra {extra!r}): {command}")


def check_extra(what: str, extra: str, modules: Iterable[str]) -> None:
    """Refuse a part of the program some of whose modules are not installed.

    Args:
        what, extra: as of `lacks_extra`.

    Raises:
        Missing: some are not.
    """
    if not all(map(find_spec, modules)):
        raise lacks_extra(what, extra)


def environment() -> dict[str, Any]:
    """Describe the code, whether its tree was clean, the versions and the machine, for JSON."""
    import psutil

    return {
        "version": __version__,
        "commit": commit(),
        "clean_tree": _is_our_repository() and _git("status", "--porcelain") == "",
        "code_sha256": code_sha256(),
        "python": platform.python_version(),
        "libraries": {name: installed(name) or "not installed" for name in LIBRARIES},
        "machine": {
            "system": platform.platform(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        },
    }


class OtherWork:
    """What other programs do on the cores of this process from the making of this object on.

    On one machine, all processes of a command line, such as its workers, are one program.

    Args:
        children_are_others: count but this process as its program; to look for the rest takes
            milliseconds.
    """

    def __init__(self, children_are_others: bool = False) -> None:
        self._program_busy_s = time.process_time if children_are_others else _command_busy_s
        self._busy_s, self._began = self._others_busy_s(), time.perf_counter()

    def cores(self) -> float:
        """Return how many cores others kept busy on average, to a tenth."""
        elapsed_s = max(1e-9, time.perf_counter() - self._began)
        return max(0.0, round((self._others_busy_s() - self._busy_s) / elapsed_s, 1))

    def _others_busy_s(self) -> float:
        return _cores_busy_s() - self._program_busy_s()


def slowed_by(cores: float) -> str:
    """Say what times are worth that were taken while others kept so many cores busy; "": all.

    >>> slowed_by(0.9)
    'Times were taken while other programs kept up to 0.9 cores busy; alone they are shorter.'
    """
    if cores <= IDLE_CORES:
        return ""
    return (
        f"Times were taken while other programs kept up to {cores:.1f} cores busy; alone they are "
        "shorter."
    )


def _cores_busy_s() -> float:
    """Return the processor time of the cores that this process may use."""
    import psutil

    there = psutil.cpu_times(percpu=True)
    mine = [there[core] for core in os.sched_getaffinity(0) if core < len(there)]
    # All but idle, waiting, and guests counted twice.
    return sum(sum(core[:3]) + sum(core[5:8]) for core in mine)


def _command_busy_s() -> float:
    """Return the processor time of the command line that started this process, and of all below."""
    import psutil

    command = psutil.Process(int(os.environ.get(COMMAND, os.getpid())))
    busy = 0.0
    for each in (command, *command.children(recursive=True)):
        with suppress(psutil.Error):  # it has just ended
            busy += sum(each.cpu_times()[:4])  # those of its own children that have ended, too
    return busy


def commit() -> str:
    """Return the commit of this project's own checkout, or "unknown" outside of one.

    An installed copy may lie inside somebody else's repository, whose commit says nothing of it.
    """
    return (_git("rev-parse", "HEAD") or "unknown") if _is_our_repository() else "unknown"


def installed(package: str) -> str | None:
    """Return the version of a package, None where it is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


@cache
def code_sha256(*folders: str) -> str:
    """Return the hash of every Python file in folders: their names and their content.

    It is computed once a process, in milliseconds.

    Args:
        folders: packages of this project, as paths from its root: "bench/training"; none: all.
    """
    files = sorted(
        file for folder in folders or ("bench", "models") for file in (ROOT / folder).rglob("*.py")
    )
    digest = sha256()
    for file in files:
        content = sha256(file.read_bytes()).hexdigest()
        digest.update(f"{file.relative_to(ROOT).as_posix()} {content}\n".encode())
    return digest.hexdigest()


def _is_our_repository() -> bool:
    """Whether the root of the repository around this file is the root of this project."""
    top = _git("rev-parse", "--show-toplevel")
    if top is None or Path(top) != ROOT:
        return False
    return _git("ls-files", "--error-unmatch", *OUR_FILES) is not None


def _git(*words: str) -> str | None:
    """Return what git prints, or None where there is no git or no checkout."""
    # A hook of git's sets variables that name the repository of the hook.
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        process = subprocess.run(
            ["git", "--no-optional-locks", *words],
            cwd=ROOT,
            env=variables,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return process.stdout.strip()


def _processor() -> str:
    """Return the processor's model name, on Linux from /proc/cpuinfo."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()


def peak_memory() -> int:
    """Return the peak resident memory of this process in bytes, on Linux.

    The peak that getrusage reports is no use: a child process inherits its parent's.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024
