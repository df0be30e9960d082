"""Split a map into the bit planes of its Gray code, and join them."""

from bench.masks.compiled.jit import kernel
from bench.masks.compiled.vectors import BLOCK, bytes_at_least, planes_at, write_planes
from bench.masks.compiled.words import count_ones


@kernel
def count_shades(pixels):  # type: ignore[no-untyped-def]
    """Count the pixels that are neither 0 nor 255, but for those in an incomplete last block."""
    count = 0
    for place in range(0, pixels.size - BLOCK + 1, BLOCK):
        address = pixels.ctypes.data
        count += count_ones(
            bytes_at_least(address, place, 1) & ~bytes_at_least(address, place, 255)
        )
    return count


@kernel
def split_planes(pixels, planes):  # type: ignore[no-untyped-def]
    """Write the bit planes of the pixels' Gray code, value ^ value >> 1, the lowest first."""
    for block in range(planes.shape[1]):
        bits = planes_at(pixels.ctypes.data, block * BLOCK)
        for plane in range(7):
            planes[plane, block] = bits[plane] ^ bits[plane + 1]
        planes[7, block] = bits[7]


@kernel
def join_planes(planes, pixels):  # type: ignore[no-untyped-def]
    """Undo `split_planes`."""
    for block in range(planes.shape[1]):
        a7 = planes[7, block]
        a6 = a7 ^ planes[6, block]
        a5 = a6 ^ planes[5, block]
        a4 = a5 ^ planes[4, block]
        a3 = a4 ^ planes[3, block]
        a2 = a3 ^ planes[2, block]
        a1 = a2 ^ planes[1, block]
        a0 = a1 ^ planes[0, block]
        write_planes(pixels.ctypes.data, block * BLOCK, (a0, a1, a2, a3, a4, a5, a6, a7))
