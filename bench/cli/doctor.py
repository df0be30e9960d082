"""What this machine has: versions, devices, memory, disk, data, weights."""

import os
import shutil
from pathlib import Path
from typing import Any

import torch

from bench.data.carvana import open_folder
from bench.kaggle.client import client_path
from bench.system.device import best_precision, free_ram
from bench.system.environment import environment
from bench.system.errors import BenchError, Missing
from models.encoders import WEIGHTS_DIR


def examine(data: Path, runs: Path) -> dict[str, Any]:
    """Collect what the report of a problem should say, as JSON can hold it."""
    return {
        **environment(),
        "devices": _devices(),
        "memory_free_gb": round(free_ram() / 1e9, 1),
        "disk_free_gb": round(shutil.disk_usage(_existing(runs)).free / 1e9, 1),
        "data": _data(data),
        "weights": _weights(),
        "kaggle_client": _kaggle(),
    }


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
        data = open_folder(root)
    except BenchError as error:
        return str(error)
    return f"{root}: {len(data.train)} training and {len(data.test)} test photographs"


def _weights() -> str:
    folder = os.environ.get(WEIGHTS_DIR)
    if not folder:
        return f"{WEIGHTS_DIR} is not set: pretrained weights come from the hub"
    files = sorted(path.name for path in Path(folder).glob("*.safetensors"))
    return f"{folder}: {', '.join(files) or 'no safetensors files'}"


def _existing(path: Path) -> Path:
    """Return the path, or the nearest folder above the path that exists."""
    return path if path.exists() else _existing(path.absolute().parent)
