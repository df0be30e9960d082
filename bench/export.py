"""An entry of a run -> a folder that needs nothing of the run.

Reads  suite.yaml, recipes, weights, learned parameters and scores of a run.
Writes the same recipes and weights, and manifest.json last: see exported.py.
"""

import json
from pathlib import Path

import pandas as pd

from bench.config import Recipe, Suite
from bench.device import Machine
from bench.entries import Entry, entries_of, fitted
from bench.environment import environment
from bench.errors import BadConfig, Missing
from bench.exported import FORMAT, MANIFEST, Manifest, Member, Model, Part, open_model
from bench.files import sha256, write_bytes, write_text
from bench.layout import Layout
from bench.steps import Steps, from_json
from bench.strict import read

FILES = ("recipe.yaml", "weights.safetensors")


def run(folder: Path, name: str, out: Path) -> Manifest:
    """Export an entry of a run into an empty folder, or again into the one it was exported to.

    Raises:
        BadConfig: the run has no such entry, or `out` holds something else.
        Missing: there is no such run, or a member is not trained yet.
    """
    manifest = describe(folder, name)
    if out.exists() and any(out.iterdir()) and not (out / MANIFEST).exists():
        raise BadConfig(f"{out}: holds something else; name a new folder")
    (out / MANIFEST).unlink(missing_ok=True)  # from here on incomplete
    source, target = Layout(folder), Layout(out)
    for member in manifest.members:
        for part in member.parts:
            for file in FILES:
                copy = target.training(member.name, part.fold) / file
                write_bytes(copy, (source.training(member.name, part.fold) / file).read_bytes())
    write_text(out / MANIFEST, manifest.model_dump_json(indent=2) + "\n")
    return manifest


def describe(folder: Path, name: str) -> Manifest:
    """The manifest of a run's entry, as it is to be exported.

    Raises:
        BadConfig, Missing: as `run`.
    """
    layout = Layout(folder)
    if not layout.suite.is_file():
        raise Missing(f"{folder}: no suite.yaml, so no run; make one with `run SUITE`")
    suite = read(layout.suite, Suite)
    entries = {entry.name: entry for entry in entries_of(suite, _refinements(layout))}
    if name not in entries:
        raise BadConfig(f"{folder}: no entry {name!r}, only {', '.join(entries)}")
    entry = entries[name]
    if entry.learns:
        entry = fitted(entry, layout.parameters(name))
    return Manifest(
        format=FORMAT,
        suite=suite.title,
        entry=name,
        rule=entry.rule,
        parameters=entry.parameters,
        refine=entry.refine,
        members=tuple(_member(layout, member, suite.folds.run) for member in entry.members),
        dice=_dice(layout, entry),
        made_by={"run": folder.resolve().name, **environment()},
    )


def open_entry(model: Path | None, run: Path | None, name: str | None, machine: Machine) -> Model:
    """An exported model, or the entry `name` of a run as if it had been exported.

    Raises:
        BadConfig: neither a model, nor a run and its entry; otherwise as either deserves.
    """
    if model:
        return open_model(model, machine)
    if not run or not name:
        raise BadConfig("name an exported --model, or a --run and its --entry")
    return Model(run, describe(run, name), machine)


def _refinements(layout: Layout) -> dict[str, Steps]:
    if not layout.refinement.exists():
        return {}
    noted = json.loads(layout.refinement.read_text(encoding="utf-8"))
    return {name: from_json(steps) for name, steps in noted.items()}


def _member(layout: Layout, name: str, folds: tuple[int, ...]) -> Member:
    trainings = {fold: layout.training(name, fold) for fold in folds}
    for training in trainings.values():
        if not (training / "manifest.json").exists():
            raise Missing(f"{training}: not trained to the end yet; train it first")
    parts = [
        Part(
            fold=fold,
            recipe_sha256=sha256(training / "recipe.yaml"),
            weights_sha256=sha256(training / "weights.safetensors"),
        )
        for fold, training in trainings.items()
    ]
    recipe = read(trainings[folds[0]] / "recipe.yaml", Recipe)
    return Member(name=name, size=recipe.size, parts=tuple(parts))


def _dice(layout: Layout, entry: Entry) -> float | None:
    if not layout.scores.exists():
        return None
    scores = pd.read_parquet(layout.scores, columns=["entry", "dice"])
    mine = scores.loc[scores["entry"] == entry.name, "dice"]
    return float(mine.mean()) if len(mine) else None
