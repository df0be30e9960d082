"""Every recipe with its network's size and cost beside the paper's figures.

Reads  the recipes. Nothing is trained; networks are built on the meta device (shapes only), so that
       all of them are listed in seconds.
"""

from dataclasses import asdict
from typing import Any

from rich.table import Table

from bench.config.library import RECIPES, list_names, load_recipe
from bench.config.machine import Machine
from bench.networks.build import meta_network, named_misfits
from bench.system.progress import track
from bench.training.cost import measure
from models.interface import parameter_count
from models.summary import gflops, layers


def entries(machine: Machine | None = None) -> list[dict[str, Any]]:
    """Return all recipes, each as `entry` does."""
    recipes = list_names(RECIPES)
    return [entry(name, machine) for name in track(recipes, "recipes", len(recipes))]


def entry(name: str, machine: Machine | None = None) -> dict[str, Any]:
    """Describe a recipe as JSON can hold it: name, network, params, gflops, size, source, reported.

    Args:
        machine: where to time a training step and a prediction; None times nothing.

    Raises:
        BadConfig: no such recipe, or its network cannot be built or does not work at its size.
    """
    recipe = load_recipe(name)
    network = meta_network(recipe)
    with named_misfits(recipe, recipe.size):
        operations = gflops(network, recipe.size)
    description = {
        "name": name,
        "network": recipe.network.name,
        "params": parameter_count(network),
        "gflops": operations,
        "size": list(recipe.size),
        "source": recipe.source,
        "reported": recipe.reported,
    }
    return description | (asdict(measure(recipe, machine)) if machine else {})


def layer_entries(name: str) -> list[dict[str, Any]]:
    """Return the layers of a recipe's network at its size: name, kind, output shape, parameters."""
    recipe = load_recipe(name)
    return [asdict(layer) for layer in layers(meta_network(recipe), recipe.size)]


def table(rows: list[dict[str, Any]]) -> Table:
    """Return rows of equal keys as a table for a terminal."""
    text = Table(*rows[0])
    for row in rows:
        text.add_row(*map(_cell, row, row.values()))
    return text


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
