"""Recipes: what a recipe refuses, and what of it decides the maps."""

import pytest
import yaml

from bench.config.library import RECIPES, as_suite_runs_it, load_suite
from bench.config.recipe import Recipe
from bench.config.refinement import to_json
from bench.config.strict import read, to_yaml
from bench.system.errors import BadConfig

RECIPE = yaml.safe_load((RECIPES / "xu2018/resnet50-concat-1280x1920.yaml").read_text())


def test_refinement_is_written_and_read_and_decides_no_map(tmp_path):
    steps = [{"adaptive_smoothing": {"alpha": 0.25}}, {"fill_holes": {}}]
    plain, recipe = (Recipe.model_validate(RECIPE | more) for more in ({}, {"refine": steps}))
    (tmp_path / "again.yaml").write_text(to_yaml(recipe))
    assert read(tmp_path / "again.yaml", Recipe) == recipe
    assert to_json(recipe.refine) == steps
    assert recipe.unrefined == plain
    assert recipe.training_yaml() == plain.training_yaml()
    assert "refine" not in plain.training_yaml()  # or no map store would know its recipe again
    assert as_suite_runs_it(recipe, load_suite("xu2018")).refine == recipe.refine


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"epocs": 3}, "epocs: no such field; there are network", id="unknown field"),
        pytest.param({"loss": {"huber": 1}}, "bce", id="unknown loss lists the known"),
        pytest.param(
            {"loss": {"soft_dice": 1}, "pixel_weights": ["boundary"]},
            "weigh bce, focal and mse",
            id="weights without a pixel term",
        ),
        pytest.param({"pixel_weights": ["distance"]}, "boundary", id="unknown weight map"),
        pytest.param({"epochs": "ten"}, "epochs: input should be a valid integer", id="wrong type"),
        pytest.param({"epochs": -1}, "greater than or equal to 0", id="out of range"),
        pytest.param({"optimiser": {"name": "sgd"}}, "optimiser.lr", id="missing in a record"),
        pytest.param(
            {"refine": [{"smoothing": {}}]}, "refine.0: .*exactly one of fill", id="unknown step"
        ),
        pytest.param(
            {"refine": [{"fill_holes": {}, "denoise": {}}]}, "exactly one of", id="two steps in one"
        ),
        pytest.param(
            {"refine": [{"adaptive_smoothing": {"alpha": 0}}]}, "alpha: .*greater", id="no slope"
        ),
        pytest.param({"refine": [{"denoise": {"blur": 26}}]}, "odd", id="a blur has a middle"),
        pytest.param({"augment": ["rotate90"]}, "crop", id="unknown augmentation lists the known"),
    ],
)
def test_recipe_refuses(change, message, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(RECIPE | change))
    with pytest.raises(BadConfig, match=message) as refused:
        read(path, Recipe)
    assert str(path) in str(refused.value)
