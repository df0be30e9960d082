"""Find how many images of a batch fit into memory at once, before a training starts.

An accelerator says when its memory is full, so there the batch is tried, and halved until it fits.
A machine's own memory ends the process instead, so there steps of two images and of three are
measured, and the batch is extrapolated. Batches of one are not tried there: some batch norms fail
on them.
"""

from collections.abc import Callable
from pathlib import Path

import psutil
import torch

from bench.config.recipe import Recipe
from bench.masks.types import Size, size_name
from bench.system.device import enough_memory, free_ram, refused_beyond_free_ram
from bench.system.environment import peak_memory
from bench.system.process import give_memory_back
from bench.system.progress import say

FEW = 2  # images of the smaller step that is measured
SHARE = 0.8  # of the free memory, for the batch; caches and validation need some, too
RESET = Path("/proc/self/clear_refs")

TrainingStep = Callable[[int], object]  # a whole training step of so many images
Smaller = Callable[[int], int]  # the next smaller number of images to try, or the same


def split_batch(batch: int, at_once: int, fewest: int) -> list[int]:
    """Return how many images each micro-batch has: `at_once`, and the last one the rest.

    Where the rest would be less than `fewest`, the sizes differ by at most one image.

    >>> split_batch(7, 3, 1), split_batch(7, 3, 2)
    ([3, 3, 1], [3, 2, 2])
    """
    full, rest = divmod(batch, at_once)
    if not rest:
        return [at_once] * full
    if rest >= fewest:
        return [at_once] * full + [rest]
    small, larger = divmod(batch, full + 1)
    return [small + 1] * larger + [small] * (full + 1 - larger)


def next_smaller(images: int, batch: int, fewest: int) -> int:
    """Return half of so many images at once, or a few more; as many where fewer cannot be learned.

    >>> next_smaller(8, 8, 1), next_smaller(5, 5, 2), next_smaller(3, 5, 2)
    (4, 3, 3)
    """
    smaller = max(fewest, images // 2)
    while smaller < images and min(split_batch(batch, smaller, fewest)) < fewest:
        smaller += 1
    return smaller


def find_micro_batch(
    step: TrainingStep, recipe: Recipe, size: Size, device: torch.device, fewest: int = 1
) -> int:
    """Return the whole batch where it fits into memory, else the largest half, quarter ... of it.

    Args:
        size: of the images, which gradual training makes smaller than the recipe's.
        fewest: images from which the network can learn at once.

    Raises:
        BenchError: not even the smallest step fits.
    """
    cuda = device.type == "cuda"
    tried = fewest if cuda else FEW + 1  # the smallest step

    def smaller(images: int) -> int:
        return max(1 if cuda else FEW, next_smaller(images, recipe.batch, fewest))

    fewer = next_smaller(tried, recipe.batch, fewest)
    with enough_memory(recipe.name, tried, size, fewer), refused_beyond_free_ram(device):
        find = halve_until_it_fits if cuda else extrapolate_from_two
        images, how = find(step, recipe.batch, smaller)
    whole = images == recipe.batch
    share = "the whole batch" if whole else f"{images} of a batch's {recipe.batch} images"
    say(f"{recipe.name}, {size_name(size)}: {share} at once ({how})")
    return images


def halve_until_it_fits(step: TrainingStep, batch: int, smaller: Smaller) -> tuple[int, str]:
    """Return how many images fit, tried from the whole batch down, and how that was found.

    Raises:
        torch.OutOfMemoryError: not even the fewest fit.
    """
    images = batch
    while not _fits(step, images, last=smaller(images) == images):
        images = smaller(images)
    return images, "tried"


def _fits(step: TrainingStep, images: int, last: bool) -> bool:
    try:
        step(images)
        return True
    except torch.OutOfMemoryError:
        if last:
            raise
    torch.cuda.empty_cache()  # out here, where the error no longer holds tensors
    return False


def extrapolate_from_two(step: TrainingStep, batch: int, smaller: Smaller) -> tuple[int, str]:
    """Return how many images fit, extrapolated from two steps, and the memory that says so."""
    if batch <= FEW or not RESET.exists():
        return batch, "not tried"
    give_memory_back()
    free, before = free_ram(), psutil.Process().memory_info().rss
    step(FEW)  # allocates what stays: gradients, the optimiser's averages
    few, more = _peak(step, FEW), _peak(step, FEW + 1)
    first, each = few - before, max(0, more - few)
    images = batch
    while smaller(images) < images and first + (images - FEW) * each > SHARE * free:
        images = smaller(images)
    needed = first + (images - FEW) * each
    return images, f"about {needed / 1e9:.1f} GB of {free / 1e9:.1f} GB free"


def _peak(step: TrainingStep, images: int) -> int:
    """Return the most bytes that this process holds during this step."""
    give_memory_back()
    RESET.write_text("5")  # forget the highest memory so far: man 5 proc
    step(images)
    return peak_memory()
