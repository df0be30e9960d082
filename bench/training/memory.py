"""How many images of a batch may be in memory at once: tried before a training starts.

An accelerator says when its memory is full, so there the batch is tried, and halved until it fits.
A machine's own memory ends the process instead, so there steps of two images and of three are
measured, and the batch is reckoned from them; of one, the batch norm of some networks cannot learn.
"""

import ctypes
from collections.abc import Callable
from pathlib import Path

import psutil
import torch

from bench.masks.types import Size
from bench.system.device import enough_memory
from bench.system.environment import peak_memory
from bench.system.progress import say

FEW = 2  # images of the smaller step that is measured
ROOM = 0.8  # of the memory that is free, for the batch: caches, validation and others take some
RESET = Path("/proc/self/clear_refs")

C = ctypes.CDLL(None)  # glibc keeps what is freed, the more so as setup.sh tells it to

Step = Callable[[int], object]  # a whole training step of so many images


def micro_batch_that_fits(
    step: Step, batch: int, device: torch.device, name: str, size: Size
) -> int:
    """The whole batch where it fits into memory, else the largest half, quarter ... that does.

    Args:
        name, size: of the recipe and of its images, for what is said.

    Raises:
        BenchError: not even the smallest step fits.
    """
    found, smallest = (_tried, 1) if device.type == "cuda" else (_reckoned, FEW + 1)
    with enough_memory(name, smallest, size):
        images, why = found(step, batch)
    share = "the whole batch" if images == batch else f"{images} of a batch's {batch} images"
    say(f"{name}, {size[0]}x{size[1]}: {share} at once ({why})")
    return images


def _tried(step: Step, batch: int) -> tuple[int, str]:
    images = batch
    while not _fits(step, images):
        images //= 2
    return images, "tried"


def _fits(step: Step, images: int) -> bool:
    try:
        step(images)
        return True
    except torch.OutOfMemoryError:
        if images == 1:
            raise
    torch.cuda.empty_cache()  # out here, where the error no longer holds tensors
    return False


def _reckoned(step: Step, batch: int) -> tuple[int, str]:
    if batch <= FEW or not RESET.exists():
        return batch, "not tried"
    C.malloc_trim(0)
    free, before = psutil.virtual_memory().available, psutil.Process().memory_info().rss
    step(FEW)  # what stays is there from now on: gradients, the optimiser's averages
    few, more = _peak(step, FEW), _peak(step, FEW + 1)
    first, each = few - before, max(0, more - few)
    images = batch
    while images > FEW and first + (images - FEW) * each > ROOM * free:
        images = max(FEW, images // 2)
    needed = first + (images - FEW) * each
    return images, f"about {needed / 1e9:.1f} GB of {free / 1e9:.1f} GB free"


def _peak(step: Step, images: int) -> int:
    """The most bytes that this process holds during a step, memory of earlier ones given back."""
    C.malloc_trim(0)
    RESET.write_text("5")  # forget the highest memory so far: man 5 proc
    step(images)
    return peak_memory()
