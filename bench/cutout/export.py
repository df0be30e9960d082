"""An entry of a run -> a folder that needs nothing of the run.

Reads  suite.yaml, recipes, weights, learned parameters and scores of a run, and photographs to
       try the copy on.
Writes the same recipes and weights, or what the networks were converted to, and manifest.json
       last: see model.py.
"""

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from bench.config.layout import Layout, TrainingFolder
from bench.config.machine import Machine
from bench.config.recipe import Recipe
from bench.config.strict import read
from bench.config.suite import Suite
from bench.cutout.manifest import (
    FORMAT,
    MANIFEST,
    ExportedMember,
    ExportedNetwork,
    Manifest,
    Scored,
    read_manifest,
    sha256_of,
)
from bench.cutout.model import Model, open_model
from bench.data.content import SEEN
from bench.data.dataset import DataSet, unit_of
from bench.data.folds import in_fold, read_folds
from bench.data.image_ids import spread
from bench.data.images import read_image
from bench.doubt.calibration import UNCALIBRATED
from bench.doubt.heldout import calibrate_on_run, scores_of
from bench.ensembles.entry import Entry, entry_of_run
from bench.masks.types import Map
from bench.metrics.parity import Parity, parity
from bench.metrics.statistics import SHARE, intervals
from bench.networks.engines.engines import ENGINES
from bench.networks.load import load_network
from bench.networks.manifest import check_weights
from bench.networks.quantised import Quantised, check_quantised, check_scored
from bench.own.opening import open_data
from bench.system.environment import environment
from bench.system.errors import BadConfig, BenchError, Missing
from bench.system.files import read_json, sha256, write_bytes, write_json
from bench.system.progress import say, track
from bench.system.temporaries import filled_at_once, holds_anything, temporary_folder

COMPARED = 16  # held-out photographs on which the masks of a copy are compared
COMPARE_NOTHING = "leave --data out, and they are not compared"


def run(
    folder: Path, name: str, out: Path, *, engine: str | None = None, data: Path | None = None
) -> Manifest:
    """Export an entry of a run into an empty folder, or again into the one it was exported to.

    Args:
        engine: of ENGINES; convert the networks, so that it runs them on a CPU.
        data: a data folder; its held-out photographs must get the masks of float32.

    Raises:
        BadConfig: the run has no such entry, or `out` holds something else.
        Missing: there is no such run, a member is not trained yet, or the engine is not installed.
        BenchError: the masks are not those of float32, or a network cannot be converted.
    """
    manifest = manifest_of(folder, name)
    _check_out(out, manifest)
    with temporary_folder("export") as temporary:
        exported, source = manifest, folder
        if engine:
            if manifest.converted:
                say(f"{name}: converted as it was trained: what was made in int8 is left out")
            exported, source = _converted(manifest, folder, temporary, engine), temporary
        if data:
            machine = Machine("cpu" if engine else "auto")
            float32 = Model(folder, manifest.unconverted, machine, exact=True)
            result = _compare(Model(source, exported, machine), float32, data, folder)
            if not result.close:
                cure = COMPARE_NOTHING if engine else _cure(folder, manifest)
                raise BenchError(f"masks are not those of float32: {result}; {cure}")
        _copy(exported, Layout(source), out)
    say(f"doubt: {manifest.doubt.trial if manifest.doubt else UNCALIBRATED}")
    return exported


def _check_out(out: Path, manifest: Manifest) -> None:
    """Refuse a folder that holds anything but an earlier export of this entry."""
    if not holds_anything(out):
        return
    if not (out / MANIFEST).exists():
        raise BadConfig(f"{out}: holds something else; name a new folder")
    there = read_manifest(out)
    if (there.entry, there.made_by.get("run")) != (manifest.entry, manifest.made_by.get("run")):
        raise BadConfig(
            f"{out}: holds the entry {there.entry!r} of the run {there.made_by.get('run')!r}; name "
            "a new folder"
        )


def _converted(manifest: Manifest, run: Path, out: Path, engine: str) -> Manifest:
    """Write the networks of a run to `out` as an engine runs them; return their manifest."""
    source, target, members = Layout(run), Layout(out), []
    for member in manifest.members:
        networks = []
        for network in member.parts:
            training = source.training(member.name, network.fold)
            converted = target.training(member.name, network.fold)
            networks.append(_convert(network, training, converted, engine))
        base = member.base and _converted(member.base, run, out, engine)
        members.append(member.model_copy(update={"parts": tuple(networks), "base": base}))
    return manifest.model_copy(update={"members": tuple(members)})


def _convert(
    network: ExportedNetwork, training: TrainingFolder, out: TrainingFolder, engine: str
) -> ExportedNetwork:
    write_bytes(out.recipe, training.recipe.read_bytes())
    recipe = read(training.recipe, Recipe)
    if engine == "onnx-static" and recipe.tta.scales != (1.0,):
        raise BadConfig(
            f"--onnx static: {training.folder} sees photographs at the scales "
            f"{', '.join(map(str, recipe.tta.scales))}, a static network at one; use --onnx free"
        )
    if not (out.folder / ENGINES[engine].files[0]).exists():  # edge networks may share it
        ENGINES[engine].convert(load_network(recipe, training), recipe.size, out.folder)
    hashes = tuple(sha256(out.folder / file) for file in ENGINES[engine].files)
    return network.model_copy(update={"engine": engine, "converted_sha256": hashes})


def _copy(manifest: Manifest, source: Layout, out: Path) -> None:
    with filled_at_once(out, MANIFEST) as new:
        for member in manifest.all_members:
            for network in member.parts:
                training = source.training(member.name, network.fold).folder
                copy = Layout(new).training(member.name, network.fold).folder
                for file in network.files():
                    write_bytes(copy / file, (training / file).read_bytes())
        fields = manifest.model_dump(mode="json")
        write_json(new / MANIFEST, fields | {"own_sha256": sha256_of(fields)})


def _compare(exported: Model, float32: Model, data: Path, run: Path) -> Parity:
    """Compare the masks of two models of one entry on held-out photographs, and say the result."""
    carvana = open_data(data)
    images = _some_heldout(Layout(run), carvana)
    maps: tuple[list[Map], list[Map]] = ([], [])
    for image in track(images, "compare with float32", len(images)):
        photo = read_image(carvana.train[image])
        for model, of_model in zip((exported, float32), maps, strict=True):
            of_model.append(model.merge(model.maps([photo])[0]))
    result = parity(*maps, [carvana.mask(image) for image in images])
    say(f"parity with float32, {len(images)} held-out photographs: {result}")
    return result


def _cure(run: Path, manifest: Manifest) -> str:
    """Say how an entry is exported whose masks, as the run predicts, are not those of float32."""
    in_int8 = [name for name in manifest.files if name.endswith(ENGINES["openvino"].files[0])]
    if not in_int8:
        return COMPARE_NOTHING
    files = ", ".join(str(TrainingFolder((run / name).parent).quantised) for name in in_int8)
    return (
        f"the run predicts in int8: remove {files}, and `run` its suite again, to export networks "
        f"as they were trained; or, to export int8, {COMPARE_NOTHING}"
    )


def _some_heldout(layout: Layout, data: DataSet) -> list[str]:
    """At most `COMPARED` held-out images of a run, spread over its cars and views."""
    folds = read_folds(layout.folds)
    heldout = [
        image
        for fold in read(layout.suite, Suite).folds.run
        for image in in_fold(sorted(data.train), folds, fold)
    ]
    if not heldout:
        raise Missing(f"{data.root}: none of the run's held-out photographs; name its own data")
    return spread(heldout, COMPARED)


def manifest_of(folder: Path, name: str) -> Manifest:
    """The manifest with which the entry `name` of a run is exported.

    Raises:
        BadConfig, Missing: as `run`.
    """
    layout = Layout(folder)
    if not layout.suite.is_file():
        raise Missing(f"{folder}: no suite.yaml, so no run; make one with `run SUITE`")
    suite = read(layout.suite, Suite)
    whole = entry_of_run(suite, layout, name, called=str(folder))
    entry = whole.without_idle_members() if whole.learns else whole
    return Manifest(
        format=FORMAT,
        suite=suite.title,
        entry=name,
        rule=entry.rule,
        parameters=entry.parameters,
        refine=entry.refine,
        members=tuple(_member(layout, member, suite) for member in entry.members),
        **_scores(layout, entry, suite),
        doubt=calibrate_on_run(layout, whole, entry.members),
        made_by={
            "run": folder.resolve().name,
            **_trained_on(layout, entry, suite.folds.run),
            **environment(),
        },
    )


def open_entry(model: Path | None, run: Path | None, name: str | None, machine: Machine) -> Model:
    """An exported model, or the entry `name` of a run as if it had been exported.

    Raises:
        BadConfig: neither a model alone, nor a run and its entry; otherwise as `manifest_of`.
        Missing, BadData: as `open_model`, `manifest_of` and `Model`.
    """
    if model and not run and not name:
        return open_model(model, machine)
    if model or not run or not name:
        raise BadConfig("name an exported --model alone, or a --run and its --entry")
    return Model(run, manifest_of(run, name), machine)


def _member(layout: Layout, name: str, suite: Suite) -> ExportedMember:
    trainings = {fold: layout.training(name, fold) for fold in suite.folds.run}
    for training in trainings.values():
        if not training.finished:
            raise Missing(f"{training.folder}: not trained to the end yet; train it first")
        check_weights(training)
    in_int8 = {fold: check_quantised(training) for fold, training in trainings.items()}
    check_scored(layout.maps(name, "heldout"), in_int8.values())
    networks = [_network(fold, training, in_int8[fold]) for fold, training in trainings.items()]
    recipe = read(trainings[suite.folds.run[0]].recipe, Recipe)
    base = manifest_of(layout.folder, recipe.edge.of) if recipe.edge else None
    return ExportedMember(name=name, size=recipe.size, parts=tuple(networks), base=base)


def _network(fold: int, training: TrainingFolder, in_int8: Quantised | None) -> ExportedNetwork:
    """A trained network as the run predicts with it: in int8 where it does."""
    network = ExportedNetwork(
        fold=fold,
        recipe_sha256=sha256(training.recipe),
        weights_sha256=sha256(training.weights),
    )
    if not in_int8:
        return network
    hashes = tuple(in_int8.files[file] for file in ENGINES["openvino"].files)
    return network.model_copy(update={"engine": "openvino", "converted_sha256": hashes})


class _Record(BaseModel):
    """The part of a training's record that says what it was trained on."""

    made_from: dict[str, dict[str, str]]


def _trained_on(layout: Layout, entry: Entry, folds: tuple[int, ...]) -> dict[str, list[str]]:
    """A hash of the photographs of each car that trained a member or chose its epoch.

    Whoever has these photographs can tell that they are not new to the model, whatever they are
    called; of trainings of an earlier version, only while they have the same ids. Of those that
    noted nothing at all, there are none.
    """
    records = [layout.training(name, fold).record for name in entry.members for fold in folds]
    if not all(record.is_file() for record in records):
        return {}
    hashes: set[str] = set()
    for record in records:
        made_from = read_json(record, _Record, "run the suite again").made_from
        earlier = [f"photographs of {kind} cars" for kind in ("training", "validation")]
        by_id = {digest for kind in earlier for digest in made_from.get(kind, {}).values()}
        hashes |= made_from.get(SEEN, {}).keys() or by_id
    return {"trained_on": sorted(hashes)}


def _scores(layout: Layout, entry: Entry, suite: Suite) -> dict[str, Any]:
    """The fields of a manifest that say how good the entry is; none before it was scored."""
    own = scores_of(layout, entry.name)
    if own.empty:
        return {}
    unit = unit_of(own.columns)
    cars = own[unit].nunique()
    ends = intervals([own["dice"]], own[unit], bounds=SHARE)[0] if cars > 1 else None
    scored = Scored(
        photographs=len(own),
        cars=cars,
        unit=unit,
        interval=None if ends is None else (float(ends[0]), float(ends[1])),
        folds=suite.folds.count,
        trained_folds=len(suite.folds.run),
        split=suite.split,
    )
    return {"dice": float(own["dice"].mean()), "scored": scored}
