"""The code, libraries and machine that made a result."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

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
        "clean_tree": _git("status", "--porcelain") == "",
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
    """Return the commit of the checkout, or "unknown" outside of one."""
    return _git("rev-parse", "HEAD") or "unknown"


def _git(*words: str) -> str | None:
    """Return what git prints, or None where there is no git or no checkout."""
    checkout = Path(__file__).parent
    try:
        process = subprocess.run(
            ["git", *words], cwd=checkout, capture_output=True, text=True, check=True
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
