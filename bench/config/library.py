"""Find recipes and suites by their names, and change recipes as a suite says."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bench.config.names import check_names
from bench.config.recipe import Recipe, scaled
from bench.config.strict import faults, read
from bench.config.suite import Suite, is_path, short_name
from bench.system.errors import BadConfig
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
    try:
        path = _find(str(beside.parent / name) if is_path(name) else name, RECIPES, "recipe")
    except BadConfig as error:
        raise BadConfig(f"{beside}: recipes: {error}") from error
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


def as_suite_runs_it(recipe: Recipe, suite: Suite) -> Recipe:
    """Return the recipe as a suite runs it: its size scaled, fields replaced by the override.

    Of a recipe of 0 epochs, which is not trained, only the size and `pretrained` change. Of an edge
    network, which sees photographs at their own size, only epochs and seed.

    Raises:
        BadConfig: the override contradicts the recipe.
    """
    replaced = {field: value for field, value in suite.override if value is not None}
    if recipe.edge:
        replaced = {field: replaced[field] for field in EDGE_FIELDS & replaced.keys()}
    pretrained = replaced.pop("pretrained", None)  # the one that is the network's, not the recipe's
    fields = dict(recipe) | (replaced if recipe.epochs else {})
    network = fields["network"]
    if pretrained is not None and "pretrained" in network.options:
        network = network.model_copy(update={"pretrained": pretrained})
    size = recipe.size if recipe.edge else scaled(recipe.size, suite.scale)
    fields |= {"size": size, "network": network}
    try:
        return Recipe.model_validate(fields).named(recipe.name)
    except ValidationError as error:
        raise BadConfig(
            f"suite {suite.title!r}, by its override and its scale of {suite.scale:g}, makes of "
            f"recipe {recipe.name}:" + faults(error, Recipe)
        ) from error


def with_overrides(suite: Suite, seed: int | None, limit: int | None) -> Suite:
    """Return the suite with another seed for its folds and trainings, or with fewer cars."""
    update: dict[str, Any] = {}
    if seed is not None:
        update["folds"] = suite.folds.model_copy(update={"seed": seed})
        update["override"] = suite.override.model_copy(update={"seed": seed})
    if limit is not None:
        update["limit"] = limit
    return suite.model_copy(update=update)


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
    if path.is_dir():
        inside = [str(each) for each in _yaml_files(path)]
        there = f"name a file: {', '.join(inside)}" if inside else "there is no .yaml file in it"
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
