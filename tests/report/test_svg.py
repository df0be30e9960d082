"""Drawings: labels keep their order and their distance."""

import numpy as np

from bench.report.svg import spread_apart


def test_labels_keep_their_order_and_distance():
    wanted = np.random.default_rng(0).uniform(0, 100, 9)
    moved = spread_apart(wanted, 13)
    assert (np.argsort(moved) == np.argsort(wanted)).all()
    assert np.diff(np.sort(moved)).min() >= 13 - 1e-9
