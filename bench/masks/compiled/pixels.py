"""The loops over the pixels of a map or mask, 64 at a time.

tests/masks/test_rle.py and tests/metrics/test_overlap.py hold the same definitions in plain Python.
"""

import numpy as np

from bench.masks.compiled.jit import inlined, kernel
from bench.masks.compiled.vectors import BLOCK, bytes_at_least, fetch, sums_at_least
from bench.masks.compiled.words import ONE, count_ones, lowest_bit

ALL = np.uint64(2**64 - 1)  # 64 pixels, every one of them
AHEAD = 12 * 1024  # bytes of all maps together that are fetched before they are used
STRETCHES = 6  # in which each map's share of them is fetched


@kernel
def find_changes(pixels, last_block, threshold, out):  # type: ignore[no-untyped-def]
    """Write the pixels where `value >= threshold` begins and ends; return how many there are.

    Changes that `out` has no place for are counted but not written.
    """
    inside = np.uint64(0)
    count = 0
    for place in range(0, pixels.size + 1, BLOCK):
        if place + BLOCK <= pixels.size:
            bits = bytes_at_least(pixels.ctypes.data, place, threshold)
        else:
            bits = bytes_at_least(last_block.ctypes.data, 0, threshold)
        count = _note_changes(bits, inside, place, out, count)
        inside = bits >> np.uint64(63)
    return count


@kernel
def find_changes_of_sum(images, last_blocks, size, weights, least, out):  # type: ignore[no-untyped-def]
    """As `find_changes`, where the weighted sum of several maps is at least `least`.

    The maps are fetched ahead of use: a processor that foresees reads by their instruction (Zen 5)
    sees one that jumps from map to map, and would wait for memory, more than twice as long.

    Args:
        images, last_blocks: addresses of the maps of `size` pixels, and of their last blocks.
        weights: uint16 or uint32, `least` alike; every sum must fit into that type.
    """
    inside = np.uint64(0)
    count = fetched = 0
    factors = weights.ctypes.data
    ahead = AHEAD // len(images) // BLOCK * BLOCK
    stretch = max(BLOCK, ahead // STRETCHES // BLOCK * BLOCK)
    for place in range(0, size + 1, BLOCK):
        if place == fetched:
            fetched += stretch
            for image in images:
                for line in range(place + ahead, fetched + ahead, BLOCK):
                    fetch(image + np.uint64(line))
        if place + BLOCK <= size:
            bits = sums_at_least(images.ctypes.data, factors, len(weights), place, least)
        else:
            bits = sums_at_least(last_blocks.ctypes.data, factors, len(weights), 0, least)
        count = _note_changes(bits, inside, place, out, count)
        inside = bits >> np.uint64(63)
    return count


@inlined
def _note_changes(bits, inside, place, out, count):  # type: ignore[no-untyped-def]
    """Write where one of 64 pixels differs from the pixel before; return the count so far."""
    changed = bits ^ ((bits << ONE) | inside)
    while changed:
        if count < out.size:
            out[count] = place + lowest_bit(changed)
        count += 1
        changed &= changed - ONE
    return count


@kernel
def count_pixels(predicted, truth):  # type: ignore[no-untyped-def]
    """Count the pixels of the intersection and of the two masks, flat uint8 of 0 and 1."""
    both = in_predicted = in_truth = 0
    whole = truth.size // BLOCK * BLOCK
    for place in range(0, whole, BLOCK):
        ours = bytes_at_least(predicted.ctypes.data, place, 1)
        theirs = bytes_at_least(truth.ctypes.data, place, 1)
        both += count_ones(ours & theirs)
        in_predicted += count_ones(ours)
        in_truth += count_ones(theirs)
    for pixel in range(whole, truth.size):
        both += predicted[pixel] & truth[pixel]
        in_predicted += predicted[pixel]
        in_truth += truth[pixel]
    return both, in_predicted, in_truth


@kernel
def joint_histogram(values, truth):  # type: ignore[no-untyped-def]
    """Count pixels by (part, truth, value): int64 (4, 2, 256), whose parts the caller adds up.

    Blocks of only 0 or only 255, most of a good map, cost next to nothing. Elsewhere the pixels go
    to the four parts in turn, because a single counter would wait for its own last addition.
    """
    parts = np.zeros((4, 2, 256), dtype=np.int64)
    whole = truth.size // BLOCK * BLOCK
    for place in range(0, whole, BLOCK):
        black = bytes_at_least(values.ctypes.data, place, 1) == 0
        if black or bytes_at_least(values.ctypes.data, place, 255) == ALL:
            inside = count_ones(bytes_at_least(truth.ctypes.data, place, 1))
            parts[0, 1, values[place]] += inside
            parts[0, 0, values[place]] += BLOCK - inside
        else:
            for pixel in range(place, place + BLOCK):
                parts[pixel % 4, truth[pixel], values[pixel]] += 1
    for pixel in range(whole, truth.size):
        parts[0, truth[pixel], values[pixel]] += 1
    return parts
