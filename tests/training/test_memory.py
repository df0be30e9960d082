"""How many images fit into memory: halved until they do on a card, reckoned on a CPU."""

import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import torch

from bench.system.errors import BenchError
from bench.training.memory import RESET, find_micro_batch
from tests.tiny import HOME, RECIPE

CARD, CPU = torch.device("cuda"), torch.device("cpu")
SIZE, MB = (32, 48), 1_000_000


def in_batches_of(images):
    return RECIPE.model_copy(update={"batch": images})


def holds(limit, tried):
    """A step that runs out of memory with more than `limit` images."""

    def step(images):
        tried.append(images)
        if images > limit:
            raise torch.OutOfMemoryError("CUDA out of memory")

    return step


@pytest.mark.parametrize(
    ("limit", "tries"), [(8, [8]), (7, [8, 4]), (3, [8, 4, 2]), (1, [8, 4, 2, 1])]
)
def test_a_card_s_batch_is_halved_until_it_fits(limit, tries):
    tried = []
    assert find_micro_batch(holds(limit, tried), in_batches_of(8), SIZE, CARD) == tries[-1]
    assert tried == tries


def test_a_card_too_small_for_one_image_says_so():
    with pytest.raises(BenchError, match="1 image of 32x48 at once; lower `size`"):
        find_micro_batch(holds(0, []), in_batches_of(8), SIZE, CARD)


def takes_40_mb(images):
    np.ones(images * 40 * MB, np.uint8)


@pytest.mark.skipif(not RESET.exists(), reason="no /proc here")
@pytest.mark.parametrize(
    ("free_mb", "fitting"),
    [(1000, 8), (300, 4), (160, 2)],
    ids=["320 of 800", "160 of 240", "80 of 128"],
)
def test_a_cpu_s_batch_is_reckoned_from_two_images_and_three(free_mb, fitting, monkeypatch, capsys):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=free_mb * MB))
    assert find_micro_batch(takes_40_mb, in_batches_of(8), SIZE, CPU) == fitting
    share = "the whole batch" if fitting == 8 else f"{fitting} of a batch's 8 images"
    assert f"it, 32x48: {share} at once (about 0." in capsys.readouterr().err


TOO_SMALL = """
from types import SimpleNamespace
import psutil
from tests.training.test_memory import CPU, MB, SIZE, find_micro_batch, in_batches_of, takes_40_mb
psutil.virtual_memory = lambda: SimpleNamespace(available=60 * MB)
psutil.swap_memory = lambda: SimpleNamespace(free=0)
find_micro_batch(takes_40_mb, in_batches_of(8), SIZE, CPU)
"""


@pytest.mark.slow
@pytest.mark.skipif(not RESET.exists(), reason="no /proc here")
def test_a_machine_too_small_for_the_steps_that_are_measured_says_so():
    """In a process of its own, whose allocator keeps no memory of tests before."""
    variables = {key: value for key, value in os.environ.items() if not key.startswith("MALLOC_")}
    words = [sys.executable, "-c", TOO_SMALL]
    done = subprocess.run(words, cwd=HOME, env=variables, capture_output=True, text=True)
    assert "3 images of 32x48 at once; use --micro-batch 1" in done.stderr


def test_the_smallest_batches_are_not_tried_on_a_cpu():
    assert find_micro_batch(holds(0, []), in_batches_of(2), SIZE, CPU) == 2
