"""Words of 64 pixels, bit p for pixel p; the compiler makes an instruction of each loop here."""

import numpy as np

from bench.masks.compiled.jit import inlined

ONE = np.uint64(1)


@inlined
def count_ones(word):  # type: ignore[no-untyped-def]
    """How many bits of a uint64 are set."""
    count = 0
    while word:
        word &= word - ONE
        count += 1
    return count


@inlined
def lowest_bit(word):  # type: ignore[no-untyped-def]
    """Position of the lowest set bit of a uint64 that has one."""
    return count_ones(~word & (word - ONE))
