"""Buffers that a thread reuses: one a thread and owner, never of another size or dtype."""

import threading

import numpy as np

from bench.masks import scratch
from bench.masks.scratch import Scratch


def test_the_same_memory_is_handed_out_for_the_same_size_and_kind():
    memory = Scratch()
    first = memory.array((3, 5), np.uint8)
    assert memory.array((3, 5), np.uint8) is first
    for size, kind in (((5, 3), np.uint8), ((3, 5), np.float32)):
        other = memory.array(size, kind)
        assert other.shape == size and other.dtype == kind and not np.shares_memory(first, other)


def test_threads_and_owners_do_not_share_memory():
    memory, arrays = Scratch(), []
    thread = threading.Thread(target=lambda: arrays.append(memory.array((3, 5), np.uint8)))
    thread.start()
    thread.join()
    arrays += [memory.array((3, 5), np.uint8), Scratch().array((3, 5), np.uint8)]
    for k in range(3):
        assert not np.shares_memory(arrays[k], arrays[k - 1])


def test_a_large_array_is_not_kept(monkeypatch):
    monkeypatch.setattr(scratch, "MAX_KEPT_BYTES", 14)
    memory = Scratch()
    assert memory.array((3, 5), np.uint8) is not memory.array((3, 5), np.uint8)
