"""The code, libraries and machine that made a result."""

import os
import platform
import subprocess
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[2]  # holds bench/ and models/
OUR_FILES = ("pyproject.toml", "bench/system/environment.py")  # tracked in a checkout of ours
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


def environment() -> dict[str, Any]:
    """Describe the commit, whether the tree was clean, the versions and the machine, for JSON."""
    return {
        "commit": commit(),
        "clean_tree": _is_checkout() and _git("status", "--porcelain") == "",
        "code_sha256": code_sha256(),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "machine": {
            "system": platform.platform(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        },
    }


def commit() -> str:
    """Return the commit of this project's own checkout, or "unknown" outside of one.

    An installed copy may lie inside somebody else's repository, whose commit says nothing of it.
    """
    return (_git("rev-parse", "HEAD") or "unknown") if _is_checkout() else "unknown"


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


def _is_checkout() -> bool:
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
