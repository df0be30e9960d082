"""The cost of a suite, reckoned and measured."""

import pytest

from bench.config.library import as_suite_runs_it, load_recipe
from bench.config.machine import Machine
from bench.config.suite import Suite
from bench.training.cost import Amount, estimate, measure

RECIPE = "extractnet2019/otsu-watershed"


def test_a_suite_leaves_it_untrained():
    suite = Suite(title="any", recipes=(RECIPE,), override={"epochs": 7}, scale=0.5)
    recipe = as_suite_runs_it(load_recipe(RECIPE), suite)
    assert (recipe.epochs, recipe.size) == (0, (112, 112))
    amount = Amount(networks=1, learned=64, cached=64, predicted=16, maps=16)
    assert estimate(recipe, amount, Machine("cpu")).train_s == 0


@pytest.mark.slow
def test_a_measurement_is_of_this_machine():
    small = load_recipe("cpu/unet-256x384").model_copy(update={"size": (32, 48)})
    found = measure(small, Machine("cpu"))
    assert found.device == "cpu"
    assert found.predict_ms > 0
    assert found.train_ms > 0
    assert 0.05 < found.peak_gb < 10
