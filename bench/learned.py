"""Ensemble rules with something to learn, fitted on held-out maps and applied to other cars.

    parameters = fit("greedy", samples, seed)  # (maps, truth) of images, taken one at a time
    map = apply(parameters, maps)

The parameters are plain JSON: what a submission's sidecar shows is all a rule knows. Fit on cars
that trained none of the members, and report on cars that took no part in the fit either.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.contested import Contested, Sample, collect, mean_dice
from bench.metrics import counts_at_every_threshold
from bench.rle import THRESHOLD, Map
from bench.rules import mean
from bench.staple import staple

Parameters = dict[str, Any]
Floats = NDArray[np.float64]

DICE_PIXELS = 8192  # kept an image: more than the members of a good ensemble disagree on
MODEL_PIXELS = 1024  # kept an image where a model of few numbers is fitted to pixels
SURE = 3  # members all below 3, or all from 253 up, tell a model nothing new
ADDITIONS = 30  # greedy steps; the best prefix is kept
EQUAL = 64  # weight of each member at the start of the search by Dice
STEPS = (32, 16, 8, 4)  # and its changes: the last is about 1 % of the total of five members
SHARES = 1000  # likelihood weights are thousandths
CLOSE = 1e-4  # of the best likelihood per pixel (in nats), and of the coefficients of a model
MOST_ROUNDS = 500
RIDGE = 1.0  # pixels' worth of pull towards the mean logit: bounds what perfect members get
LOGIT_BITS = 12  # a logit of 1 is 4096 in the integer sums of stacking
LEVEL_BITS = 8  # and 256 levels of its table, which ends at logits of -8 and 8
LEVELS = 16 * 2**LEVEL_BITS


def fit(rule: str, samples: Iterable[Sample], seed: int) -> Parameters:
    """What a rule learns from maps and truths, ready for JSON and for `apply`.

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

    Args:
        rule: one of `RULES`.
        samples: (members' maps uint8 (H, W), truth bool (H, W)) of each image; read once, never
            kept. Rules by Dice keep up to 8192 pixels an image, models of pixels 1024.
        seed: chooses those pixels where there are more.

    Raises:
        KeyError: there is no such rule.
        TypeError, ValueError: as `contested.collect`.
    """
    return {"rule": rule, **RULES[rule](samples, seed)}


def apply(parameters: Parameters, maps: Sequence[Map]) -> Map:
    """One map from the members' maps of an image; its mask is `map >= 128` for every rule.

    Raises:
        ValueError: there are not as many maps as members were fitted.
    """
    match parameters["rule"]:
        case "greedy" | "weights_dice" | "weights_likelihood":
            return mean(maps, parameters["weights"])
        case "threshold":
            return _looked_up(mean(maps, [1] * len(maps)), _moved(parameters["threshold"]))
        case "staple":
            return staple(maps)
        case "stacking":
            return _stacked(maps, parameters["intercept"], parameters["coefficients"])
        case other:
            raise ValueError(f"no learned rule {other!r}; there are {', '.join(RULES)}")


def _fit_greedy(samples: Iterable[Sample], seed: int) -> Parameters:
    pixels = collect(samples, THRESHOLD, THRESHOLD, DICE_PIXELS, seed)
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


def _fit_weights_dice(samples: Iterable[Sample], seed: int) -> Parameters:
    pixels = collect(samples, THRESHOLD, THRESHOLD, DICE_PIXELS, seed)
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


def _fit_weights_likelihood(samples: Iterable[Sample], seed: int) -> Parameters:
    """Expectation-maximisation of mixture weights: the likelihood grows with every round.

    At weights w a member's mean ratio of its likelihood to the mixture's is at most 1 + e if, and
    only if, no other weights have more than e nats a pixel: that is where it stops.
    """
    pixels = collect(samples, SURE, 256 - SURE, MODEL_PIXELS, seed)
    right = _probabilities()[np.where(pixels.truth[:, None], pixels.values, 255 - pixels.values)]
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


def _fit_threshold(samples: Iterable[Sample], seed: int) -> Parameters:
    total, images = np.zeros(255), 0
    for maps, truth in samples:
        merged = mean(maps, [1] * len(maps))
        tp, fp, fn = counts_at_every_threshold(merged, truth)[1:].T.astype(float)
        sizes = 2 * tp + fp + fn
        total += np.divide(2 * tp, sizes, out=np.ones(255), where=sizes > 0)
        images += 1
    if images == 0:
        raise ValueError("no samples: a threshold cannot be fitted on nothing")
    best = 1 + np.flatnonzero(total >= total.max() - 1e-12 * images)
    return {"threshold": int(best[np.argmin(np.abs(best - THRESHOLD))])}


def _moved(threshold: int) -> Map:
    """Table (256,) that stretches both sides of a threshold so that it comes to lie at 128."""
    values = np.arange(256)
    below = values * THRESHOLD // threshold
    above = 255 - (255 - values) * (255 - THRESHOLD) // max(255 - threshold, 1)
    return np.where(values < threshold, below, above).astype(np.uint8)


def _fit_nothing(samples: Iterable[Sample], seed: int) -> Parameters:
    return {}


def _fit_stacking(samples: Iterable[Sample], seed: int) -> Parameters:
    pixels = collect(samples, SURE, 256 - SURE, MODEL_PIXELS, seed)
    inputs = np.column_stack([np.ones(len(pixels.truth)), _logits()[pixels.values]])
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


def _stacked(maps: Sequence[Map], intercept: float, coefficients: Sequence[float]) -> Map:
    """Sigmoid of the weighted logits, in whole numbers: 4096 is a logit of 1."""
    if len(maps) != len(coefficients):
        raise ValueError(f"{len(maps)} maps and {len(coefficients)} coefficients")
    one = 2**LOGIT_BITS
    score = np.full(maps[0].shape, round(intercept * one), dtype=np.int32)
    for map, coefficient in zip(maps, coefficients, strict=True):
        score += _looked_up(map, np.round(coefficient * one * _logits()).astype(np.int32))
    level = (score >> (LOGIT_BITS - LEVEL_BITS)) + LEVELS // 2  # a score of 0 opens the upper half
    middles = (np.arange(LEVELS) - LEVELS // 2 + 0.5) / 2**LEVEL_BITS
    table = np.round(255 / (1 + np.exp(-middles))).astype(np.uint8)
    merged: Map = np.take(table, np.clip(level, 0, LEVELS - 1, out=level))
    return merged


def _looked_up(map: Map, table: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(cv2.LUT(map, table))  # a quarter of the time of table[map]


def _probabilities() -> Floats:
    """(256,): p of each value of a map; the outermost are half a step from 0 and 1."""
    return np.clip(np.arange(256), 0.5, 254.5) / 255


def _logits() -> Floats:
    p = _probabilities()
    logits: Floats = np.log(p / (1 - p))
    return logits


RULES: dict[str, Callable[[Iterable[Sample], int], Parameters]] = {
    "greedy": _fit_greedy,
    "weights_dice": _fit_weights_dice,
    "weights_likelihood": _fit_weights_likelihood,
    "threshold": _fit_threshold,
    "staple": _fit_nothing,
    "stacking": _fit_stacking,
}
