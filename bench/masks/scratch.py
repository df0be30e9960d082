"""Buffers that a thread reuses: new memory pages cost more time than the work done in them."""

import threading
from typing import Any, NewType

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bench.masks.types import Map, Size

MAX_KEPT_BYTES = 2**24  # of an array that a thread keeps; 1.7 times a photograph's float32 map

BorrowedMap = NewType("BorrowedMap", Map)  # the owner writes over it at this thread's next call


class Scratch(threading.local):
    """One array for each thread: each call of `array` hands out the same one again."""

    _kept: NDArray[Any] | None = None

    def array(self, size: Size, dtype: DTypeLike) -> NDArray[Any]:
        """An array (height, width) of a dtype; it holds what the last use left, or anything."""
        kept = self._kept
        if kept is None or kept.shape != size or kept.dtype != dtype:
            kept = np.empty(size, dtype)
            self._kept = kept if kept.nbytes <= MAX_KEPT_BYTES else None
        return kept
