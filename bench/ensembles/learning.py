"""Ensemble rules with something to learn, fitted on held-out maps and applied to other cars.

    seen = [evidence(maps, truth, 8192, seed) for ... in images]  # each image once, for all rules
    parameters = fit("greedy", join(seen))
    map = rules.combine(parameters, maps)

The parameters are plain JSON: what a submission's sidecar shows is all a rule knows. Fit on cars
that trained none of the members, and report on cars that took no part in the fit either.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from bench.ensembles import disputed as contested
from bench.ensembles.disputed import Contested, mean_dice
from bench.ensembles.rules import Parameters, logits, mean, probabilities
from bench.masks.types import THRESHOLD, Floats, Map, Mask
from bench.metrics.overlap import counts_at_every_threshold

MODEL_SHARE = 8  # a model of few numbers is fitted to one eighth of the pixels
SURE = 3  # members all below 3, or all from 253 up, tell a model nothing new
ADDITIONS = 30  # greedy steps; the best prefix is kept
EQUAL = 64  # weight of each member at the start of the search by Dice
STEPS = (32, 16, 8, 4)  # and its changes: the last is about 1 % of the total of five members
SHARES = 1000  # likelihood weights are thousandths
CLOSE = 1e-4  # of the best likelihood per pixel (in nats), and of the coefficients of a model
MOST_ROUNDS = 500
RIDGE = 1.0  # pixels' worth of pull towards the mean logit: bounds what perfect members get


class Evidence(NamedTuple):
    """What images tell the rules that learn: a few pixels, whatever the size of the photographs."""

    decisive: Contested  # members' masks differ: what decides Dice
    unsure: Contested  # members are not all sure: what a model of probabilities is fitted to
    dice: Floats  # (images, 255): of the plain mean cut at 1..255


def evidence(maps: Sequence[Map], truth: Mask, limit: int, seed: int) -> Evidence:
    """What one image tells.

    Args:
        maps: the members' maps, uint8 (H, W); truth: bool (H, W).
        limit: of decisive pixels; a good ensemble disagrees on some 8,000. An eighth of it limits
            the unsure ones.
        seed: chooses them where there are more.

    Raises:
        TypeError, ValueError: as `contested.collect`.
    """
    generator = np.random.default_rng(seed)
    decisive = contested.collect(maps, truth, THRESHOLD, THRESHOLD, limit, generator)
    unsure = contested.collect(maps, truth, SURE, 256 - SURE, limit // MODEL_SHARE, generator)
    return Evidence(decisive, unsure, _dice_at_every_threshold(maps, truth)[None])


def join(parts: Sequence[Evidence]) -> Evidence:
    """What several images tell.

    Raises:
        ValueError: there is none, or their numbers of members differ.
    """
    if not parts:
        raise ValueError("no images: an ensemble cannot be fitted on nothing")
    decisive, unsure, dice = zip(*parts, strict=True)
    return Evidence(contested.join(decisive), contested.join(unsure), np.concatenate(dice))


def fit(rule: str, seen: Evidence) -> Parameters:
    """What a rule learns, ready for JSON and for `rules.combine`.

    - `greedy`: how often each member is chosen when, one at a time and with replacement, the
      member is added whose mean with those chosen before has the best mean Dice; the first of the
      best prefixes. (Caruana et al. 2004, https://doi.org/10.1145/1015330.1015432)
    - `weights_dice`: weights found by changing one at a time, in ever smaller steps, while mean
      Dice grows, from equal weights or the best single member, whichever is better.
    - `weights_likelihood`: weights under which the mean probability makes the truth most likely.
    - `threshold`: where to cut the plain mean for the best mean Dice; 128 if nothing is better.
    - `staple`: nothing. It estimates all it needs from the maps of an image.
    - `stacking`: intercept and coefficients of a logistic regression on the members' logits.
      (Wolpert 1992, https://doi.org/10.1016/S0893-6080(05)80023-1)

    Raises:
        KeyError: no such rule learns.
    """
    return {"rule": rule, **RULES[rule](seen)}


def _fit_greedy(seen: Evidence) -> Parameters:
    pixels = seen.decisive
    members = range(pixels.values.shape[1])
    chosen = [0] * len(members)
    best, best_dice = chosen, -1.0
    for _ in range(ADDITIONS):
        dice = mean_dice(pixels, chosen, members, [1] * len(members))
        added = int(dice.argmax())
        chosen = [times + (member == added) for member, times in enumerate(chosen)]
        if dice[added] > best_dice:
            best, best_dice = chosen, dice[added]
    return {"weights": best}


def _fit_weights_dice(seen: Evidence) -> Parameters:
    pixels = seen.decisive
    count = pixels.values.shape[1]
    starts = [[EQUAL] * count, *(np.eye(count, dtype=int) * EQUAL).tolist()]
    scores = [mean_dice(pixels, weights, [0], [0])[0] for weights in starts]
    weights, dice = starts[int(np.argmax(scores))], max(scores)
    for step in STEPS:
        while True:
            moves = [(m, change) for m in range(count) for change in (-step, step)]
            moves = [(m, c) for m, c in moves if weights[m] + c >= 0 and sum(weights) + c > 0]
            found = mean_dice(pixels, weights, *zip(*moves, strict=True))
            if found.max() <= dice:
                break
            member, change = moves[int(found.argmax())]
            weights = [w + change * (m == member) for m, w in enumerate(weights)]
            dice = found.max()
    return {"weights": [int(w) for w in np.array(weights) // np.gcd.reduce(weights)]}


def _fit_weights_likelihood(seen: Evidence) -> Parameters:
    """Expectation-maximisation of mixture weights: the likelihood grows with every round.

    At weights w a member's mean ratio of its likelihood to the mixture's is at most 1 + e if, and
    only if, no other weights have more than e nats a pixel: that is where it stops.
    """
    pixels = seen.unsure
    right = probabilities()[np.where(pixels.truth[:, None], pixels.values, 255 - pixels.values)]
    shares = pixels.weights / max(pixels.weights.sum(), 1)
    weights = np.full(right.shape[1], 1 / right.shape[1])
    for _ in range(MOST_ROUNDS):
        ratios = (shares / (right @ weights)) @ right
        if ratios.max() < 1 + CLOSE:
            break
        weights *= ratios
    return {"weights": _thousandths(weights)}


def _thousandths(weights: Floats) -> list[int]:
    """Whole numbers that add up to 1000, each within 1 of its share: largest remainders win."""
    exact = SHARES * weights / weights.sum()
    whole = np.floor(exact).astype(int)
    left = SHARES - whole.sum()
    whole[np.argsort(whole - exact, kind="stable")[:left]] += 1
    return [int(weight) for weight in whole]


def _dice_at_every_threshold(maps: Sequence[Map], truth: Mask) -> Floats:
    """(255,): Dice of the plain mean of one image cut at 1..255."""
    merged = mean(maps, [1] * len(maps))
    tp, fp, fn = counts_at_every_threshold(merged, truth)[1:].T.astype(float)
    sizes = 2 * tp + fp + fn
    dice: Floats = np.divide(2 * tp, sizes, out=np.ones(255), where=sizes > 0)
    return dice


def _fit_threshold(seen: Evidence) -> Parameters:
    dice = seen.dice.mean(axis=0)
    best = 1 + np.flatnonzero(dice >= dice.max() - 1e-12)
    return {"threshold": int(best[np.argmin(np.abs(best - THRESHOLD))])}


def _fit_nothing(seen: Evidence) -> Parameters:
    return {}


def _fit_stacking(seen: Evidence) -> Parameters:
    pixels = seen.unsure
    inputs = np.column_stack([np.ones(len(pixels.truth)), logits()[pixels.values]])
    coefficients = _logistic_regression(inputs, pixels)
    intercept, *slopes = (round(float(c), 4) for c in coefficients)
    return {"intercept": intercept, "coefficients": slopes}


def _logistic_regression(inputs: Floats, pixels: Contested) -> Floats:
    """Coefficients (columns,) by Newton's method; a step that makes things worse is halved.

    The first column is the intercept and feels (almost) no ridge. Pixels weigh 1 on average.
    """
    shares = pixels.weights / max(pixels.weights.sum(), 1) * len(pixels.truth)
    signs = np.where(pixels.truth, -1.0, 1.0)
    members = inputs.shape[1] - 1
    ridge = np.diag([1e-6] + [RIDGE] * members)
    mean_logit = np.array([0.0] + [1 / members] * members)

    def loss(c: Floats) -> float:
        pull = (c - mean_logit) @ ridge @ (c - mean_logit) / 2
        return float(shares @ np.logaddexp(0, signs * (inputs @ c)) + pull)

    found = mean_logit
    for _ in range(MOST_ROUNDS):
        car = 1 / (1 + np.exp(-(inputs @ found)))
        gradient = inputs.T @ (shares * (car - pixels.truth)) + ridge @ (found - mean_logit)
        curvature = inputs.T @ (inputs * (shares * car * (1 - car))[:, None]) + ridge
        step = np.linalg.solve(curvature, gradient)
        while loss(found - step) > loss(found) and np.abs(step).max() > CLOSE:
            step /= 2
        found = found - step
        if np.abs(step).max() < CLOSE:
            break
    return found


RULES: dict[str, Callable[[Evidence], Parameters]] = {
    "greedy": _fit_greedy,
    "weights_dice": _fit_weights_dice,
    "weights_likelihood": _fit_weights_likelihood,
    "threshold": _fit_threshold,
    "staple": _fit_nothing,
    "stacking": _fit_stacking,
}
