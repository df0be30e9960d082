"""Packed maps: exact for every shape, and two ways to pack that only differ in bytes."""

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from bench.masks import packing


def gray_planes(pixels):
    """The definition: bit k of value ^ value >> 1 for every pixel, lowest plane first."""
    padded = np.zeros(-(-pixels.size // 64) * 64, np.uint8)
    padded[: pixels.size] = pixels.reshape(-1)
    code = padded ^ (padded >> 1)
    return b"".join(np.packbits((code >> bit) & 1, bitorder="little").tobytes() for bit in range(8))


@given(
    st.one_of(
        arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=140)),
        arrays(np.uint8, st.just((13, 77)), elements=st.sampled_from([0, 255])),
        arrays(np.uint8, st.just((13, 77)), elements=st.integers(0, 5)),
        arrays(np.uint8, st.just((6, 64))),  # planes without padding
    )
)
def test_a_map_survives(map):
    packed = packing.pack(map)
    unpacked = np.empty_like(map)
    packing.unpack(packed, unpacked)
    np.testing.assert_array_equal(unpacked, map)
    if packed.startswith(packing.PLANES):
        planes = zstandard.ZstdDecompressor().decompress(packed[len(packing.PLANES) :])
        assert planes == gray_planes(map)
    else:
        assert zstandard.ZstdDecompressor().decompress(packed) == map.tobytes()


@pytest.mark.parametrize(("share", "planes"), [(0.0, False), (0.1, False), (0.15, True), (1, True)])
def test_noise_goes_by_planes_and_clean_maps_do_not(share, planes):
    random = np.random.default_rng(0)
    map = np.where(random.random((64, 640)) < share, 3, 255).astype(np.uint8)
    assert packing.pack(map).startswith(packing.PLANES) == planes


def test_planes_are_smaller_on_noise():
    noise = np.clip(np.random.default_rng(0).normal(2, 2, (320, 480)), 0, 255).astype(np.uint8)
    plain = zstandard.ZstdCompressor(level=packing.ZSTD_LEVEL).compress(noise.tobytes())
    assert len(packing.pack(noise)) < len(plain)
