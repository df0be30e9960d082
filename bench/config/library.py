"""Find recipes and suites by their names, and change recipes as a suite says."""

from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from bench.config.layout import Layout
from bench.config.names import check_names
from bench.config.recipe import NOT_TRAINED, Recipe, scaled
from bench.config.strict import faults, read
from bench.config.suite import Suite, is_path, short_name
from bench.config.variation import Settings, read_settings, with_fields
from bench.system.errors import BadConfig, naming
from bench.system.text import nearest

RECIPES = Path(__file__).parents[2] / "models" / "recipes"
EDGE_FIELDS = {"epochs", "seed"}  # of an override, that edge networks take
SUITES = Path(__file__).parent / "suites"


def load_recipe(name: str, beside: Path | None = None) -> Recipe:
    """Load the recipe of `models/recipes/<name>.yaml`, or of a path that ends in .yaml or .yml.

    Args:
        beside: the suite's file, if one names the recipe; a relative path is looked up in its
            folder.

    Raises:
        BadConfig: there is no such recipe, or it breaks a rule.
    """
    if beside is None:
        return read(_find(name, RECIPES, "recipe"), Recipe).named(short_name(name))
    with naming(f"{beside}: recipes"):
        path = _find(str(beside.parent / name) if is_path(name) else name, RECIPES, "recipe")
    return read(path, Recipe).named(short_name(name))


def load_suite(name: str) -> Suite:
    """Load the suite of `bench/config/suites/<name>.yaml`, or of a path that ends in .yaml or .yml.

    Raises:
        BadConfig: there is no such suite, or it breaks a rule.
    """
    path = suite_path(name)
    suite = read(path, Suite)
    check_names(suite, path)
    return suite


def suite_path(name: str) -> Path:
    """Return the path of `bench/config/suites/<name>.yaml`, or a name that is a path itself."""
    return _find(name, SUITES, "suite")


def list_names(folder: Path) -> list[str]:
    """Return the names of all recipes or suites below a folder, in order."""
    return sorted(
        path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.yaml")
    )


def single_models(suite: Suite, file: Path) -> dict[str, Recipe]:
    """Return the recipe of each single model of a suite, as the suite runs it, by its name.

    Args:
        file: the suite's, beside which recipes are looked up that are named by a path.

    Raises:
        BadConfig: a recipe breaks a rule, or two variations of one are the same.
    """
    loaded = {name: load_recipe(name, file) for name in suite.recipes}
    models: dict[str, Recipe] = {}
    for single in suite.singles:
        named = loaded[single.recipe].named(single.name)
        with naming(str(file)):
            recipe = as_suite_runs_it(named, suite, single.varied)
        same = [name for name, other in models.items() if other == recipe and single.varied]
        if same:
            raise BadConfig(
                f"{file}: {same[0]} and {single.name} are the same model; `seeds` and `sweep` vary "
                "what is trained: give each value once, and put recipes of 0 epochs into a suite "
                "of their own"
            )
        models[single.name] = recipe
    return models


def as_suite_runs_it(
    recipe: Recipe, suite: Suite, varied: Settings = MappingProxyType({})
) -> Recipe:
    """Return the recipe as a suite runs it: fields replaced and set, then its size scaled.

    Of a recipe of 0 epochs, which is not trained, only the size, `pretrained`, and what is set of
    fields that decide no training change. An edge network, which sees photographs at their own
    size, takes only epochs and seed of an override.

    Args:
        varied: what is set in this variation of the recipe alone.

    Raises:
        BadConfig: the override contradicts the recipe, or a field that is set does.
    """
    replaced = {field: value for field, value in suite.override if value is not None}
    if recipe.edge:
        replaced = {field: replaced[field] for field in EDGE_FIELDS & replaced.keys()}
    pretrained = replaced.pop("pretrained", None)  # the one that is the network's, not the recipe's
    fields = dict(recipe) | (replaced if recipe.epochs else {})
    network = fields["network"]
    if pretrained is not None and "pretrained" in network.options:
        network = network.model_copy(update={"pretrained": pretrained})
    settings = {**(suite.set or {}), **varied}
    if not recipe.epochs:
        settings = {path: value for path, value in settings.items() if _is_not_trained(path)}
    if settings:
        changed = recipe.model_copy(update={**fields, "network": network})
        what = f"what is set, in recipe {recipe.name}"
        fields = dict(with_fields(changed, settings, what))
        network = fields["network"]
    size = fields["size"] if recipe.edge else scaled(fields["size"], suite.scale)
    fields |= {"size": size, "network": network}
    try:
        return Recipe.model_validate(fields).named(recipe.name)
    except ValidationError as error:
        raise BadConfig(
            f"its override and its scale of {suite.scale:g} make of recipe {recipe.name}:"
            + faults(error, Recipe)
        ) from error


def _is_not_trained(path: str) -> bool:
    return path.partition(".")[0] in NOT_TRAINED | {"size"}


def with_overrides(
    suite: Suite, seed: int | None, limit: int | None, changes: Sequence[str] = ()
) -> Suite:
    """Return the suite with another seed for its folds and trainings, fewer cars, or fields set.

    Args:
        changes: as in `read_settings`.

    Raises:
        BadConfig: one of these is malformed, or sets what the suite cannot have.
    """
    update: dict[str, Any] = {}
    if seed is not None:
        update["folds"] = suite.folds.model_copy(update={"seed": seed})
        update["override"] = suite.override.model_copy(update={"seed": seed})
    if limit is not None:
        update["limit"] = limit
    suite = suite.model_copy(update=update)
    of_recipes, of_suite = read_settings(changes)
    if of_recipes:
        of_suite = {**of_suite, "set": {**(suite.set or {}), **of_recipes}}
    return with_fields(suite, of_suite, "--set, of the suite") if of_suite else suite


def _find(name: str, folder: Path, what: str) -> Path:
    """Return the file of a name in the library's folder, or of a path.

    Raises:
        BadConfig: there is none; the message names what is nearest.
    """
    path, known = Path(name), list_names(folder)
    if is_path(name) and path.is_file():
        return path
    if name in known:
        return folder / f"{name}.yaml"
    if Layout(path).folds.is_file():
        raise BadConfig(f"{name} is the folder of a run; name the suite that made it")
    if path.is_dir():
        inside = [str(each) for each in _yaml_files(path)]
        there = (
            f"name a file: {', '.join(inside)}"
            if inside
            else "there is no .yaml file in it: name one"
        )
        raise BadConfig(f"{name} is a folder, not a {what}; {there}")
    if path.is_file():
        raise BadConfig(f"{name}: the file of a {what} ends in .yaml; rename it")
    files = _yaml_files(path.parent)
    if not is_path(name) and (spelled := [str(each) for each in files if each.stem == path.name]):
        raise BadConfig(f"no {what} {name!r}; name the whole file: {', '.join(spelled)}")
    if is_path(name) or "/" in name:
        known = [*map(str, files), *known]
    raise BadConfig(nearest(name, known, what))


def _yaml_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if is_path(path.name))
