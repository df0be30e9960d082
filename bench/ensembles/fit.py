"""Held-out maps and their true masks -> the parameters of every ensemble rule that learns.

A rule is scored on cars that took no part in its fit: the held-out cars are dealt to five groups,
and each group's parameters are fitted on the other four. Photographs of any other car, such as
the test set's, get parameters fitted on all of them.

Reads  the members' map stores and the masks of held-out photographs, each image once for all rules.
Writes ensembles/<name>/parameters.json.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.data.image_ids import car_of
from bench.ensembles.entry import Entry
from bench.ensembles.evidence import Evidence, ImageEvidence, of_image
from bench.ensembles.members import Members
from bench.ensembles.rules import RULES
from bench.ensembles.rules.rule import Parameters
from bench.masks.types import Map, Mask
from bench.system.errors import BadConfig
from bench.system.files import write_json
from bench.system.progress import say
from bench.system.text import several

CAR_GROUPS = 5
PIXELS = 8192  # of an image: a good ensemble disagrees on fewer
ALL_PIXELS = 2**22  # of all images: below 100 MB, however many images there are


def run(
    entries: Sequence[Entry], members: Members, images: Sequence[str], files: Mapping[str, Path]
) -> None:
    """Fit each entry, whose rule must be one that learns, and write its parameters to its file.

    Args:
        images: the held-out photographs.
        files: where the parameters of each entry go, by its name.

    Raises:
        BadConfig: the images show a single car.
        BadData: a store lacks an image or is damaged, or a mask is.
    """
    dealt = groups(images, members.data.unit)
    teams = {entry.members for entry in entries}
    limit = min(PIXELS, ALL_PIXELS // len(images))
    seeds = {image: place for place, image in enumerate(images)}

    def collect(
        image: str, maps: Mapping[str, Map], truth: Mask
    ) -> dict[tuple[str, ...], ImageEvidence]:
        return {
            team: of_image([maps[name] for name in team], truth, limit, seeds[image])
            for team in teams
        }

    by_team = list(members.each(images, collect, "fit"))
    for entry in entries:
        own = {image: each[entry.members] for image, each in zip(images, by_team, strict=True)}
        write_json(files[entry.name], _fit_by_group(entry, own, dealt))
        count = several(len(images), "held-out photograph")
        say(f"{entry.name}: fitted on {count}; each is scored by a fit that has not seen it")


def groups(images: Sequence[str], unit: str = "car") -> list[set[str]]:
    """Deal the cars of the images to five groups, or to one group a car where there are fewer.

    Args:
        unit: what messages call the cars.

    Raises:
        BadConfig: there is only one car.
    """
    cars = sorted({car_of(image) for image in images})
    if len(cars) < 2:
        raise BadConfig(
            f"a rule that learns needs two held-out {unit}s, one to learn and one to be scored on; "
            f"there is {len(cars)}: use more {unit}s, run more folds, or leave such ensembles out"
        )
    count = min(CAR_GROUPS, len(cars))
    return [set(cars[group::count]) for group in range(count)]


def fit_rule(rule: str, images: Sequence[ImageEvidence]) -> Parameters:
    """Fit the rule of this name to images; return its parameters, ready for JSON.

    Raises:
        ValueError: there is no image, or their numbers of members differ.
    """
    return {"rule": rule, **RULES[rule].fit(Evidence(images))}


def _fit_by_group(
    entry: Entry, by_image: Mapping[str, ImageEvidence], dealt: Sequence[set[str]]
) -> dict[str, Any]:
    """Return what parameters.json holds."""
    rule = str(entry.rule)
    by_group = []
    for cars in dealt:
        others = [each for image, each in by_image.items() if car_of(image) not in cars]
        by_group.append({"cars": sorted(cars), "parameters": fit_rule(rule, others)})
    return {
        "rule": rule,
        "members": entry.members,
        "images": len(by_image),
        "parameters": fit_rule(rule, list(by_image.values())),
        "groups": by_group,  # each fitted on the cars of the other groups
    }
