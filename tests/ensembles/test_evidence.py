"""Evidence: small, and none of it the photographs."""

import numpy as np
import pytest

from bench.ensembles.evidence import Evidence, of_image
from tests.planted import WITH_BAD


def test_evidence_is_small_and_none_of_it_is_the_photographs():
    maps, truth = WITH_BAD[0]
    small = of_image(maps, truth, limit=80, seed=0)
    assert small.disputed.values.shape == (80, 5)
    assert small.unsure.values.shape == (10, 5)
    parts = [part for pixels in small[:2] for part in vars(pixels).values()]
    assert not any(np.shares_memory(part, each) for part in parts for each in [*maps, truth])


def test_nothing_to_fit_on_is_refused():
    with pytest.raises(ValueError, match="no images"):
        Evidence([])
