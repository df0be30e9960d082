"""The database of a map store."""

import zlib

from bench.masks.database import checksum_of


def test_checksums_are_those_of_stores_written_before():
    assert checksum_of("a_01", 2, 3, b"frame") == zlib.crc32(b"a_01 2 3frame")
