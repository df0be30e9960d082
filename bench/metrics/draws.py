"""Cars drawn with replacement, and cars whose differences change sign: what statistics.py counts.

Many tables are of the same cars, and the same seed gives the same draws.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bench.masks.types import Floats

RESAMPLES = 10_000  # the 2.5 % point of the bootstrap is then known to 0.16 percentage points
FLIPS = 99_999  # the smallest p is 1e-5: over the 4,950 pairs of 100 entries still below 0.05
FLIPS_PER_PAIR = 50  # larger tables flip more often, so that Holm can still reach 0.02
CARS_TO_ENUMERATE = 17  # up to here all 2**(cars - 1) flips are fewer than FLIPS
BLOCK_BYTES = 2**26  # draws come in blocks of this size


def all_flips(cars: int) -> bool:
    """Whether so few cars are flipped in all combinations, instead of in random ones."""
    return cars <= CARS_TO_ENUMERATE


def resamples(cars: int, seed: int) -> Iterable[Floats]:
    """Blocks (resamples, cars) of how often each car was drawn; a single block is remembered."""
    if _rows_of_a_block(cars) >= RESAMPLES:
        return [_only_block(cars, seed)]
    return _resample_blocks(cars, seed)


@lru_cache(maxsize=1)
def _only_block(cars: int, seed: int) -> Floats:
    (block,) = _resample_blocks(cars, seed)
    return block


def _resample_blocks(cars: int, seed: int) -> Iterator[Floats]:
    generator = np.random.default_rng(seed)
    rows = _rows_of_a_block(cars)
    for start in range(0, RESAMPLES, rows):
        count = min(rows, RESAMPLES - start)
        yield generator.multinomial(cars, np.full(cars, 1 / cars), size=count).astype(float)


def _rows_of_a_block(cars: int) -> int:
    return max(1, BLOCK_BYTES // (8 * cars))


def flipped_sums(sums: Floats, pairs: int, seed: int) -> Iterator[Floats]:
    """Blocks (entries, flips) of sums over the cars after flips of their signs.

    What eight cars add after each of their 256 flips is computed once and looked up.

    Args:
        sums: (entries, cars).
    """
    entries, cars = sums.shape
    eights = -(-cars // 8)
    padded = np.zeros((entries, 8 * eights))
    padded[:, :cars] = sums
    signs = 1.0 - 2.0 * np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)
    of_eight = padded.reshape(entries, eights, 8) @ signs.T  # (entries, eights, 256)
    for flips in _flip_blocks(cars, pairs, seed):
        total = np.zeros((entries, len(flips)))
        for place in range(eights):
            total += of_eight[:, place].take(flips[:, place], axis=1)
        yield total


def _flip_blocks(cars: int, pairs: int, seed: int) -> Iterator[NDArray[np.uint8]]:
    """Blocks (flips, bytes), a bit for each car: all flips that leave one car, or random ones."""
    if all_flips(cars):
        # flipping all cars leaves the absolute sum: half of the flips are enough
        flips = np.arange(2 ** (cars - 1))[:, None] >> np.arange(cars) & 1
        yield np.packbits(flips.astype(np.uint8), axis=1)
        return
    generator = np.random.default_rng(seed)
    rows = _rows_of_a_block(cars)
    left = max(FLIPS, FLIPS_PER_PAIR * pairs)
    while left > 0:
        drawn = generator.integers(0, 256, (min(rows, left), -(-cars // 8)), np.uint8)
        yield drawn
        left -= len(drawn)
