"""What the stages of a run are made from, as hashes: all that decides a result."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.config.recipe import Recipe
from bench.config.refinement import to_json
from bench.config.suite import Reported
from bench.data.carvana import is_drawn, is_real
from bench.data.content import SEEN, by_car, by_content, mask_hashes, photograph_hashes
from bench.data.dataset import DataSet
from bench.data.folds import given_folds
from bench.ensembles.entry import Entry
from bench.run.record import Inputs, file_hashes, store_hash
from bench.run.run import Run
from bench.scores import reported
from bench.system.contents import Contents
from bench.system.environment import code_sha256
from bench.system.errors import Missing, naming
from bench.system.files import json_sha256
from bench.training import VERSION
from bench.training.backgrounds import drawn
from bench.training.backgrounds.scene import picture_files
from models.pretrained import FIXED_ENCODERS, MissingWeights, local_weights


def of_folds(run: Run) -> Inputs:
    """Return what the folds are drawn for: the photographs' names, and the suite's settings."""
    settings = run.suite.folds.model_dump(exclude_defaults=True, exclude={"run"})  # may be added
    settings |= {"split": run.suite.split, "limit": run.suite.limit}
    if given := given_folds(run.data):
        settings["own folds"] = json_sha256(given)
    return {
        "folds": {name: str(value) for name, value in settings.items()},
        "training photographs": by_car(dict.fromkeys(run.data.train, "")),
    }


def of_training(run: Run, name: str, fold: int) -> Inputs:
    """Return what decides a training: photographs, masks, fields of the recipe, weights.

    And, as SEEN, by what the cars are known that it has seen: it decides nothing.
    """
    part = run.splits[fold]
    train = photograph_hashes(run.data, part.train, run.contents)
    valid = photograph_hashes(run.data, part.valid, run.contents)
    return {
        "recipe fields": run.recipes[name].training_fields(),
        **_of_cars(run.data, "training", train, run.contents),
        **_of_cars(run.data, "validation", valid, run.contents),
        "starting weights": _names(run, starting_weights(run.recipes[name])),
        "teacher's maps": _teachers_maps(run, name, fold),
        "backgrounds": _backgrounds(run, name),
        "program": {"version of training": str(VERSION)},
        **_of_base(run, name, fold),
        SEEN: dict.fromkeys(by_content(train | valid).values(), ""),
    }


def starting_weights(recipe: Recipe) -> list[Path]:
    """Return the files on this machine whose weights a training of the recipe begins with."""
    files = [Path(recipe.start_from)] if recipe.start_from else []
    options = recipe.network.options
    encoder = options.get("encoder") or FIXED_ENCODERS.get(recipe.network.name)
    if encoder and options.get("pretrained"):
        with suppress(MissingWeights):  # which nobody needs who trains no more
            files += [path for path in [local_weights(encoder)] if path]
    return [path for path in files if path.is_file()]


def _of_base(run: Run, name: str, fold: int) -> Inputs:
    """Return what decides the maps that an edge network learns to sharpen, if a recipe has one."""
    base = run.base(name)
    if not base:
        return {}
    weights = [run.layout.training(member, fold).weights for member in base.members]
    return {**of_entries([base]), **of_files(run, "weights below the edge network", weights)}


def _teachers_maps(run: Run, name: str, fold: int) -> dict[str, str]:
    """Return one hash of all maps, and their photographs, that a recipe's teacher teaches by.

    There is none without a teacher, or while its run is gone: what is trained does not need it.
    """
    teach = run.recipes[name].teach
    with suppress(Missing):
        if teach and (lessons := run.lessons(name, fold, run.splits[fold])):
            return {teach.teacher: json_sha256(by_car(lessons.made_from))}
    return {}


def _backgrounds(run: Run, name: str) -> dict[str, str]:
    """Return one hash of the pictures that a recipe sets cars before, or how they are drawn."""
    recipe = run.recipes[name]
    if "background" not in recipe.augment:
        return {}
    folder = recipe.backgrounds
    if folder is None:
        return {"drawn": f"version {drawn.VERSION}"}
    with naming(f"recipe {name}: backgrounds"):
        hashes = run.contents.of(picture_files(Path(folder)))
    return {folder: json_sha256(sorted(hashes.values()))}


def photographs_and_masks(
    data: DataSet, kind: str, images: Sequence[str], contents: Contents
) -> Inputs:
    """Return the photographs, and the masks, of cars of a kind, by car."""
    return _of_cars(data, kind, photograph_hashes(data, images, contents), contents)


def _of_cars(
    data: DataSet, kind: str, photographs: Mapping[str, str], contents: Contents
) -> Inputs:
    return {
        f"photographs of {kind} cars": by_car(photographs),
        f"masks of {kind} cars": by_car(mask_hashes(data, photographs, contents)),
    }


def _names(run: Run, paths: Sequence[Path]) -> dict[str, str]:
    """Return the hash of each file that is there, by the file's name."""
    hashes = run.contents.of(path for path in paths if path.is_file())
    return {path.name: digest for path, digest in hashes.items()}


def of_maps(run: Run, split: str) -> Inputs:
    """Return the content of each member's maps of the split "heldout" or "test"."""
    return {"maps": {name: store_hash(path) for name, path in run.stores(split).items()}}


def of_heldout_masks(run: Run) -> Inputs:
    """Return the true masks of the held-out cars, and the photographs, whose size masks have."""
    return photographs_and_masks(run.data, "held-out", sorted(run.heldout), run.contents)


def of_entries(entries: Sequence[Entry]) -> Inputs:
    """Return each entry's rule, its members, given parameters and refinement."""
    return {
        "entries": {
            entry.name: json_sha256(
                [entry.rule, entry.members, entry.parameters, to_json(entry.refine)]
            )
            for entry in entries
        }
    }


def of_data_tables(run: Run) -> Inputs:
    """Return the table of the cars' makes, and whether the photographs are the competition's."""
    table = run.data.metadata_table
    hashes = run.contents.of([table]) if table else {}
    kind = {"real": str(is_real(run.data)), "drawn": str(is_drawn(run.data))}
    return {"data": {path.name: digest for path, digest in hashes.items()} | kind}


def of_files(run: Run, kind: str, paths: Sequence[Path]) -> Inputs:
    """Return the hash of each file, "" of one that is missing, by its path from the run."""
    hashes = file_hashes([path for path in paths if path.is_file()], run.contents)
    start = run.layout.folder
    return {kind: {os.path.relpath(path, start): hashes.get(path, "") for path in paths}}


def of_program_files(run: Run, paths: Sequence[Path]) -> Inputs:
    """Return the hash of each file of this program that is no Python, by its name."""
    return {"templates": _names(run, paths)}


def of_code(*folders: str) -> Inputs:
    """Return the hash of packages of this program."""
    return {"program": {folder: code_sha256(folder) for folder in folders}}


def of_values(kind: str, **values: Any) -> Inputs:
    """Return the hashes of any values that JSON can hold."""
    return {kind: {name: json_sha256(value) for name, value in values.items()}}


def published(run: Run) -> list[Reported]:
    """Return the published figures that stand beside a run's own."""
    competition = reported.private_leaderboard() if is_real(run.data) else []
    return [*run.suite.reported, *competition]


def taught(run: Run, name: str) -> dict[str, Any]:
    """Return a recipe's teacher, and the recipe that differs in nothing but that, if any does."""
    recipe = run.recipes[name]
    if not recipe.teach:
        return {}
    fields = recipe.model_copy(update={"teach": None}).training_fields()
    alike = [each for each, other in run.recipes.items() if other.training_fields() == fields]
    return {"teacher": recipe.teach.teacher, "untaught": alike[0] if alike else None}
