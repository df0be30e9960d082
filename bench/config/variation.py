"""Fields of a recipe or suite set by paths of dots, and the grid of all combinations of such."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from pydantic import ValidationError

from bench.config.strict import Config, faults, read_value
from bench.system.errors import BadConfig

Settings = Mapping[str, Any]  # a field's path, such as "loss.bce" -> its value

OF_RECIPES, OF_SUITE = "recipe.", "suite."  # begin the paths of the command line
MAX_VARIATIONS = 1000  # of a recipe, in a suite


@dataclass(frozen=True)
class Variation:
    """One combination of a grid: what is set, and the end of the names of what it is set in."""

    label: str
    settings: Settings


def grid(values: Mapping[str, Sequence[Any]]) -> list[Variation]:
    """Return every combination of the values of some fields, the last field's changing fastest.

    Raises:
        ValueError: there are too many.

    >>> [each.label for each in grid({"optimiser.lr": [0.1, 1e-4], "seed": [0]})]
    ['+lr=0.1+seed=0', '+lr=0.0001+seed=0']
    >>> grid({})
    [Variation(label='', settings={})]
    """
    count = math.prod(map(len, values.values()))
    if count > MAX_VARIATIONS:
        raise ValueError(
            f"{count:,} variations of a recipe; at most {MAX_VARIATIONS:,} are made: give fewer "
            "values in `sweep` and `seeds`"
        )
    chosen = [dict(zip(values, each, strict=True)) for each in product(*values.values())]
    return [Variation(_label(settings), settings) for settings in chosen]


def _label(settings: Settings) -> str:
    ends = [path.rpartition(".")[2] for path in settings]
    names = [
        end if ends.count(end) == 1 else path for path, end in zip(settings, ends, strict=True)
    ]
    values = map(_as_text, settings.values())
    return "".join(f"+{name}={value}" for name, value in zip(names, values, strict=True))


def _as_text(value: Any) -> str:
    """Write a value so that it can be part of a folder's name.

    >>> _as_text([320, 480]), _as_text({"name": "step", "every": 3}), _as_text({"bce": 1})
    ('320x480', 'step-every-3', 'bce-1')
    """
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, dict):
        each = {"" if key == "name" else f"{key}-": inner for key, inner in value.items()}
        return "-".join(key + _as_text(inner) for key, inner in each.items())
    if isinstance(value, list):
        numbers = all(isinstance(each, int | float) for each in value)
        return ("x" if numbers else "-").join(map(_as_text, value)) or "none"
    return str(value).replace("/", "-").lower() if value is not None else "none"


def read_settings(changes: Sequence[str]) -> tuple[Settings, Settings]:
    """Return what a command line sets in every recipe, and what it sets in the suite.

    Args:
        changes: "recipe.FIELD=VALUE" or "suite.FIELD=VALUE" each, the value written as in YAML.

    Raises:
        BadConfig: one is no such thing, or names a field for the second time.
    """
    of_recipes: dict[str, Any] = {}
    of_suite: dict[str, Any] = {}
    for change in changes:
        path, equals, text = change.partition("=")
        kind = of_recipes if path.startswith(OF_RECIPES) else of_suite
        field = path.strip().removeprefix(OF_RECIPES if kind is of_recipes else OF_SUITE)
        if not equals or field == path or not all(field.split(".")):
            wanted = "recipe.FIELD=VALUE or suite.FIELD=VALUE, such as recipe.loss.bce=2"
            raise BadConfig(f"--set {change}: wanted is {wanted}")
        if field in kind:
            raise BadConfig(f"--set {change}: {path} is set twice; set it once")
        kind[field] = read_value(text, f"--set {change}")
    return of_recipes, of_suite


def with_fields(config: Config, settings: Settings, what: str) -> Config:
    """Return a recipe or suite with some fields set.

    Args:
        what: sets them; errors begin with it.

    Raises:
        BadConfig: there is no such field, or the value breaks a rule.
    """
    values = config.model_dump(mode="json", exclude_none=True)
    for path, value in settings.items():
        _set(values, path, value, what)
    try:
        return type(config).model_validate(values)
    except ValidationError as error:
        raise BadConfig(f"{what}:{faults(error, type(config))}") from error


def _set(values: dict[str, Any], path: str, value: Any, what: str) -> None:
    *above, last = path.split(".")
    for name in above:
        inner = values.setdefault(name, {})
        if not isinstance(inner, dict):
            raise BadConfig(
                f"{what}: {path}: {name} is {inner!r}, which has no fields; set all of {name}"
            )
        values = inner
    values[last] = value
