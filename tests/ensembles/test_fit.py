"""Learned rules find planted answers, agree with brute force, and never keep the maps they read."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import gaussian_filter
from scipy.optimize import minimize

from bench.ensembles import disputed
from bench.ensembles.arithmetic import mean
from bench.ensembles.evidence import SURE, evidence, join
from bench.ensembles.fit import fit_rule
from bench.ensembles.rules import RULES, greedy
from bench.ensembles.rules.staple import staple
from bench.ensembles.rules.threshold import stretch_table
from bench.ensembles.rules.weights import TOTAL
from bench.metrics.overlap import counts, dice
from tests.tiny import combine

LEARNED = [name for name, rule in RULES.items() if rule.learns]
SIZE = (48, 70)
BLUR = (1, 1, 1.5, 1.5)  # of each member's map, in pixels
NOISE = (1.5, 2, 2, 3)  # of each member's logits


def samples(images, seed=0, bad=False):
    """Members' maps and truth of blobs; `bad` adds a member that is mostly noise, in the middle."""
    found = []
    for image in range(images):
        generator = np.random.default_rng([seed, image])
        hidden = gaussian_filter(generator.normal(size=SIZE), 6)
        truth = hidden > np.quantile(hidden, 0.7)
        maps = [member(truth, *each, generator) for each in zip(BLUR, NOISE, strict=True)]
        if bad:
            maps.insert(2, member(truth, 8, 8, generator))
        found.append((maps, truth))
    return found


def member(truth, blur, noise, generator):
    wobble = gaussian_filter(generator.normal(size=SIZE), 2)
    logit = 8 * (gaussian_filter(truth.astype(float), blur) - 0.5) + noise * wobble / wobble.std()
    return np.round(255 / (1 + np.exp(-logit))).astype(np.uint8)


def score(parameters, pool):
    return float(np.mean([dice_of(combine(parameters, maps), truth) for maps, truth in pool]))


def dice_of(map, truth):
    return dice(counts(map >= 128, truth))


def collected(pool, low, high, limit):
    """Disputed pixels of all images."""
    generator = np.random.default_rng(0)
    return disputed.join([disputed.collect(*each, low, high, limit, generator) for each in pool])


def fit(rule, pool):
    return fit_rule(rule, [evidence(*each, 8192, seed) for seed, each in enumerate(pool)])


POOL, OTHERS, WITH_BAD = samples(12), samples(12, seed=1), samples(12, bad=True)


@given(
    st.lists(
        st.tuples(st.tuples(*[arrays(np.uint8, (2, 3))] * 3), arrays(bool, (2, 3))),
        min_size=1,
        max_size=4,
    ),
    st.tuples(*[st.integers(0, 9)] * 3),
)
def test_dice_from_disputed_pixels_is_exact(pool, weights):
    pixels = collected(pool, 128, 128, 100)
    found = disputed.mean_dice(pixels, weights, (0, 1, 2), (1, 2, 3))
    for change in range(3):
        changed = np.array(weights) + (change + 1) * np.eye(3, dtype=int)[change]
        each = [dice_of(mean(maps, changed.tolist()), truth) for maps, truth in pool]
        assert found[change] == pytest.approx(np.mean(each))


def test_dice_from_some_of_the_disputed_pixels_is_close():
    exact, estimate = (
        disputed.mean_dice(collected(POOL, 128, 128, limit), [1] * 4, [0], [0])[0]
        for limit in (10**6, 100)
    )
    assert estimate == pytest.approx(exact, abs=0.01)


def test_evidence_is_small_and_none_of_it_is_the_photographs():
    maps, truth = WITH_BAD[0]
    seen = evidence(maps, truth, limit=80, seed=0)
    assert seen.disputed.values.shape == (80, 5)
    assert seen.unsure.values.shape == (10, 5)
    parts = [part for pixels in seen[:2] for part in vars(pixels).values()]
    assert not any(np.shares_memory(part, each) for part in parts for each in [*maps, truth])


@pytest.mark.parametrize("rule", LEARNED)
def test_parameters_are_json_and_the_same_for_the_same_seed(rule):
    fitted = fit(rule, POOL)
    assert fit(rule, POOL) == fitted
    assert json.loads(json.dumps(fitted)) == fitted
    merged = combine(fitted, OTHERS[0][0])
    assert merged.dtype == np.uint8
    assert merged.shape == SIZE


@pytest.mark.parametrize("rule", LEARNED)
def test_sure_and_unanimous_members_are_believed(rule):
    fitted = fit(rule, POOL)
    for value in (0, 255):
        unanimous = [np.full((4, 6), value, dtype=np.uint8)] * 4
        assert ((combine(fitted, unanimous) >= 128) == (value == 255)).all()


@pytest.mark.parametrize("rule", LEARNED)
def test_members_that_never_differ_leave_nothing_to_learn(rule):
    truth = POOL[0][1]
    same = [truth * np.uint8(255)] * 3
    fitted = fit(rule, [(same, truth)])
    assert (combine(fitted, same) >= 128).tolist() == truth.tolist()


@pytest.mark.parametrize("rule", ["greedy", "weights_dice", "weights_likelihood"])
def test_a_planted_bad_member_is_dropped(rule):
    weights = fit(rule, WITH_BAD)["weights"]
    assert weights[2] <= 0.05 * sum(weights)
    assert max(weights) < sum(weights)


@pytest.mark.parametrize("rule", ["greedy", "weights_dice", "stacking"])
def test_learning_pays_on_images_that_took_no_part(rule):
    plain = {"rule": "threshold", "threshold": 128}
    fitted = fit(rule, WITH_BAD)
    others = samples(12, seed=1, bad=True)
    assert score(fitted, others) > score(plain, others) + 0.001


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


def test_weights_by_likelihood_are_the_most_likely_ones():
    pool = samples(6, bad=True)
    pixels = collected(pool, SURE, 256 - SURE, 1024)
    p = np.clip(pixels.values, 0.5, 254.5) / 255
    right = np.where(pixels.truth[:, None], p, 1 - p)

    def loss(weights):
        return -np.average(np.log(right @ weights), weights=pixels.weights)

    best = minimize(
        loss,
        np.full(5, 0.2),
        method="SLSQP",
        bounds=[(0, 1)] * 5,
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1},
    )
    weights = fit("weights_likelihood", pool)["weights"]
    assert sum(weights) == TOTAL
    assert loss(np.array(weights) / TOTAL) == pytest.approx(best.fun, abs=2e-4)


def test_threshold_is_the_best_of_all():
    # members that are too sure of the car: what is car lies above 180, not above 128
    def too_bright(maps):
        return [np.interp(map, [0, 128, 255], [0, 180, 255]).astype(np.uint8) for map in maps]

    pool = [(too_bright(maps), truth) for maps, truth in POOL]
    found = fit("threshold", pool)["threshold"]
    table = np.mean(
        [
            [dice(counts(mean(maps, [1] * 4) >= t, truth)) for t in range(1, 256)]
            for maps, truth in pool
        ],
        axis=0,
    )
    assert table[found - 1] == pytest.approx(table.max())
    assert score({"rule": "threshold", "threshold": found}, pool) == pytest.approx(table.max())
    assert table.max() > table[127] + 0.001


@pytest.mark.parametrize("threshold", [1, 2, 100, 128, 129, 254, 255])
def test_moving_a_threshold_to_128_keeps_the_order_of_values(threshold):
    moved = stretch_table(threshold).astype(int)
    assert (np.diff(moved) >= 0).all()
    assert ((moved >= 128) == (np.arange(256) >= threshold)).all()
    assert (moved[0], moved[255]) == (0, 255)
    if threshold == 128:
        assert moved.tolist() == list(range(256))


def brute_force_staple(decisions):
    """Warfield's expectation-maximisation with every pixel (N, K) on its own: probabilities."""
    prior = decisions.mean()
    p = q = np.full(decisions.shape[1], 0.99999)
    for _ in range(1000):
        car = prior * np.where(decisions, p, 1 - p).prod(axis=1)
        not_car = (1 - prior) * np.where(decisions, 1 - q, q).prod(axis=1)
        posterior = car / (car + not_car)
        before = p, q
        p = (posterior[:, None] * decisions).sum(axis=0) / posterior.sum()
        q = ((1 - posterior)[:, None] * ~decisions).sum(axis=0) / (1 - posterior).sum()
        if max(abs(p - before[0]).max(), abs(q - before[1]).max()) < 1e-8:
            break
    return posterior


@pytest.mark.parametrize("pool", [POOL, WITH_BAD], ids=["four members", "five, one bad"])
def test_staple_equals_expectation_maximisation_on_all_pixels(pool):
    for maps, _ in pool[:4]:
        expected = brute_force_staple(np.stack([m.ravel() >= 128 for m in maps], axis=1))
        assert np.abs(staple(maps).ravel() - 255 * expected).max() <= 0.51


def test_staple_trusts_two_good_members_against_three_bad_ones():
    generator = np.random.default_rng(0)
    truth = POOL[0][1]
    masks = [truth ^ (generator.random(SIZE) < error) for error in (0.02, 0.02, 0.3, 0.3, 0.3)]
    maps = [mask * np.uint8(255) for mask in masks]
    vote = np.sum(masks, axis=0) >= 3
    assert dice_of(staple(maps), truth) > dice(counts(vote, truth)) + 0.03


def test_stacking_recovers_planted_coefficients():
    generator = np.random.default_rng(1)
    intercept, planted = -0.4, np.array([0.9, 0.5, 0.0])
    logits = np.log(
        np.clip(np.arange(256), 0.5, 254.5) / (255 - np.clip(np.arange(256), 0.5, 254.5))
    )
    pool = []
    for _ in range(40):
        maps = generator.integers(20, 236, (3, 20, 30)).astype(np.uint8)
        logit = intercept + np.tensordot(planted, logits[maps], 1)
        pool.append((list(maps), generator.random((20, 30)) < 1 / (1 + np.exp(-logit))))
    found = fit("stacking", pool)
    assert [found["intercept"], *found["coefficients"]] == pytest.approx(
        [intercept, *planted], abs=0.07
    )


def test_stacking_in_integers_is_the_sigmoid():
    maps = [np.repeat(np.arange(256, dtype=np.uint8)[None], 256, 0)]
    maps.append(maps[0].T.copy())
    p = np.clip(np.array(maps), 0.5, 254.5) / 255
    logit = 0.3 + np.tensordot([0.8, -0.2], np.log(p / (1 - p)), 1)
    found = combine({"rule": "stacking", "intercept": 0.3, "coefficients": [0.8, -0.2]}, maps)
    assert np.abs(found - 255 / (1 + np.exp(-logit))).max() < 0.8
    clear = np.abs(logit) > 1e-3
    assert ((found >= 128) == (logit >= 0))[clear].all()


def test_nothing_to_fit_on_is_refused():
    with pytest.raises(ValueError, match="no images"):
        join([])


def test_wrong_maps_are_refused():
    maps, truth = POOL[0]
    with pytest.raises(ValueError, match="dimension"):
        fit("greedy", [(maps, truth), (maps[:3], truth)])
    with pytest.raises(TypeError, match="uint8"):
        fit("greedy", [([map / 255 for map in maps], truth)])
    with pytest.raises(ValueError, match="shapes"):
        fit("stacking", [(maps, truth[1:])])
    for parameters in (
        {"rule": "greedy", "weights": [1, 2]},
        {"rule": "stacking", "intercept": 0, "coefficients": [1, 2]},
    ):
        with pytest.raises(ValueError, match="4 maps and 2"):
            combine(parameters, maps)
