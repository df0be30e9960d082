"""Recipes and suites: every shipped file is sound, and a broken one says what is wrong with it."""

from pathlib import Path

import pytest
import yaml

from bench.config.library import RECIPES, SUITES, changed, in_suite, load_recipe, load_suite, names
from bench.config.recipe import Recipe
from bench.config.refinement import to_json
from bench.config.strict import check_same, read, to_yaml
from bench.config.suite import Suite
from bench.system.errors import BadConfig

RECIPE = yaml.safe_load((RECIPES / "xu2018/resnet50-concat-1280x1920.yaml").read_text())
SUITE = yaml.safe_load((SUITES / "xu2018.yaml").read_text())


@pytest.mark.parametrize("name", names(RECIPES))
def test_every_recipe_loads_and_writes_itself(name, tmp_path):
    recipe = load_recipe(name)
    (tmp_path / "again.yaml").write_text(to_yaml(recipe))
    assert read(tmp_path / "again.yaml", Recipe) == recipe


@pytest.mark.parametrize("name", names(SUITES))
def test_every_suite_names_recipes_that_exist(name, tmp_path):
    suite = load_suite(name)
    assert [in_suite(load_recipe(recipe), suite) for recipe in suite.recipes]
    (tmp_path / "again.yaml").write_text(to_yaml(suite))
    assert read(tmp_path / "again.yaml", Suite) == suite


def test_papers_is_the_suites_of_the_five_papers_together():
    suites = ("xu2018", "maskingnet", "malhotra2017", "heitzinger2020", "extractnet2019")
    each = [load_suite(name) for name in suites]
    papers = load_suite("papers")
    assert papers.recipes == tuple(recipe for suite in each for recipe in suite.recipes)
    assert papers.reported == tuple(row for suite in each for row in suite.reported)


def test_scale_shrinks_the_size_and_nothing_else():
    recipe, suite = load_recipe("xu2018/resnet50-concat-1280x1536"), load_suite("xu2018")
    small = in_suite(recipe, suite.model_copy(update={"scale": 0.125}))
    assert small.size == (160, 192)
    assert small.model_copy(update={"size": recipe.size}) == recipe


def test_refinement_is_written_and_read_and_decides_no_map(tmp_path):
    steps = [{"adaptive_smoothing": {"alpha": 0.25}}, {"fill_holes": {}}]
    plain, recipe = (Recipe.model_validate(RECIPE | more) for more in ({}, {"refine": steps}))
    (tmp_path / "again.yaml").write_text(to_yaml(recipe))
    assert read(tmp_path / "again.yaml", Recipe) == recipe
    assert to_json(recipe.refine) == steps
    assert recipe.unrefined == plain
    assert "refine" not in to_yaml(plain)  # or no map store would know its recipe again
    assert in_suite(recipe, load_suite("xu2018")).refine == recipe.refine


def test_override_replaces_what_it_names():
    suite = load_suite("xu2018-eighth")
    recipe = in_suite(load_recipe(suite.recipes[0]), suite)
    assert recipe.network.options["pretrained"] is False
    assert recipe.optimiser.name == "adamw"
    assert recipe.loss == {"bce": 1, "focal": 1, "soft_dice": 1}


@pytest.mark.parametrize(
    ("change", "told"),
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
def test_recipe_refuses(change, told, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(RECIPE | change))
    with pytest.raises(BadConfig, match=told) as refused:
        read(path, Recipe)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(
            {"ensembles": {"a": {"rule": "mean", "members": ["x"]}}}, "'x' is not", id="no member"
        ),
        pytest.param(
            {"ensembles": {"a": {"rule": "vote", "members": SUITE["recipes"], "weights": [1]}}},
            "1 weights for 5",
            id="too few weights",
        ),
        pytest.param(
            {"reported": [{"entry": "a", "source": "b"}]}, "name `dice`", id="reported no figure"
        ),
        pytest.param({"folds": {"count": 3, "run": [3]}}, "folds 0 to 2", id="no such fold"),
    ],
)
def test_suite_refuses(change, told, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(SUITE | change))
    with pytest.raises(BadConfig, match=told):
        read(path, Suite)


@pytest.mark.parametrize(
    ("text", "told"), [("a: [", "not YAML"), ("!!python/object:os.system x", "not YAML")]
)
def test_files_that_are_not_plain_yaml_are_refused(text, told, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(BadConfig, match=told):
        read(path, Recipe)


def test_a_recipe_is_called_as_a_suite_names_it_and_its_name_decides_nothing(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(RECIPE))
    recipe = load_recipe("mine.yaml", beside=tmp_path / "suite.yaml")
    assert recipe.name == "mine"
    assert load_recipe("cpu/unet-256x384").name == "cpu/unet-256x384"
    suite = load_suite("demo")
    assert in_suite(recipe, suite).unrefined.name == "mine"
    other = recipe.named("other")
    assert (recipe.name, other.name) == ("mine", "other")
    assert recipe == other
    assert to_yaml(recipe) == to_yaml(other)
    path.write_text(yaml.safe_dump(RECIPE | {"name": "mine"}))
    with pytest.raises(BadConfig, match="name: no such field; there are network, size"):
        read(path, Recipe)


def test_a_typing_error_is_answered_with_the_nearest_name():
    with pytest.raises(BadConfig, match="nearest: xu2018"):
        load_suite("xu2081")


def test_a_folder_of_another_suite_is_refused_by_field(tmp_path: Path):
    suite = load_suite("demo")
    (tmp_path / "suite.yaml").write_text(to_yaml(suite))
    check_same(tmp_path / "suite.yaml", suite)
    with pytest.raises(BadConfig, match="another folds, limit"):
        check_same(
            tmp_path / "suite.yaml",
            changed(suite, seed=None, limit=2).model_copy(
                update={"folds": suite.folds.model_copy(update={"seed": 5})}
            ),
        )
