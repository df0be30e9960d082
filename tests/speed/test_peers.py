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


def test_medical_toolkits_give_the_rows_of_the_plain_way(tmp_path):
    random = np.random.default_rng(0)
    maps = [random.integers(0, 256, (50, 70), np.uint8) for _ in range(5)]
    rows = {}
    for name, peer in peers.row_peers().items():
        paths = [peer.write(tmp_path / f"{n}{peer.ending}", map) for n, map in enumerate(maps)]
        rows[name] = peer.row("car", paths)
    assert set(rows.values()) == {f"car,{peers.mean_text(maps)}"}
    if peers.installed("monai"):
        masks = [
            peers.write_picture(tmp_path / f"{n}.png", 255 * (map // 128))
            for n, map in enumerate(maps)
        ]
        assert peers.vote_by_monai(masks) == peers.vote_text(masks)
