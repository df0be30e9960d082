"""Memory that a thread uses again: new pages cost more time than all that is done in them."""

import threading
from typing import Any, NewType

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bench.masks.types import Map, Size

LARGEST = 2**24  # bytes of an array whose memory a thread keeps: 3 times a photograph's float32

BorrowedMap = NewType("BorrowedMap", Map)  # the owner writes over it at this thread's next call


class Scratch(threading.local):
    """One array for each thread, which the thread's next call of `array` hands out again."""

    _kept: NDArray[Any] | None = None

    def array(self, size: Size, dtype: DTypeLike) -> NDArray[Any]:
        """An array (height, width) of a dtype, whose content is left from earlier use or random."""
        kept = self._kept
        if kept is None or kept.shape != size or kept.dtype != dtype:
            kept = np.empty(size, dtype)
            self._kept = kept if kept.nbytes <= LARGEST else None
        return kept
