"""Switches of libraries that hold for a whole process: each is set here and nowhere else.

The command line sets them once, when it starts, before any thread runs. Nothing deeper in the
program may: a caller could not undo such a switch, and a library that reads the environment in one
thread while another thread writes it can crash.
"""

import os
from pathlib import Path

WEIGHTS_DIR = "CARVANA_WEIGHTS"  # as in models.encoders, whose import would load torch


def set_environment(weights_dir: Path | None) -> None:
    """Set the environment variables that libraries and worker processes read.

    Args:
        weights_dir: folder of pretrained weights; None leaves the user's variable as it is.
    """
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # or its import asks the network
    if weights_dir:
        os.environ[WEIGHTS_DIR] = str(weights_dir)


def keep_compiled_code_in(folder: Path) -> None:
    """Have `torch.compile` keep its machine code in a folder of this process.

    Machine code of an earlier process would make compiling look faster than it is. Only the
    environment tells torch the folder.
    """
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(folder)


def use_one_opencv_thread() -> None:
    """Have every call of OpenCV use its caller's thread alone.

    A run spreads photographs over `--jobs` threads or over a loader's worker processes: threads
    within one photograph would only compete with those.
    """
    import cv2

    cv2.setNumThreads(1)


def use_cudnn_benchmark() -> None:
    """Have cuDNN time its algorithms on a network's first batch and keep the fastest.

    That pays because the sizes of a network's inputs never change.
    """
    import torch

    torch.backends.cudnn.benchmark = True


def keep_uploads_in_memory(max_bytes: int) -> None:
    """Have the web server keep uploads of up to `max_bytes` in memory: none touches a disk."""
    from starlette.formparsers import MultiPartParser

    MultiPartParser.spool_max_size = max_bytes
