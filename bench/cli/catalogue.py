"""What there is to run: every recipe with its network's size and cost beside the paper's figures.

Reads  the recipes. Nothing is trained; networks are built without numbers, so that all of them
       are listed in seconds.
"""

from dataclasses import asdict
from typing import Any

from rich.table import Table

from bench.config.library import RECIPES, load_recipe, names
from bench.networks.build import meta_network
from bench.system.device import Machine
from bench.system.progress import track
from bench.training.cost import measure
from models.interface import parameter_count
from models.summary import gflops, layers


def entries(machine: Machine | None = None) -> list[dict[str, Any]]:
    """Every recipe, see `entry`."""
    found = names(RECIPES)
    return [entry(name, machine) for name in track(found, "recipes", len(found))]


def entry(name: str, machine: Machine | None = None) -> dict[str, Any]:
    """A recipe as JSON can hold it: name, network, params, gflops, size, source, reported.

    Args:
        machine: where to time a training step and a prediction; None times nothing.

    Raises:
        BadConfig: no such recipe, or its network cannot be built.
    """
    recipe = load_recipe(name)
    network = meta_network(recipe)
    found = {
        "name": name,
        "network": recipe.network.name,
        "params": parameter_count(network),
        "gflops": gflops(network, recipe.size),
        "size": list(recipe.size),
        "source": recipe.source,
        "reported": recipe.reported,
    }
    return found | (asdict(measure(recipe, machine)) if machine else {})


def layer_entries(name: str) -> list[dict[str, Any]]:
    """The layers of a recipe's network at its size: name, kind, output shape, parameters."""
    recipe = load_recipe(name)
    return [asdict(layer) for layer in layers(meta_network(recipe), recipe.size)]


def table(rows: list[dict[str, Any]]) -> Table:
    """Rows of equal keys for people."""
    shown = Table(*rows[0])
    for row in rows:
        shown.add_row(*map(_cell, row, row.values()))
    return shown


def _cell(column: str, value: Any) -> str:
    if value is None or value == {}:
        return ""
    if column in {"params", "parameters"}:
        return f"{value:,}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {figure:,}" for key, figure in value.items())
    if isinstance(value, list | tuple):
        return "x".join(map(str, value))
    return f"{value:.1f}" if isinstance(value, float) else str(value)
