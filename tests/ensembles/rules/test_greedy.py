"""Greedy selection is Caruana's."""

import numpy as np
import pytest

from bench.ensembles.rules import greedy
from tests.planted import POOL, WITH_BAD, dice_of, fit, score


@pytest.mark.parametrize("rule", ["greedy", "weights_dice"])
@pytest.mark.parametrize("pool", [POOL, WITH_BAD, POOL[:1]], ids=["four", "with bad", "one image"])
def test_in_sample_no_single_member_is_better(rule, pool):
    found = score(fit(rule, pool), pool)
    singles = [np.mean([dice_of(maps[m], truth) for maps, truth in pool]) for m in range(4)]
    assert found >= max(singles)
    if rule == "weights_dice":
        assert found >= score({"rule": "threshold", "threshold": 128}, pool)


def test_greedy_is_caruanas_selection(monkeypatch):
    monkeypatch.setattr(greedy, "ADDITIONS", 4)
    chosen, history = [], []
    for _ in range(4):
        scored = []
        for added in range(4):
            weights = np.bincount([*chosen, added], minlength=4).tolist()
            scored.append(score({"rule": "greedy", "weights": weights}, POOL))
        chosen.append(int(np.argmax(scored)))
        history.append(max(scored))
    best = chosen[: int(np.argmax(history)) + 1]
    assert fit("greedy", POOL)["weights"] == np.bincount(best, minlength=4).tolist()
