"""The report's figures of results: what ensembles gain and cost; every car or group."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bench.data.image_ids import car_of
from bench.report import svg
from bench.report.facts import Facts
from bench.report.svg import ACCENT, INK, LINE, PAPER, SOFT, TILE, Drawing
from bench.scores.ranking import pareto_front
from bench.system.text import number, signed

ROW = 22.0  # height of a row of a forest plot, CSS pixels
DICE_UNIT = 1e-4  # differences of Dice are written in ten-thousandths
MAX_CARS = 60  # rows of the figure of cars; if there are more, the worst are shown
BEST_MEMBER_NOTE = "The best member is the best on these same {}s, which flatters it a little."
PLAIN_MEAN_NOTE = "Rules that learn are fitted on other {}s than they are scored on."

MeanInterval = tuple[float, float, float]  # mean, low, high


def gains(facts: Facts) -> list[Drawing]:
    """Draw what each ensemble gains over its best member, and over the plain mean."""
    over_best = {
        name: (row["gain"], row["gain_low"], row["gain_high"])
        for name, row in facts.scored.set_index("entry").iterrows()
        if row["kind"] == "ensemble" and np.isfinite(row["gain"])
    }
    over_mean = {
        each.entry: each.over_plain_mean[:3]
        for each in facts.analysis.ensembles
        if each.over_plain_mean and each.rule != "mean"
    }
    order = [name for name in facts.entries if name in over_best or name in over_mean]
    drawings, unit = [], facts.unit
    for name, other, values, note in (
        ("gain-over-best", "its best member", over_best, BEST_MEMBER_NOTE.format(unit)),
        ("gain-over-mean", "the plain mean", over_mean, PLAIN_MEAN_NOTE.format(unit)),
    ):
        rows = [(facts.names.label(each), values[each]) for each in order if each in values]
        if rows:
            drawings.append(_forest(rows, name, f"Gain over {other}", note, unit))
    return drawings


def leave_one_out(facts: Facts) -> list[Drawing]:
    """Draw what each member adds to an ensemble, one figure for each ensemble of a plain rule."""
    drawings = []
    for place, ensemble in enumerate(facts.analysis.ensembles):
        rows = [
            (facts.names.numbered(each.member), (each.mean, each.low, each.high))
            for each in ensemble.leave_one_out
            if np.isfinite(each.mean)
        ]
        if rows:
            title = f"What each member adds to {facts.names.label(ensemble.entry)}"
            note = "The ensemble's Dice less its Dice without the member: below zero, it costs."
            drawings.append(_forest(rows, f"leave-out-{place}", title, note, facts.unit))
    return drawings


def _forest(
    rows: Sequence[tuple[str, MeanInterval]], name: str, title: str, note: str, unit: str
) -> Drawing:
    """A forest plot: differences of Dice with their intervals, one a row."""
    with svg.canvas(TILE, 62 + ROW * len(rows)) as (figure, axes):
        means, lows, highs = np.array([interval for _, interval in rows]).T / DICE_UNIT
        places = np.arange(len(rows))
        significant = (lows > 0) | (highs < 0)
        axes.axvline(0, color=SOFT, linewidth=1)
        for some, colour in ((significant, ACCENT), (~significant, SOFT)):
            axes.hlines(places[some], lows[some], highs[some], color=colour, linewidth=2)
            axes.plot(means[some], places[some], "o", color=colour, markersize=6)
        _label_rows(axes, [label for label, _ in rows])
        axes.set_xlabel("difference of mean Dice, ten-thousandths")
        description = "; ".join(
            f"{label} {signed(mean)} [{signed(low)} to {signed(high)}]"
            for label, (mean, low, high) in rows
        )
        caption = f"95 % intervals over {unit}s; coloured where they leave out zero. {note}"
        return svg.finish(figure, name, title, caption, f"{title}: {description}.")


def calibration(facts: Facts) -> list[Drawing]:
    """Draw how often a pixel is car, by the number of members that see car there."""
    table = pd.DataFrame(facts.analysis.calibration)
    members = len(table) - 1
    if members < 2:
        return []
    happened = table.dropna()  # some numbers of votes never happened
    with svg.canvas(TILE, 300) as (figure, axes):
        axes.plot([0, members], [0, 1], "--", color=SOFT, linewidth=1)
        axes.plot(happened["votes"], happened["share_car"], "o-", color=ACCENT)
        for votes, pixels, share in happened[["votes", "pixels", "share_car"]].itertuples(
            index=False
        ):
            side = 1 if share > 0.5 else -1  # away from the curve, which rises
            axes.annotate(
                _percent(pixels / table["pixels"].sum()),
                (votes, share),
                xytext=(6 * side, -7 * side),
                textcoords="offset points",
                fontsize=10,
                ha="left" if side > 0 else "right",
                va="top" if side > 0 else "bottom",
                color=SOFT,
            )
        axes.set_xlim(-0.55, members + 0.6)
        axes.set_ylim(-0.06, 1.06)
        axes.set_xticks(range(members + 1))
        thing = facts.names.thing
        axes.set_xlabel(f"members that see {thing}")
        axes.set_ylabel(f"share that is {thing}")
        rows = "; ".join(
            f"{int(votes)} of {members}: {share:.3f}"
            for votes, share in happened[["votes", "share_car"]].itertuples(index=False)
        )
        caption = (
            f"How often a pixel is {thing}, by the members that see {thing} there, and how many "
            "pixels those are. On the dashed line the share of votes is the probability."
        )
        description = f"Share of pixels that are {thing}, by the number of members for it: {rows}."
        title = "Accuracy against agreement"
        return [svg.finish(figure, "calibration", title, caption, description)]


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def pareto(facts: Facts) -> list[Drawing]:
    """Draw Dice against what an entry costs: the time of a photograph, and of training."""
    prediction = CostAxis("predict_ms", 1.0, "ms a photograph, from file to map")
    training = CostAxis("train_s", 60.0, "minutes of training")
    return [
        *_front(facts, prediction, "pareto", "Quality against time"),
        *_front(facts, training, "pareto-training", "Quality against training"),
    ]


class CostAxis(NamedTuple):
    """A cost of entries, as an axis shows it."""

    column: str  # of the leaderboard
    unit: float  # the axis shows multiples of it
    label: str


def _front(facts: Facts, cost: CostAxis, name: str, title: str) -> list[Drawing]:
    """Dice of the entries by a cost, and their Pareto front; nothing for a single entry."""
    table = facts.scored[facts.scored[cost.column].astype(float) > 0]
    if len(table) < 2:
        return []
    costs = table[cost.column].to_numpy(dtype=float) / cost.unit
    errors = svg.errors_of(table["dice"])
    front = pareto_front(costs, table["dice"])
    single = (table["kind"] != "ensemble").to_numpy()
    with svg.canvas(TILE, 360) as (figure, axes):
        svg.dice_axis(axes, "y", errors, margin=1.3)
        axes.set_xscale("log")
        axes.set_xlim(costs.min() / 1.35, costs.max() * 3.4)  # room for names on the right
        svg.number_axis(axes.xaxis, *axes.get_xlim())
        order = np.argsort(costs[front])
        steps = costs[front][order], errors[front][order]
        axes.plot(*steps, color=ACCENT, linewidth=1, drawstyle="steps-post")
        for some, colour in ((~front, SOFT), (front, ACCENT)):
            axes.plot(costs[some & single], errors[some & single], "o", color=colour, markersize=7)
            axes.plot(costs[some & ~single], errors[some & ~single], "D", color=colour)
        axes.set_xlabel(cost.label)
        axes.set_ylabel("Dice")
        texts = [_short(facts, entry) for entry in table["entry"]]
        colours = [INK if on_front else SOFT for on_front in front]
        points = list(zip(costs, errors, texts, colours, strict=True))
        for value in np.unique(costs.round(6)):
            places = np.flatnonzero(costs.round(6) == value)
            svg.label_points(axes, [points[place] for place in places], size=10)
        rows = "; ".join(
            f"{facts.names.label(entry)} {number(each, 1)}, Dice {dice:.5f}"
            for entry, each, dice in zip(
                table["entry"][front], costs[front], table["dice"][front], strict=True
            )
        )
        caption = (
            "Circles are single models, diamonds ensembles, whose members' costs add up. "
            "Coloured: no other is as good for less."
        )
        description = f"Entries that no other matches for less, in {cost.label}: {rows}."
        return [svg.finish(figure, name, title, caption, description)]


def _short(facts: Facts, entry: str) -> str:
    """A single model's number, or an ensemble's name."""
    names = facts.names
    return str(names.number(entry)) if entry in facts.members else names.label(entry)


def cars(facts: Facts) -> list[Drawing]:
    """Draw every photograph's Dice, car by car, of the ensemble and of its best member."""
    unit, analysis = facts.unit, facts.analysed(facts.ensemble)
    member = analysis.best_member if analysis else None
    dice = facts.dice.T[[facts.ensemble, *([member] if member else [])]]
    by_car = dict(iter(dice.groupby(dice.index.map(car_of))))
    medians = {car: float(each[facts.ensemble].median()) for car, each in by_car.items()}
    order = sorted(medians, key=lambda car: medians[car])[:MAX_CARS]
    with svg.canvas(2 * TILE, 64 + 20 * len(order)) as (figure, axes):
        others = [svg.errors_of(by_car[car][member].median()) for car in order] if member else []
        svg.dice_axis(axes, "x", np.append(svg.errors_of(dice[facts.ensemble]), others))
        for place, car in enumerate(order):
            errors = svg.errors_of(by_car[car][facts.ensemble])
            axes.hlines(place, errors.min(), errors.max(), color=LINE, linewidth=1)
            dots = np.full(len(errors), place)
            axes.plot(errors, dots, "o", color=ACCENT, alpha=0.45, markersize=4.5)
            median = float(np.median(errors))
            axes.plot([median] * 2, [place - 0.34, place + 0.34], color=INK, linewidth=2)
            if member:
                other = others[place]
                axes.plot(other, place, "D", color=SOFT, markerfacecolor=PAPER, markersize=5)
        _label_rows(axes, [facts.names.car(car) for car in order])
        axes.set_xlabel("Dice")
        rows = "; ".join(f"{facts.names.car(car)} {medians[car]:.5f}" for car in order)
        beside = f", the diamond that of {facts.names.label(member)}" if member else ""
        caption = f"Each dot is a photograph; the stroke is the {unit}'s median{beside}."
        if len(by_car) > len(order):
            caption += f" The {len(by_car) - len(order)} best {unit}s are left out."
        description = f"Median Dice of each {unit}, the worst first: {rows}."
        title = f"{facts.names.label(facts.ensemble)}, {unit} by {unit}"
        return [svg.finish(figure, "cars", title, caption, description, wide=True)]


def _label_rows(axes: Axes, labels: Sequence[str]) -> None:
    """Make an axis of named rows, the first at the top."""
    axes.set_yticks(range(len(labels)), labels, color=INK)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
