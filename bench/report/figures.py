"""The report's figures of results: what ensembles gain, what they cost, car by car."""

import numpy as np
import pandas as pd

from bench.data.carvana import car_of
from bench.report import svg
from bench.report.facts import Facts
from bench.report.svg import ACCENT, INK, LINE, PAPER, SOFT, TILE, Drawing
from bench.scores.ranking import pareto_front
from bench.system.text import number, signed

ROW = 22.0  # of a line of a list
DICE_UNIT = 1e-4  # differences of Dice are written in ten-thousandths
MOST_CARS = 60  # rows of the figure of cars; beyond, the worst


def gains(facts: Facts) -> list[Drawing]:
    """What each ensemble gains over its best member, and over the plain mean."""
    over_best = {
        name: (row["gain"], row["gain_low"], row["gain_high"])
        for name, row in facts.scored.set_index("entry").iterrows()
        if np.isfinite(row["gain"])
    }
    over_mean = {
        each["entry"]: _three(each["over_plain_mean"]) for each in facts.analysis["ensembles"]
        if each["over_plain_mean"] and each["rule"] != "mean"
    }  # fmt: skip
    order = [name for name in facts.entries if name in over_best or name in over_mean]
    found = []
    for values, name, other, note in (
        (over_best, "gain-over-best", "its best member",
         "The best member is the best on these same cars, which flatters it a little."),
        (over_mean, "gain-over-mean", "the plain mean",
         "Rules that learn are fitted on other cars than they are scored on."),
    ):  # fmt: skip
        rows = [(facts.label(each), values[each]) for each in order if each in values]
        if rows:
            found.append(_forest(rows, name, f"Gain over {other}", note))
    return found


def leave_one_out(facts: Facts) -> list[Drawing]:
    """What each member adds to the plain rules, one figure a rule."""
    found = []
    for place, each in enumerate(facts.analysis["ensembles"]):
        rows = [
            (f"{facts.number(one['member'])}  {facts.label(one['member'])}", _three(one))
            for one in each["leave_one_out"] if "mean" in one
        ]  # fmt: skip
        if rows:
            title = f"What each member adds to {facts.label(each['entry'])}"
            note = "The ensemble's Dice less its Dice without the member: below zero, it costs."
            found.append(_forest(rows, f"leave-out-{place}", title, note))
    return found


def _three(gain: dict[str, float]) -> tuple[float, float, float]:
    return gain["mean"], gain["low"], gain["high"]


def _forest(
    rows: list[tuple[str, tuple[float, float, float]]], name: str, title: str, note: str
) -> Drawing:
    """Differences of Dice with their intervals, one a line."""
    with svg.canvas(TILE, 62 + ROW * len(rows)) as (figure, axes):
        means, lows, highs = np.array([each for _, each in rows]).T / DICE_UNIT
        places = np.arange(len(rows))
        sure = (lows > 0) | (highs < 0)
        axes.axvline(0, color=SOFT, linewidth=1)
        for some, colour in ((sure, ACCENT), (~sure, SOFT)):
            axes.hlines(places[some], lows[some], highs[some], color=colour, linewidth=2)
            axes.plot(means[some], places[some], "o", color=colour, markersize=6)
        axes.set_yticks(places, [label for label, _ in rows], color=INK)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("difference of mean Dice, ten-thousandths")
        told = "; ".join(
            f"{label} {signed(mean)} [{signed(low)} to {signed(high)}]"
            for label, (mean, low, high) in rows
        )
        caption = f"95 % intervals over cars; coloured where they leave out zero. {note}"
        return svg.finish(figure, name, title, caption, f"{title}: {told}.")


def calibration(facts: Facts) -> list[Drawing]:
    """How often a pixel is car for each number of members that see one."""
    table = pd.DataFrame(facts.analysis["calibration"])
    members = len(table) - 1
    if members < 2:
        return []
    told = table.dropna()
    with svg.canvas(TILE, 300) as (figure, axes):
        axes.plot([0, members], [0, 1], "--", color=SOFT, linewidth=1)
        axes.plot(told["votes"], told["share_car"], "o-", color=ACCENT)
        for votes, pixels, share in told[["votes", "pixels", "share_car"]].itertuples(index=False):
            side = 1 if share > 0.5 else -1  # away from the curve, which rises
            axes.annotate(
                _percent(pixels / table["pixels"].sum()), (votes, share),
                xytext=(6 * side, -7 * side), textcoords="offset points", fontsize=10,
                ha="left" if side > 0 else "right", va="top" if side > 0 else "bottom", color=SOFT,
            )  # fmt: skip
        axes.set_xlim(-0.55, members + 0.6)
        axes.set_ylim(-0.06, 1.06)
        axes.set_xticks(range(members + 1))
        axes.set_xlabel("members that see car")
        axes.set_ylabel("share that is car")
        rows = "; ".join(
            f"{int(votes)} of {members}: {share:.3f}"
            for votes, share in told[["votes", "share_car"]].itertuples(index=False)
        )
        return [svg.finish(
            figure, "calibration", "Accuracy against agreement",
            "How often a pixel is car, by the members that see car there, and how many pixels "
            "those are. On the dashed line the share of votes is the probability.",
            f"Share of pixels that are car, by the number of members for it: {rows}.",
        )]  # fmt: skip


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def pareto(facts: Facts) -> list[Drawing]:
    """Dice against what an entry costs: time for a photograph, and to be trained."""
    return [
        *_front(facts, "predict_ms", 1.0, "pareto", "Quality against time",
                "ms a photograph, from file to map"),
        *_front(facts, "train_s", 60.0, "pareto-training", "Quality against training",
                "minutes of training"),
    ]  # fmt: skip


def _front(
    facts: Facts, cost: str, unit: float, name: str, title: str, label: str
) -> list[Drawing]:
    """Entries by one cost, in units of so many, and those that no other matches for less."""
    table = facts.scored[facts.scored[cost].astype(float) > 0]
    if len(table) < 2:
        return []
    costs, errors = table[cost].to_numpy(dtype=float) / unit, svg.errors_of(table["dice"])
    front = pareto_front(costs, table["dice"])
    single = (table["kind"] == "single").to_numpy()
    with svg.canvas(TILE, 360) as (figure, axes):
        svg.dice_axis(axes, "y", errors, room=1.3)
        axes.set_xscale("log")
        axes.set_xlim(costs.min() / 1.35, costs.max() * 3.4)  # room for names on the right
        svg.number_axis(axes.xaxis, *axes.get_xlim())
        order = np.argsort(costs[front])
        axes.plot(costs[front][order], errors[front][order], color=ACCENT, linewidth=1,
                  drawstyle="steps-post")  # fmt: skip
        for some, colour in ((~front, SOFT), (front, ACCENT)):
            axes.plot(costs[some & single], errors[some & single], "o", color=colour, markersize=7)
            axes.plot(costs[some & ~single], errors[some & ~single], "D", color=colour)
        axes.set_xlabel(label)
        axes.set_ylabel("Dice")
        for each in np.unique(costs.round(6)):
            svg.label_points(axes, [
                (costs[place], errors[place], _short(facts, table["entry"].iloc[place]),
                 INK if front[place] else SOFT)
                for place in np.flatnonzero(costs.round(6) == each)
            ], size=10)  # fmt: skip
        told = "; ".join(
            f"{facts.label(entry)} {number(each, 1)}, Dice {dice:.5f}"
            for entry, each, dice in zip(
                table["entry"][front], costs[front], table["dice"][front], strict=True
            )
        )
        return [svg.finish(
            figure, name, title,
            "Circles are single models, diamonds ensembles, whose members' costs add up. "
            "Coloured: no other is as good for less.",
            f"Entries that no other matches for less, in {label}: {told}.",
        )]  # fmt: skip


def _short(facts: Facts, entry: str) -> str:
    """A single model's number, or an ensemble's name."""
    return str(facts.number(entry)) if entry in facts.members else facts.label(entry)


def cars(facts: Facts) -> list[Drawing]:
    """Every photograph's Dice, car by car, of the ensemble and of its best member."""
    told = facts.analysed(facts.ensemble)
    member = told["best_member"] if told else None
    shown = facts.dice.T[[facts.ensemble, *([member] if member else [])]]
    grouped = dict(iter(shown.groupby(shown.index.map(car_of))))
    order = sorted(grouped, key=lambda car: float(grouped[car][facts.ensemble].median()))
    order = order[:MOST_CARS]
    with svg.canvas(2 * TILE, 64 + 20 * len(order)) as (figure, axes):
        errors = svg.errors_of(shown[facts.ensemble])
        svg.dice_axis(axes, "x", errors)
        for place, car in enumerate(order):
            own = svg.errors_of(grouped[car][facts.ensemble])
            axes.hlines(place, own.min(), own.max(), color=LINE, linewidth=1)
            axes.plot(own, np.full(len(own), place), "o", color=ACCENT, alpha=0.45, markersize=4.5)
            middle = float(np.median(own))
            axes.plot([middle] * 2, [place - 0.34, place + 0.34], color=INK, linewidth=2)
            if member:
                other = float(np.median(svg.errors_of(grouped[car][member])))
                axes.plot(other, place, "D", color=SOFT, markerfacecolor=PAPER, markersize=5)
        axes.set_yticks(range(len(order)), [facts.about_car(car) for car in order], color=INK)
        axes.set_ylim(len(order) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("Dice")
        rows = "; ".join(
            f"{facts.about_car(car)} {grouped[car][facts.ensemble].median():.5f}" for car in order
        )
        beside = f", the diamond that of {facts.label(member)}" if member else ""
        left_out = len(grouped) - len(order)
        return [svg.finish(
            figure, "cars", f"{facts.label(facts.ensemble)}, car by car",
            f"Each dot is a photograph; the stroke is the car's median{beside}."
            + (f" The {left_out} best cars are left out." if left_out else ""),
            f"Median Dice of each car, the worst first: {rows}.", wide=True,
        )]  # fmt: skip
