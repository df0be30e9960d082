"""The leaderboard of a run: its scores beside what each member costs.

Reads  scores.parquet, ceilings.json, manifests of trainings and times of predictions.
Writes the leaderboard in every form, and the means by view and by make.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

from bench.data.carvana import is_real, metadata
from bench.masks.types import size_name
from bench.networks.manifest import TrainingManifest, read_manifest
from bench.networks.quantised import in_int8
from bench.networks.wanted import ms_per_image
from bench.report import facts
from bench.run import inputs
from bench.run.members import base_maps_s
from bench.run.run import Run
from bench.scores import leaderboard
from bench.scores.leaderboard import MemberCost
from bench.scores.pairs import SCORE, read_scores
from bench.scores.ranking import with_empty_masks
from bench.scores.reported import notes
from bench.system.errors import BadFile
from bench.system.files import read_json


def write(run: Run, files: Mapping[str, Path]) -> None:
    """Rank the entries of a run, and write its leaderboard to a file for each form."""
    leaky = any(part.audit().leaky for part in run.splits.values())
    scores = read_scores(run.layout.scores)
    trainings = run.trainings
    manifests = {
        name: [read_manifest(trainings[name, fold].manifest) for fold in run.suite.folds.run]
        for name in run.recipes
    }
    costs = {name: _member_cost(run, name, each) for name, each in manifests.items()}
    board = leaderboard.table(scores, run.entries, costs, inputs.published(run), leaky)
    stores = run.stores("heldout").values()
    cores = facts.other_cores(chain.from_iterable(manifests.values()), stores)
    said = notes(is_real(run.data), cores, in_int8(trainings), with_empty_masks(scores))
    leaderboard.write(board, said, files, run.data.unit)
    if not run.data.of_cars:
        return
    makes = {car: make for car, (_, make, _) in metadata(run.data).items()}
    for name, group in (("view", scores["view"]), ("make", scores["car"].map(makes))):
        leaderboard.write_means_by(group.rename(name), scores, run.layout.by(name))


def _member_cost(run: Run, name: str, manifests: Sequence[TrainingManifest]) -> MemberCost:
    recipe, base, gflops = run.recipes[name], run.base(name), manifests[0].gflops
    size, ceiling = _size_and_ceiling(run, name)
    weights = run.layout.training(name, run.suite.folds.run[0]).weights
    return MemberCost(
        size=size,
        ceiling=ceiling,
        params_m=manifests[0].parameters / 1e6,
        gflops=run.photograph_gflops[name] if gflops is None else gflops,
        disk_mb=weights.stat().st_size / 1e6,
        train_s=sum(manifest.seconds for manifest in manifests) + base_maps_s(run, name),
        predict_ms=ms_per_image(run.layout.maps(name, "heldout")),
        reported_dice=recipe.reported_dice,
        reported_one_minus_jaccard=recipe.reported.get("one_minus_jaccard"),
        base=base,
        **inputs.taught(run, name),
    )


def _size_and_ceiling(run: Run, name: str) -> tuple[str, float]:
    """Return what a network sees, and the mean Dice that it could reach at best."""
    size = size_name(run.recipes[name].size)
    if run.base(name):
        return f"{size} tiles", 1.0  # of the photograph at its own size
    ceilings = read_json(run.layout.ceilings, dict[str, float], SCORE)
    if size not in ceilings:
        raise BadFile(run.layout.ceilings, f"says nothing of {size}", f"remove it and {SCORE}")
    return size, ceilings[size]
