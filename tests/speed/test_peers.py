"""Peers: their text is Kaggle's."""

import numpy as np

from bench.masks import rle
from bench.speed import peers


def test_the_peers_text_is_kaggle_s():
    mask = np.zeros((5, 7), bool)
    mask[1:4, 2:5] = True
    text = rle.encode(mask)
    assert peers.encode(mask) == peers.encode_in_place(mask) == text
    if peers.installed("pycocotools"):
        noise = np.random.default_rng(0).random((50, 70)) > 0.5
        assert peers.encode_coco(noise) == rle.encode(noise)
    np.testing.assert_array_equal(peers.decode(text, (5, 7)), mask)
