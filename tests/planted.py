"""Members' maps of drawn blobs with planted errors, for the rules that learn."""

import numpy as np
from scipy.ndimage import gaussian_filter

from bench.ensembles import disputed
from bench.ensembles.evidence import of_image
from bench.ensembles.fit import fit_rule
from bench.ensembles.rules import RULES
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
    return fit_rule(rule, [of_image(*each, 8192, seed) for seed, each in enumerate(pool)])


POOL, OTHERS, WITH_BAD = samples(12), samples(12, seed=1), samples(12, bad=True)
