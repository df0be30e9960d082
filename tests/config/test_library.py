"""Recipes and suites by name: every shipped file is sound, and a suite changes what it names."""

import pytest

from bench.config.library import (
    RECIPES,
    SUITES,
    as_suite_runs_it,
    list_names,
    load_recipe,
    load_suite,
)
from bench.config.recipe import Recipe
from bench.config.strict import read, to_yaml
from bench.config.suite import Suite
from bench.system.errors import BadConfig


@pytest.mark.parametrize("name", list_names(RECIPES))
def test_every_recipe_loads_and_writes_itself(name, tmp_path):
    recipe = load_recipe(name)
    (tmp_path / "again.yaml").write_text(to_yaml(recipe))
    assert read(tmp_path / "again.yaml", Recipe) == recipe


@pytest.mark.parametrize("name", list_names(SUITES))
def test_every_suite_names_recipes_that_exist(name, tmp_path):
    suite = load_suite(name)
    assert [as_suite_runs_it(load_recipe(recipe), suite) for recipe in suite.recipes]
    (tmp_path / "again.yaml").write_text(to_yaml(suite))
    assert read(tmp_path / "again.yaml", Suite) == suite


@pytest.mark.parametrize("name", list_names(SUITES))
def test_every_edge_network_of_a_suite_has_a_map_to_sharpen(name):
    suite = load_suite(name)
    recipes = {recipe: load_recipe(recipe) for recipe in suite.recipes}
    edges = [recipe.edge.of for recipe in recipes.values() if recipe.edge]
    assert set(edges) <= {*suite.recipes, *suite.ensembles}


def test_papers_is_the_suites_of_the_five_papers_together():
    suites = ("xu2018", "maskingnet", "malhotra2017", "heitzinger2020", "extractnet2019")
    each = [load_suite(name) for name in suites]
    papers = load_suite("papers")
    assert papers.recipes == tuple(recipe for suite in each for recipe in suite.recipes)
    assert papers.reported == tuple(row for suite in each for row in suite.reported)


def test_scale_shrinks_the_size_and_nothing_else():
    recipe, suite = load_recipe("xu2018/resnet50-concat-1280x1536"), load_suite("xu2018")
    small = as_suite_runs_it(recipe, suite.model_copy(update={"scale": 0.125}))
    assert small.size == (160, 192)
    assert small.model_copy(update={"size": recipe.size}) == recipe


def test_override_replaces_what_it_names():
    suite = load_suite("xu2018-eighth")
    recipe = as_suite_runs_it(load_recipe(suite.recipes[0]), suite)
    assert recipe.network.options["pretrained"] is False
    assert recipe.optimiser.name == "adamw"
    assert recipe.loss == {"bce": 1, "focal": 1, "soft_dice": 1}


def test_a_typing_error_is_answered_with_the_nearest_name():
    with pytest.raises(BadConfig, match="nearest: xu2018"):
        load_suite("xu2081")
