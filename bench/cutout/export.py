"""An entry of a run -> a folder that needs nothing of the run.

Reads  suite.yaml, recipes, weights, learned parameters and scores of a run, and photographs to
       try the copy on.
Writes the same recipes and weights, or what OpenVINO makes of these, and manifest.json last: see
       exported.py.
"""

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from bench.config.layout import Layout
from bench.config.recipe import Recipe
from bench.config.refinement import Steps, from_json
from bench.config.strict import read
from bench.config.suite import Suite
from bench.cutout.model import (
    FORMAT,
    MANIFEST,
    ExportedMember,
    ExportedNetwork,
    Manifest,
    Model,
    open_model,
)
from bench.data.carvana import Carvana, open_folder
from bench.data.folds import in_fold, read_folds
from bench.data.images import read_image
from bench.ensembles.entry import Entry, check_ensembles, entries_of, read_fitted
from bench.masks.types import Map
from bench.metrics.parity import parity
from bench.networks.load import load_network
from bench.networks.openvino import FILES, convert
from bench.system.device import Machine
from bench.system.environment import environment
from bench.system.errors import BadConfig, BenchError, Missing
from bench.system.files import sha256, write_bytes, write_text
from bench.system.progress import say, track

TRIED = 16  # held-out photographs on which the copy's masks are compared


def run(
    folder: Path, name: str, out: Path, *, openvino: bool = False, data: Path | None = None
) -> Manifest:
    """Export an entry of a run into an empty folder, or again into the one it was exported to.

    Args:
        openvino: convert the networks, so that OpenVINO runs them on a CPU.
        data: a Carvana folder; its held-out photographs must get the masks of float32.

    Raises:
        BadConfig: the run has no such entry, or `out` holds something else.
        Missing: there is no such run, a member is not trained yet, or there is no OpenVINO.
        BenchError: the masks are not those of float32, or a network cannot be converted.
    """
    manifest = describe(folder, name)
    if out.exists() and any(out.iterdir()) and not (out / MANIFEST).exists():
        raise BadConfig(f"{out}: holds something else; name a new folder")
    with TemporaryDirectory(prefix="carvana-export-") as temporary:
        made, source = manifest, folder
        if openvino:
            made, source = _converted(manifest, folder, Path(temporary)), Path(temporary)
        if data:
            machine = Machine("cpu" if openvino else "auto")
            exact = Model(folder, manifest, machine, exact=True)
            _compare(Model(source, made, machine), exact, data, folder)
        _copy(made, Layout(source), out)
    return made


def _converted(manifest: Manifest, folder: Path, ready: Path) -> Manifest:
    """The manifest of the same networks in OpenVINO's format, which are written to `ready`."""
    source, target, members = Layout(folder), Layout(ready), []
    for member in manifest.members:
        name = member.name
        parts = [
            _convert(name, part, source.training(name, part.fold), target.training(name, part.fold))
            for part in member.parts
        ]
        members.append(member.model_copy(update={"parts": tuple(parts)}))
    return manifest.model_copy(update={"members": tuple(members)})


def _convert(name: str, part: ExportedNetwork, training: Path, ready: Path) -> ExportedNetwork:
    write_bytes(ready / "recipe.yaml", (training / "recipe.yaml").read_bytes())
    recipe = read(training / "recipe.yaml", Recipe)
    convert(load_network(name, recipe, training), recipe.size, ready)
    xml, numbers = (sha256(ready / file) for file in FILES)
    return part.model_copy(update={"converted_sha256": (xml, numbers)})


def _copy(manifest: Manifest, source: Layout, out: Path) -> None:
    (out / MANIFEST).unlink(missing_ok=True)  # from here on incomplete
    for member in manifest.members:
        for part in member.parts:
            training = source.training(member.name, part.fold)
            copy = Layout(out).training(member.name, part.fold)
            shutil.rmtree(copy, ignore_errors=True)  # of an earlier export
            for file in part.files():
                write_bytes(copy / file, (training / file).read_bytes())
    write_text(out / MANIFEST, manifest.model_dump_json(indent=2) + "\n")


def _compare(made: Model, exact: Model, data: Path, run: Path) -> None:
    """Say what the copy's masks of held-out photographs differ by from those of float32.

    Raises:
        BenchError: by more than is allowed.
    """
    carvana = open_folder(data)
    chosen = _heldout(Layout(run), carvana)
    found: tuple[list[Map], list[Map]] = ([], [])
    for image in track(chosen, "compare with float32", len(chosen)):
        photo = read_image(carvana.train[image])
        for model, maps in zip((made, exact), found, strict=True):
            maps.append(model.merge(model.maps([photo])[0]))
    result = parity(*found, [carvana.mask(image) for image in chosen])
    say(f"parity with float32, {len(chosen)} held-out photographs: {result}")
    if not result.close:
        raise BenchError(
            f"the masks are not those of float32: {result}; nothing is exported. Without --data "
            "they are not compared"
        )


def _heldout(layout: Layout, data: Carvana) -> list[str]:
    """Some held-out images of a run, spread over its cars and views."""
    folds = read_folds(layout.folds)
    held = [
        image
        for fold in read(layout.suite, Suite).folds.run
        for image in in_fold(sorted(data.train), folds, fold)
    ]
    if not held:
        raise Missing(f"{data.root}: none of the run's held-out photographs; name its own data")
    return held[:: -(-len(held) // TRIED)]


def describe(folder: Path, name: str) -> Manifest:
    """The manifest of a run's entry, as it is to be exported.

    Raises:
        BadConfig, Missing: as `run`.
    """
    layout = Layout(folder)
    if not layout.suite.is_file():
        raise Missing(f"{folder}: no suite.yaml, so no run; make one with `run SUITE`")
    suite = read(layout.suite, Suite)
    check_ensembles(suite, layout.suite)
    entries = {entry.name: entry for entry in entries_of(suite, _refinements(layout))}
    if name not in entries:
        raise BadConfig(f"{folder}: no entry {name!r}, only {', '.join(entries)}")
    entry = entries[name]
    if entry.learns:
        entry = read_fitted(entry, layout.parameters(name)).without_idle_members()
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


def _member(layout: Layout, name: str, folds: tuple[int, ...]) -> ExportedMember:
    trainings = {fold: layout.training(name, fold) for fold in folds}
    for training in trainings.values():
        if not (training / "manifest.json").exists():
            raise Missing(f"{training}: not trained to the end yet; train it first")
    parts = [
        ExportedNetwork(
            fold=fold,
            recipe_sha256=sha256(training / "recipe.yaml"),
            weights_sha256=sha256(training / "weights.safetensors"),
        )
        for fold, training in trainings.items()
    ]
    recipe = read(trainings[folds[0]] / "recipe.yaml", Recipe)
    return ExportedMember(name=name, size=recipe.size, parts=tuple(parts))


def _dice(layout: Layout, entry: Entry) -> float | None:
    if not layout.scores.exists():
        return None
    scores = pd.read_parquet(layout.scores, columns=["entry", "dice"])
    mine = scores.loc[scores["entry"] == entry.name, "dice"]
    return float(mine.mean()) if len(mine) else None
