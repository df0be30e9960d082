"""Recipes: what a recipe refuses, and what of it decides the maps."""

import pytest
import yaml

from bench.config.library import (
    RECIPES,
    as_suite_runs_it,
    load_suite,
    single_models,
    suite_path,
    with_overrides,
)
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
    assert recipe.training_fields() == plain.training_fields()
    assert recipe.map_fields() == plain.map_fields()
    assert recipe.training_yaml() == plain.training_yaml()
    assert "refine" not in plain.training_yaml()
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
        pytest.param({"epochs": "ten"}, "epochs: should be a whole number, not", id="wrong type"),
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
        pytest.param(
            {"refine": [{"denoise": {"opening": 40}}]}, "odd", id="an opening has a middle"
        ),
        pytest.param(
            {"gradual": [{"scale": 0.002, "epochs": 1}]}, "leaves 3x4 pixels", id="nothing is left"
        ),
        pytest.param({"augment": ["rotate90"]}, "crop", id="unknown augmentation lists the known"),
    ],
)
def test_recipe_refuses(change, message, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(RECIPE | change))
    with pytest.raises(BadConfig, match=message) as refused:
        read(path, Recipe)
    assert str(path) in str(refused.value)


GRADUAL = {"gradual": [{"scale": 0.5, "epochs": 2}, {"scale": 0.7, "epochs": 1}]}
SMALL = {"gradual": [{"scale": 0.002, "epochs": 1}]}
TAUGHT = {"teach": {"run": "cpu", "entry": "mean", "share": 0.5}, "epochs": 0}
WEIGHED = {"loss": {"soft_dice": 1}, "pixel_weights": ["boundary"]}


@pytest.mark.parametrize(
    ("wrong", "said", "cures"),
    [
        (
            {**GRADUAL, "epochs": 1},
            r"none of 1 epoch for .*; set `epochs` to 4 or more, or `gradual` to \[\]",
            [{"epochs": 4}, {"gradual": []}],
        ),
        (SMALL, "raise that scale until", [{"gradual": [{"scale": 0.01, "epochs": 1}]}]),
        (TAUGHT, "raise `epochs`, or leave `teach` out", [{"epochs": 1}, {"teach": None}]),
        (
            {"backgrounds": "studio", "augment": ["flip"]},
            "add that, or leave it out",
            [{"augment": ["flip", "background"]}, {"backgrounds": None}],
        ),
        (WEIGHED, "name one in `loss`, or leave", [{"loss": {"bce": 1}}, {"pixel_weights": []}]),
        (
            {"schedule": {"every": 3, "factor": 0.5}},
            "lacks 'name'; add it",
            [{"schedule": {"name": "step", "every": 3, "factor": 0.5}}],
        ),
        (
            {"schedule": {"name": "steps", "every": 3, "factor": 0.5}},
            "'name' should be one of 'step', 'plateau'",
            [{"schedule": {"name": "step", "every": 3, "factor": 0.5}}],
        ),
    ],
)
def test_fields_that_contradict_are_refused_with_cures_that_work(wrong, said, cures, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(RECIPE | wrong))
    with pytest.raises(BadConfig, match=said):
        read(path, Recipe)
    for cure in cures:
        path.write_text(yaml.safe_dump(RECIPE | wrong | cure))
        assert read(path, Recipe)


def test_fewer_epochs_of_a_suite_whose_recipes_are_gradual_name_what_else_to_set():
    suite, file = load_suite("cpu"), suite_path("cpu")
    few, cured = (
        with_overrides(suite, None, None, ["recipe.epochs=1", *more])
        for more in ([], ["recipe.gradual=[]"])
    )
    with pytest.raises(BadConfig, match=r"or `gradual` to \[\]"):
        single_models(few, file)
    assert {recipe.epochs for recipe in single_models(cured, file).values()} == {1}


HUGE = 10**20
OPTIMISER = {"name": "sgd", "lr": 0.01}


EDGE = yaml.safe_load((RECIPES / "cpu/unet-384x576-edge.yaml").read_text())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gradual": [{"scale": 0.5, "epochs": 1}]}, "their own size: leave out `gradual`"),
        ({"tta": {"scales": [1, 2]}}, "their own size: leave out"),
        ({"augment": ["flip", "affine"]}, "`crop`, `affine` and `background` of `augment`"),
        (
            {"teach": {"run": "cpu", "entry": "mean", "share": 0.5}},
            "from masks alone: leave out `teach`",
        ),
        ({"epochs": 0}, "is not trained changes nothing: set `epochs`"),
        ({"edge": {"reach": 8}}, "edge.of"),
        ({"edge": {"of": "cpu/unet-384x576", "width": 8}}, "edge.width: no such field"),
    ],
)
def test_an_edge_recipe_refuses_what_is_not_at_full_size(change, message, tmp_path):
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(EDGE | change))
    with pytest.raises(BadConfig, match=message):
        read(tmp_path / "mine.yaml", Recipe)


def test_a_suite_shrinks_no_edge_network_and_gives_it_epochs_and_seed_alone():
    suite = load_suite("xu2018-eighth")
    override = suite.override.model_copy(update={"epochs": 3, "seed": 7, "batch": 4})
    recipe = Recipe.model_validate(EDGE)
    changed = as_suite_runs_it(recipe, suite.model_copy(update={"override": override}))
    assert changed == recipe.model_copy(update={"epochs": 3, "seed": 7})


@pytest.mark.parametrize("number", [HUGE, -1, float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("size.0", lambda number: {"size": [number, 100]}),
        ("size.1", lambda number: {"size": [100, number]}),
        ("loss.bce", lambda number: {"loss": {"bce": number}}),
        ("gradient_sigma", lambda number: {"gradient_sigma": number}),
        ("optimiser.lr", lambda number: {"optimiser": OPTIMISER | {"lr": number}}),
        ("optimiser.encoder_lr", lambda number: {"optimiser": OPTIMISER | {"encoder_lr": number}}),
        ("optimiser.weight_decay", lambda n: {"optimiser": OPTIMISER | {"weight_decay": n}}),
        ("optimiser.momentum", lambda number: {"optimiser": OPTIMISER | {"momentum": number}}),
        ("schedule", lambda n: {"schedule": {"name": "step", "every": n, "factor": 0.1}}),
        ("schedule", lambda n: {"schedule": {"name": "step", "every": 1, "factor": n}}),
        ("schedule", lambda n: {"schedule": {"name": "plateau", "patience": n, "factor": 0.1}}),
        ("epochs", lambda number: {"epochs": number}),
        ("gradual.0.scale", lambda number: {"gradual": [{"scale": number, "epochs": 1}]}),
        ("gradual.0.epochs", lambda number: {"gradual": [{"scale": 0.5, "epochs": number}]}),
        ("early_stopping.patience", lambda number: {"early_stopping": {"patience": number}}),
        (
            "early_stopping.min_delta",
            lambda number: {"early_stopping": {"patience": 1, "min_delta": number}},
        ),
        ("batch", lambda number: {"batch": number}),
        ("ema", lambda number: {"ema": number}),
        ("tta.scales.0", lambda number: {"tta": {"scales": [number]}}),
        ("edge.reach", lambda number: {"edge": {"of": "it", "reach": number}}),
        ("edge.crops", lambda number: {"edge": {"of": "it", "crops": number}}),
        ("seed", lambda number: {"seed": number}),
        ("refine.0", lambda number: {"refine": [{"denoise": {"opening": number}}]}),
        ("refine.0", lambda number: {"refine": [{"active_contours": {"alpha": number}}]}),
    ],
)
def test_recipe_refuses_a_number_out_of_range_by_its_field_and_value(
    field, change, number, tmp_path
):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(RECIPE | change(number)))
    with pytest.raises(BadConfig) as refused:
        read(path, Recipe)
    assert str(refused.value).startswith(f"{path}:\n  {field}")
    assert f"not {number!r}" in str(refused.value)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_recipe_refuses_a_reported_figure_that_is_no_number(number, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(RECIPE | {"reported": {"dice": number}}))
    with pytest.raises(BadConfig, match=r"reported\.dice: should be a finite number"):
        read(path, Recipe)
