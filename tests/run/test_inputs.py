"""What decides a training is noted with it."""

from types import SimpleNamespace

import pytest

from bench.run.inputs import _backgrounds
from bench.training.backgrounds import drawn
from tests.tiny import RECIPE


@pytest.mark.parametrize(
    ("augment", "noted"),
    [(["flip"], {}), (["flip", "background"], {"drawn": f"version {drawn.VERSION}"})],
)
def test_a_training_knows_how_its_backgrounds_were_drawn(augment, noted):
    run = SimpleNamespace(recipes={"one": RECIPE.model_copy(update={"augment": augment})})
    assert _backgrounds(run, "one") == noted
