"""Find how many images of a batch fit into memory at once, before a training starts.

An accelerator says when its memory is full, so there the batch is tried, and halved until it fits.
A machine's own memory ends the process instead, so there steps of two images and of three are
measured, and the batch is extrapolated. Batches of one are not tried: batch norm fails on them.
"""

import ctypes
from collections.abc import Callable
from pathlib import Path

import psutil
import torch

from bench.config.recipe import Recipe
from bench.masks.types import Size
from bench.system.device import enough_memory
from bench.system.environment import peak_memory
from bench.system.progress import say

FEW = 2  # images of the smaller step that is measured
SHARE = 0.8  # of the free memory, for the batch; caches and validation need some, too
RESET = Path("/proc/self/clear_refs")

TrainingStep = Callable[[int], object]  # a whole training step of so many images


def find_micro_batch(step: TrainingStep, recipe: Recipe, size: Size, device: torch.device) -> int:
    """Return the whole batch where it fits into memory, else the largest half, quarter ... of it.

    Args:
        size: of the images, which gradual training makes smaller than the recipe's.

    Raises:
        BenchError: not even the smallest step fits.
    """
    cuda = device.type == "cuda"
    with enough_memory(recipe.name, 1 if cuda else FEW + 1, size):
        images, how = (halve_until_it_fits if cuda else extrapolate_from_two)(step, recipe.batch)
    whole = images == recipe.batch
    share = "the whole batch" if whole else f"{images} of a batch's {recipe.batch} images"
    say(f"{recipe.name}, {size[0]}x{size[1]}: {share} at once ({how})")
    return images


def halve_until_it_fits(step: TrainingStep, batch: int) -> tuple[int, str]:
    """Return how many images fit, tried from the whole batch down, and how that was found.

    Raises:
        torch.OutOfMemoryError: not even one fits.
    """
    images = batch
    while not _fits(step, images):
        images //= 2
    return images, "tried"


def _fits(step: TrainingStep, images: int) -> bool:
    try:
        step(images)
        return True
    except torch.OutOfMemoryError:
        if images == 1:
            raise
    torch.cuda.empty_cache()  # out here, where the error no longer holds tensors
    return False


def extrapolate_from_two(step: TrainingStep, batch: int) -> tuple[int, str]:
    """Return how many images fit, extrapolated from two steps, and the memory that says so."""
    if batch <= FEW or not RESET.exists():
        return batch, "not tried"
    _give_memory_back()
    free, before = psutil.virtual_memory().available, psutil.Process().memory_info().rss
    step(FEW)  # allocates what stays: gradients, the optimiser's averages
    few, more = _peak(step, FEW), _peak(step, FEW + 1)
    first, each = few - before, max(0, more - few)
    images = batch
    while images > FEW and first + (images - FEW) * each > SHARE * free:
        images = max(FEW, images // 2)
    needed = first + (images - FEW) * each
    return images, f"about {needed / 1e9:.1f} GB of {free / 1e9:.1f} GB free"


def _peak(step: TrainingStep, images: int) -> int:
    """Return the most bytes that this process holds during this step."""
    _give_memory_back()
    RESET.write_text("5")  # forget the highest memory so far: man 5 proc
    step(images)
    return peak_memory()


def _give_memory_back() -> None:
    """Return freed memory to the system; glibc keeps it, more so with the settings of setup.sh."""
    ctypes.CDLL(None).malloc_trim(0)
