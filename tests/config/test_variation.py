"""Fields set by the command line or by a suite, and the grids of them that make members."""

import pytest
import yaml

from bench.config.library import load_suite, single_models, with_overrides
from bench.config.names import check_names
from bench.config.strict import read, to_yaml
from bench.config.suite import Suite
from bench.ensembles.entry import entries_of
from bench.system.errors import BadConfig

UNET, LINKNET = "cpu/unet-320x480", "cpu/linknet-448x672"


@pytest.fixture
def suite_of(tmp_path):
    def write(**fields):
        file = tmp_path / "mine.yaml"
        file.write_text(yaml.safe_dump({"title": "t", "recipes": [UNET, LINKNET], **fields}))
        return load_suite(str(file)), file

    return write


def test_a_field_is_set_in_every_recipe_and_noted_in_the_suite(suite_of, tmp_path):
    suite, file = suite_of(set={"epochs": 30})
    changes = ["recipe.loss.bce=2", "recipe.optimiser.lr=1e-4", "suite.folds.run=[0, 1]"]
    changed = with_overrides(suite, None, None, changes)
    for recipe in single_models(changed, file).values():
        assert (recipe.epochs, recipe.loss["bce"], recipe.optimiser.lr) == (30, 2, 1e-4)
        assert {"loss", "optimiser"} <= recipe.training_fields().keys()
    assert changed.folds.run == (0, 1)
    (tmp_path / "noted.yaml").write_text(to_yaml(changed))
    assert read(tmp_path / "noted.yaml", Suite) == changed


def test_a_suite_that_sets_nothing_is_noted_as_before():
    assert not {"set", "seeds", "sweep"} & yaml.safe_load(to_yaml(load_suite("cpu"))).keys()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("recipe.los.bce=2", r"los: no such field; there are network.*; nearest: loss"),
        ("recipe.optimiser.lrr=2", r"optimiser.lrr: no such field; .*; nearest: lr"),
        ("recipe.loss.bec=2", "loss.bec.*should be 'bce'"),
        ("recipe.loss.bce=two", "loss.bce: should be a number, not 'two'"),
        ("recipe.schedule.every=2", "schedule is 'one_cycle', which has no fields; set all of"),
        ("recipe.epochs=[", "recipe.epochs=.: not YAML; mend this: "),
        ("suite.fold.count=2", r"fold: no such field; .*; nearest: folds"),
        ("suite.folds.run=[9]", "run names fold 9; there are folds 0 to 4"),
        ("loss.bce=2", "--set loss.bce=2: wanted is recipe.FIELD=VALUE or suite.FIELD=VALUE"),
        ("recipe.loss.bce", "wanted is recipe.FIELD=VALUE"),
        ("recipe.=1", "wanted is recipe.FIELD=VALUE"),
    ],
)
def test_what_cannot_be_set_is_refused(suite_of, change, said):
    suite, file = suite_of()
    with pytest.raises(BadConfig, match=said):
        single_models(with_overrides(suite, None, None, [change]), file)


def test_a_field_is_set_once(suite_of):
    suite, _ = suite_of(sweep={"optimiser.lr": [0.1]})
    with pytest.raises(BadConfig, match=r"recipe.epochs is set twice"):
        with_overrides(suite, None, None, ["recipe.epochs=1", "recipe.epochs=1"])
    with pytest.raises(BadConfig, match=r"'optimiser.lr' varies, and is given a value elsewhere"):
        with_overrides(suite, None, None, ["recipe.optimiser.lr=1"])


def test_seeds_and_a_sweep_make_a_member_of_each_combination(suite_of):
    suite, file = suite_of(
        recipes=[UNET], seeds=[0, 7], sweep={"optimiser.lr": [0.001, 1e-4], "size": [[64, 96]]}
    )
    made = single_models(suite, file)
    assert list(made) == [
        f"{UNET}+lr={lr}+size=64x96+seed={seed}" for lr in ("0.001", "0.0001") for seed in (0, 7)
    ]
    last = made[f"{UNET}+lr=0.0001+size=64x96+seed=7"]
    assert (last.optimiser.lr, last.size, last.seed) == (1e-4, (64, 96), 7)
    assert all(recipe.name == name for name, recipe in made.items())


def test_a_recipe_as_a_member_stands_for_its_variations(suite_of):
    suite, _ = suite_of(
        seeds=[0, 1],
        ensembles={
            "all": {"rule": "mean"},
            "unets": {"rule": "vote", "members": [UNET, f"{LINKNET}+seed=1"], "weights": [2, 3]},
        },
    )
    entries = {entry.name: entry for entry in entries_of(suite, {})}
    assert list(entries) == [
        *(f"{name}+seed={seed}" for name in (UNET, LINKNET) for seed in (0, 1)),
        "all",
        "unets",
    ]
    assert len(entries["all"].members) == 4
    assert entries["unets"].members == (f"{UNET}+seed=0", f"{UNET}+seed=1", f"{LINKNET}+seed=1")
    assert entries["unets"].parameters["weights"] == [2, 2, 3]
    with pytest.raises(BadConfig, match=rf"called '{LINKNET}.seed=2'; nearest: {LINKNET}.seed="):
        suite_of(seeds=[0, 1], ensembles={"a": {"rule": "mean", "members": [f"{LINKNET}+seed=2"]}})


def test_variations_that_are_one_model_or_share_a_name_are_refused(suite_of):
    with pytest.raises(BadConfig, match=r"would share the name .*\+lr=0.1"):
        suite_of(sweep={"optimiser.lr": [0.1, 0.10000001]})
    suite, file = suite_of(recipes=["extractnet2019/otsu-watershed"], seeds=[0, 1])
    with pytest.raises(BadConfig, match=r"seed=0 and .*seed=1 are the same model"):
        single_models(suite, file)
    with pytest.raises(BadConfig, match=r"1,000,000 variations of a .*; at most 1,000 .*: give"):
        suite_of(sweep={f"loss.{name}": [*range(1, 101)] for name in ("bce", "mse", "focal")})


def test_what_the_command_line_adds_to_a_suite_is_named_as_what_stands_in_it(suite_of):
    suite, file = suite_of()
    changed = with_overrides(suite, None, None, ["suite.seeds=[3, 4]"])
    check_names(changed, file)
    assert [single.name for single in changed.singles][:2] == [f"{UNET}+seed=3", f"{UNET}+seed=4"]
