"""What this machine has: versions, devices, memory, disk, data, weights."""

import sys
from pathlib import Path
from typing import Any

import torch

from bench.kaggle.client import client_path
from bench.own.opening import open_data
from bench.system.device import best_precision, free_ram
from bench.system.disk import free_bytes
from bench.system.environment import environment, home, installed
from bench.system.errors import BenchError, Missing
from models.pretrained import WEIGHTS_DIR, weights_folder

OPENCV = "opencv-python-headless"  # albumentations needs this one; it has no windows, nor needs any
OTHER_OPENCV = ("opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless")


def examine(data: Path, runs: Path) -> dict[str, Any]:
    """Collect what the report of a problem should say, as JSON can hold it."""
    return {
        **environment(),
        "home": str(home()),
        "opencv": _opencv(),
        "devices": _devices(),
        "memory_free_gb": round(free_ram() / 1e9, 1),
        "disk_free_gb": round(free_bytes(runs.absolute()) / 1e9, 1),
        "data": _data(data),
        "weights": _weights(),
        "kaggle_client": _kaggle(),
    }


def _opencv() -> str:
    """Say which of OpenCV's packages is there; two overwrite each other's files in `cv2`."""
    others = [name for name in OTHER_OPENCV if installed(name)]
    if not others:
        return OPENCV
    pip = f"{sys.executable} -m pip"
    return (
        f"{OPENCV} and {' and '.join(others)} write the same folder, cv2, and break each other: "
        f"{pip} uninstall -y {OPENCV} {' '.join(others)} && {pip} install {OPENCV}"
    )


def _kaggle() -> str:
    try:
        return client_path()
    except Missing as error:
        return str(error)


def _devices() -> list[str]:
    cards = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    bf16 = best_precision(torch.device("cpu")) == "bf16"
    precision = "bf16" if bf16 else "fp32 only: no bf16 instructions"
    return [*cards, f"cpu ({torch.get_num_threads()} threads, {precision})"]


def _data(root: Path) -> str:
    try:
        data = open_data(root)
    except BenchError as error:
        return str(error)
    return f"{root}: {len(data.train)} training and {len(data.test)} test photographs"


def _weights() -> str:
    folder = weights_folder()
    if not folder:
        return f"{WEIGHTS_DIR} is not set: pretrained weights come from the hub"
    files = sorted(path.name for path in folder.glob("*.safetensors"))
    return f"{folder}: {', '.join(files) or 'no safetensors files'}"
