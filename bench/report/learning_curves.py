"""Learning curves of every training (Xu et al., Figure 7)."""

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bench.report import svg
from bench.report.facts import Facts
from bench.report.svg import PAPER, TILE, Drawing, series


def draw(facts: Facts) -> list[Drawing]:
    """Draw validation Dice and training loss of every member by epoch (Xu et al., Figure 7)."""
    trained = {key: each for key, each in facts.histories.items() if "train_loss" in each}
    if not trained:
        return []
    return [_dice_curves(facts, trained), _loss_curves(facts, trained)]


def _dice_curves(facts: Facts, trained: dict[tuple[str, int], pd.DataFrame]) -> Drawing:
    with svg.canvas(TILE, 300) as (figure, axes):
        errors = {key: svg.errors_of(each["valid_dice"]) for key, each in trained.items()}
        svg.dice_axis(axes, "y", np.concatenate(list(errors.values())))
        _curves(facts, axes, trained, errors)
        axes.set_ylabel("validation Dice")
        best = {key: _best(each) for key, each in trained.items()}
        rows = "; ".join(
            f"{facts.names.label(name)}{_fold(facts, fold)} reaches "
            f"{row['valid_dice']:.5f} in epoch {int(row['epoch'])}"
            for (name, fold), row in best.items()
        )
        caption = (
            f"At the photographs' own size, on the {facts.unit}s that choose the best epoch. "
            "Hollow: an epoch at a smaller size."
        )
        description = f"Validation Dice by epoch: {rows}."
        return svg.finish(figure, "dice-curves", "Validation Dice", caption, description)


def _best(table: pd.DataFrame) -> dict[Hashable, float]:
    """The epoch whose network is used: the first best of those at the largest size."""
    rows = table.to_dict("records")
    return max(rows, key=lambda row: (row.get("scale", 1), row["valid_dice"]))


def _loss_curves(facts: Facts, trained: dict[tuple[str, int], pd.DataFrame]) -> Drawing:
    with svg.canvas(TILE, 300) as (figure, axes):
        losses = {key: each["train_loss"].to_numpy() for key, each in trained.items()}
        if min(each.min() for each in losses.values()) > 0:
            axes.set_yscale("log")
        _curves(facts, axes, trained, losses)
        if axes.get_yscale() == "log":
            svg.number_axis(axes.yaxis, *axes.get_ylim())
        axes.set_ylabel("training loss")
        rows = "; ".join(
            f"{facts.names.label(name)}{_fold(facts, fold)} from {each[0]:.3f} to {each[-1]:.3f}"
            for (name, fold), each in losses.items()
        )
        caption = (
            "Each recipe's own: losses of different terms are not comparable, their slopes are."
        )
        description = f"Training loss by epoch: {rows}."
        return svg.finish(figure, "loss-curves", "Training loss", caption, description)


def _curves(
    facts: Facts,
    axes: Axes,
    trained: dict[tuple[str, int], pd.DataFrame],
    values: dict[tuple[str, int], Any],
) -> None:
    """Draw a line for each training, with its member's number at its end."""
    ends = []
    for (name, fold), table in trained.items():
        colour = series(facts.names.number(name) - 1)
        small = (table["scale"] < 1).to_numpy() if "scale" in table else np.zeros(len(table), bool)
        line = values[name, fold]
        axes.plot(table["epoch"], line, color=colour)
        axes.plot(table["epoch"][~small], line[~small], "o", color=colour)
        axes.plot(table["epoch"][small], line[small], "o", color=colour, markerfacecolor=PAPER)
        if fold == facts.suite.folds.run[0]:
            ends.append((table["epoch"].iloc[-1], line[-1], str(facts.names.number(name)), colour))
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    svg.label_points(axes, ends)


def _fold(facts: Facts, fold: int) -> str:
    """The fold in words; nothing where a single fold runs."""
    return f" (fold {fold})" if len(facts.suite.folds.run) > 1 else ""
