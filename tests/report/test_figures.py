"""Figures of results and of learning: every mark and a scale that can be read."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from bench.report import figures, learning_curves, svg


@pytest.fixture
def axes_drawn(monkeypatch):
    """The axes of the figures that are drawn, as they come."""
    found = []
    finish = svg.finish

    def keep(figure: Figure, *args, **kwargs):
        found.extend(figure.axes)
        return finish(figure, *args, **kwargs)

    monkeypatch.setattr(svg, "finish", keep)
    return found


def within(values, limits):
    return (min(limits) <= np.asarray(values)).all() and (np.asarray(values) <= max(limits)).all()


def test_every_car_shows_its_photographs_and_the_best_member_s_median(run_facts, axes_drawn):
    member = run_facts.analysed(run_facts.ensemble).best_member
    dice = run_facts.dice.copy()
    of_first = dice.columns.str.startswith(dice.columns[0].rpartition("_")[0])
    dice.loc[member, of_first] = 0.01  # where the ensemble helps most
    facts = replace(run_facts)
    vars(facts)["dice"] = dice
    figures.cars(facts)
    (axes,) = axes_drawn
    marks = [line for line in axes.lines if line.get_marker() in ("o", "D")]
    cars = {image.rpartition("_")[0] for image in dice.columns}
    assert sum(line.get_marker() == "D" for line in marks) == len(cars)
    assert sum(len(line.get_xdata()) for line in marks) == dice.shape[1] + len(cars)
    assert all(within(line.get_xdata(), axes.get_xlim()) for line in marks)


def history(losses, dice, scales):
    return pd.DataFrame(
        {
            "epoch": range(1, len(losses) + 1),
            "scale": scales,
            "train_loss": losses,
            "valid_dice": dice,
        }
    )


@pytest.mark.parametrize("losses", [[0.46, 0.31, 0.24], [0.46], [4.6, 0.3, 0.1], [0.31, 0.305]])
def test_both_axes_of_learning_curves_have_numbers(run_facts, axes_drawn, losses):
    table = history(losses, [0.95] * len(losses), [1.0] * len(losses))
    learning_curves.draw(replace(run_facts, histories=dict.fromkeys(run_facts.histories, table)))
    for axes in axes_drawn:
        epochs, values = (
            [tick for tick in axis.get_majorticklocs() if within(tick, axis.get_view_interval())]
            for axis in (axes.xaxis, axes.yaxis)
        )
        assert epochs and all(tick == round(tick) for tick in epochs)
        assert len(values) >= 2


def test_curves_name_the_best_of_the_epochs_at_the_largest_size(run_facts):
    table = history([0.5, 0.2, 0.1], [0.97, 0.96, 0.95], [0.5, 1, 1])
    drawn, _ = learning_curves.draw(
        replace(run_facts, histories=dict.fromkeys(run_facts.histories, table))
    )
    assert drawn.alternative.count("reaches 0.96000 in epoch 2") == len(run_facts.histories)
