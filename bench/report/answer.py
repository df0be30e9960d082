"""The report's opening paragraph: is the ensemble better than its best member, and at what cost?

Every number is computed from the run's tables.
"""

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.ensembles.rules import RULES
from bench.metrics.power import MOST_CARS
from bench.metrics.statistics import Gain, surely_positive
from bench.report.facts import Facts
from bench.scores.ranking import with_empty_masks
from bench.scores.reported import found_nothing
from bench.system.text import duration, listed, milliseconds, number, p_equals, several, signed


@dataclass(frozen=True)
class Answer:
    """The part of the report for a reader who reads nothing else."""

    question: str
    verdict: str
    paragraphs: list[str]
    figures: list[tuple[str, str]]  # a number, and what it is


def answer(facts: Facts) -> Answer:
    """The answer that a run gives."""
    best = facts.row(facts.ensemble)
    analysis = facts.analysed(facts.ensemble)
    if analysis is None or best["members"] < 2:
        return _without_ensemble(facts)
    member = facts.row(analysis.best_member)
    first = [_scores(facts, best, member), _gain(facts, best, member), _cost(best, member)]
    return Answer(
        "Is the ensemble better than its best member?",
        verdict(best, facts.unit),
        [" ".join(first), *_found_nothing(facts), *_learned(facts), *_taught(facts)],
        [
            (signed(best["dice"] - member["dice"]), "Dice over the best member"),
            (number(best["dice"], 6), f"Dice of {facts.names.label(facts.ensemble)}"),
            (_times(best["predict_ms"], member["predict_ms"]), "the time for a photograph"),
            (signed(wrong(best) - wrong(member), 0), "wrong pixels in a photograph"),
        ],
    )


def verdict(best: dict[str, Any], unit: str) -> str:
    """Yes or no, if both the interval and the corrected p-value of the gain agree.

    Args:
        best: the ensemble's row of the leaderboard.
        unit: what is held out together.
    """
    if "gain_p" not in best or math.isnan(best["gain_p"]):
        return f"One {unit} cannot tell."
    if surely_positive(best["gain_low"], best["gain_p"]):
        return "Yes."
    if surely_positive(-best["gain_high"], best["gain_p"]):
        return "No, it is worse."
    return f"These {unit}s cannot tell."


def wrong(row: dict[str, Any]) -> float:
    """The mean number of wrong pixels in a photograph."""
    return float(row["fp_px"] + row["fn_px"])


def _scores(facts: Facts, best: dict[str, Any], member: dict[str, Any]) -> str:
    of_several = (facts.scored["kind"] == "ensemble") & (facts.scored["members"] > 1)
    ensembles = int(of_several.sum())
    which = f", the best of {ensembles} ensembles," if ensembles > 1 else ""
    return (
        f"On {several(facts.images, 'held-out photograph')} of {several(facts.cars, facts.unit)}, "
        f"{facts.names.label(facts.ensemble)}{which} has a mean Dice of {number(best['dice'], 6)}; "
        f"its best member, {facts.names.label(member['entry'])}, has {number(member['dice'], 6)}."
    )


def _gain(facts: Facts, best: dict[str, Any], member: dict[str, Any]) -> str:
    gain = best["dice"] - member["dice"]
    fewer = wrong(member) - wrong(best)
    pixels = (
        f"some {number(abs(fewer), 0)} wrong pixels {'fewer' if fewer >= 0 else 'more'} in a "
        f"photograph on average, of {number(wrong(member), 0)}"
    )
    if math.isnan(best["gain_p"]):
        return f"The difference is {signed(gain)}: {pixels}. One {facts.unit} gives it no interval."
    return (
        f"The difference is {_gain_of_row(facts, best)}: {pixels}.{_cars_to_tell(best, facts.unit)}"
    )


def _gain_of_row(facts: Facts, row: dict[str, Any]) -> str:
    """A gain of the leaderboard, with its evidence."""
    gain = Gain(row["gain"], row["gain_low"], row["gain_high"], row["gain_p"])
    return _with_evidence(gain, int(facts.scored["gain_p"].notna().sum()))


def _with_evidence(gain: Gain, gains: int) -> str:
    """A gain with its interval and its p-value, which is corrected for so many gains."""
    corrected = f", corrected for {gains} such gains" if gains > 1 else ""
    return (
        f"{signed(gain.mean)} [95 % interval {signed(gain.low)} to {signed(gain.high)}; "
        f"{p_equals(gain.p)}{corrected}]"
    )


def _cars_to_tell(best: dict[str, Any], unit: str) -> str:
    """Say how many held-out cars would tell; nothing where these do, or nothing was gained."""
    cars = best.get("gain_cars")
    if cars is None or pd.isna(cars):
        return ""
    more = " or more" if cars == MOST_CARS else ""
    return (
        f" To tell a difference like this four times in five takes {cars:,} held-out {unit}s{more}."
    )


def _cost(best: dict[str, Any], member: dict[str, Any]) -> str:
    if math.isnan(best["predict_ms"]) or not member["predict_ms"]:
        time = "What a photograph takes was not measured"
    else:
        time = (
            f"It costs {milliseconds(best['predict_ms'])} a photograph instead of "
            f"{milliseconds(member['predict_ms'])}, "
            f"{_times(best['predict_ms'], member['predict_ms'])} the time"
        )
    return (
        f"{time}; its {best['members']} members take {duration(best['train_s'])} to train instead "
        f"of {duration(member['train_s'])}."
    )


def _found_nothing(facts: Facts) -> list[str]:
    """A paragraph about the entries whose masks are all empty."""
    said = found_nothing([facts.names.label(name) for name in with_empty_masks(facts.scores)])
    return [said] if said else []


def _learned(facts: Facts) -> list[str]:
    """A paragraph about the rules that learn: which of them surely beat the plain mean."""
    ensembles = facts.analysis.ensembles
    tested = {each.entry: each.over_plain_mean for each in ensembles if each.over_plain_mean}
    learn = [each.entry for each in ensembles if RULES[each.rule].learns]
    gains = {name: gain for name, gain in tested.items() if name in learn}
    if not gains:
        return []
    of_all = f"Of the ensembles whose rule learns ({len(gains)}),"
    better = [name for name in facts.analysis.beat_plain_mean if name in gains]
    if not better:
        return [f"{of_all} none surely beats the plain mean."]
    best = max(better, key=lambda name: gains[name].mean)
    gain = _with_evidence(gains[best], len(tested))
    if len(better) == 1:
        return [f"{of_all} {facts.names.label(best)} alone beats the plain mean: {gain}."]
    names = listed([facts.names.label(name) for name in better])
    return [f"{of_all} {names} beat the plain mean, {facts.names.label(best)} by most: {gain}."]


def _taught(facts: Facts) -> list[str]:
    """A paragraph about each network that a teacher taught."""
    if "teacher" not in facts.scored:
        return []
    taught = facts.scored[facts.scored["teacher"].fillna("") != ""]
    return [_over_untaught(facts, facts.row(str(entry))) for entry in taught["entry"]]


def _over_untaught(facts: Facts, student: dict[str, Any]) -> str:
    """Say what a network reaches with its teacher, and what it gains over the same one without."""
    name, teacher = facts.names.label(student["entry"]), student["teacher"]
    reached = f"{name}, taught by {teacher}, has a mean Dice of {number(student['dice'], 6)}"
    gain = student.get("gain", math.nan)
    if math.isnan(gain):
        return f"{reached}."
    return (
        f"{reached}; the same network without a teacher has {number(student['dice'] - gain, 6)}. "
        f"The difference is {_gain_of_row(facts, student)}.{_cars_to_tell(student, facts.unit)}"
    )


def _without_ensemble(facts: Facts) -> Answer:
    best = facts.row(facts.ensemble)
    return Answer(
        "Which model is best?",
        f"{facts.names.label(facts.ensemble)}.",
        [
            f"On {several(facts.images, 'held-out photograph')} of "
            f"{several(facts.cars, facts.unit)} it has a mean Dice of {number(best['dice'], 6)}. "
            "The suite has no ensemble of several models.",
            *_found_nothing(facts),
            *_taught(facts),
        ],
        [
            (number(best["dice"], 6), "Dice"),
            (milliseconds(best["predict_ms"]), "for a photograph"),
            (number(wrong(best), 0), "wrong pixels in a photograph"),
        ],
    )


def _times(one: float, other: float) -> str:
    return f"{one / other:.1f} ×" if other and math.isfinite(one / other) else "–"
