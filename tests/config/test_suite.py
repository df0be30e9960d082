"""Suites: a broken one says what is wrong with it."""

import pytest
import yaml

from bench.config.library import RECIPES, SUITES, as_suite_runs_it, load_recipe, load_suite
from bench.config.recipe import Recipe
from bench.config.strict import read, to_yaml
from bench.config.suite import Suite
from bench.system.errors import BadConfig

RECIPE = yaml.safe_load((RECIPES / "xu2018/resnet50-concat-1280x1920.yaml").read_text())


SUITE = yaml.safe_load((SUITES / "xu2018.yaml").read_text())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            {"ensembles": {"a": {"rule": "mean", "members": ["x"]}}},
            "ensemble 'a': no member among `recipes` is called 'x'; nearest: xu2018/",
            id="no member",
        ),
        pytest.param(
            {"ensembles": {"a": {"rule": "mean", "members": [*SUITE["recipes"][:2]] * 2}}},
            "ensemble 'a' has member '[^']*' twice; name it once, with `weights`",
            id="member twice",
        ),
        pytest.param(
            {"ensembles": {"a": {"rule": "vote", "members": SUITE["recipes"], "weights": [1]}}},
            r"ensembles\.a: 1 weight for 5 named members; list `members`, and a weight for each",
            id="too few weights",
        ),
        pytest.param(
            {"reported": [{"entry": "a", "source": "b"}]}, "name `dice`", id="reported no figure"
        ),
        pytest.param(
            {"folds": {"count": 3, "run": [3]}}, "folds 0 to 2: name these", id="no such fold"
        ),
    ],
)
def test_suite_refuses(change, message, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(SUITE | change))
    with pytest.raises(BadConfig, match=message):
        read(path, Suite)


def test_a_recipe_is_called_as_a_suite_names_it_and_its_name_decides_nothing(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(RECIPE))
    recipe = load_recipe("mine.yaml", beside=tmp_path / "suite.yaml")
    assert recipe.name == "mine"
    assert load_recipe("cpu/unet-256x384").name == "cpu/unet-256x384"
    suite = load_suite("demo")
    assert as_suite_runs_it(recipe, suite).name == "mine"
    other = recipe.named("other")
    assert (recipe.name, other.name) == ("mine", "other")
    assert recipe == other
    assert to_yaml(recipe) == to_yaml(other)
    path.write_text(yaml.safe_dump(RECIPE | {"name": "mine"}))
    with pytest.raises(BadConfig, match="name: no such field; there are network, size"):
        read(path, Recipe)


@pytest.mark.parametrize("number", [10**20, -1, float("nan"), float("inf")])
@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("scale", lambda number: {"scale": number}),
        ("limit", lambda number: {"limit": number}),
        ("folds.count", lambda number: {"folds": {"count": number}}),
        ("folds.valid_cars", lambda number: {"folds": {"valid_cars": number}}),
        ("folds.seed", lambda number: {"folds": {"seed": number}}),
        ("override.seed", lambda number: {"override": {"seed": number}}),
        ("override.batch", lambda number: {"override": {"batch": number}}),
        ("override.epochs", lambda number: {"override": {"epochs": number}}),
        ("override.loss.bce", lambda number: {"override": {"loss": {"bce": number}}}),
        ("demo.cars", lambda number: {"demo": {"cars": number, "test_cars": 1}}),
        ("demo.test_cars", lambda number: {"demo": {"cars": 2, "test_cars": number}}),
        (
            "ensembles.a.weights.0",
            lambda number: {
                "ensembles": {"a": {"rule": "vote", "members": SUITE["recipes"][:1],
                                    "weights": [number]}}
            },
        ),
    ],
)  # fmt: skip
def test_suite_refuses_a_number_out_of_range_by_its_field_and_value(
    field, change, number, tmp_path
):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(SUITE | change(number)))
    with pytest.raises(BadConfig) as refused:
        read(path, Suite)
    assert str(refused.value).startswith(f"{path}:\n  {field}")
    assert f"not {number!r}" in str(refused.value)


def test_a_scale_that_leaves_no_pixels_is_named_with_its_recipe():
    suite = load_suite("xu2018").model_copy(update={"scale": 0.001})
    recipe = load_recipe(suite.recipes[0])
    with pytest.raises(BadConfig, match=f"scale of 0.001 make of recipe {recipe.name}:\n  size"):
        as_suite_runs_it(recipe, suite)
