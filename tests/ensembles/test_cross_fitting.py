"""Rules are fitted on other cars than those they are scored on."""

import json

import numpy as np
import pytest

from bench.config.library import load_suite
from bench.data.carvana import open_folder
from bench.data.image_ids import car_of
from bench.ensembles.entry import entries_of, read_fitted
from bench.ensembles.evidence import of_image
from bench.ensembles.fit import fit_rule, groups
from bench.ensembles.rules import RULES
from bench.masks.store import MapStore
from bench.metrics.boundary import boundary
from bench.metrics.overlap import counts, dice
from bench.system.errors import BadConfig, Missing
from tests.tiny import MEMBERS, combine

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("rule", [name for name, rule in RULES.items() if rule.learns])
def test_no_car_is_scored_with_parameters_it_took_part_in(made, scores, rule):
    name = rule.replace("_", "-")
    path = made.run_folder / "ensembles" / name / "parameters.json"
    found = json.loads(path.read_text())
    cars = sorted({car_of(image) for image in scores["image"]})
    assert sorted(car for group in found["groups"] for car in group["cars"]) == cars
    data = open_folder(made.data)
    with MapStore.open(made.run_folder / "a" / "maps-heldout.sqlite") as store:
        images = store.ids()
    stores = [MapStore.open(made.run_folder / each / "maps-heldout.sqlite") for each in MEMBERS]
    maps = {image: [store.read(image) for store in stores] for image in images}
    by_image = {
        image: of_image(maps[image], data.mask(image), 8192, place)
        for place, image in enumerate(images)
    }
    for group in found["groups"]:
        others = [by_image[image] for image in images if car_of(image) not in group["cars"]]
        assert group["parameters"] == fit_rule(rule, others)
        image = next(image for image in images if car_of(image) in group["cars"])
        predicted = combine(group["parameters"], maps[image]) >= 128
        mine = scores[(scores["entry"] == name) & (scores["image"] == image)].iloc[0]
        assert mine["dice"] == dice(counts(predicted, data.mask(image)))
        outline = boundary(predicted, data.mask(image))
        assert (mine["boundary_iou"], mine["surface_px"]) == (outline.iou, outline.mean_distance_px)
    assert found["parameters"] == fit_rule(rule, list(by_image.values()))
    for store in stores:
        store.close()


def test_a_single_car_has_no_others_to_learn_from():
    with pytest.raises(BadConfig, match="needs two held-out cars"):
        groups(["a_01", "a_02"])
    assert groups([f"{car}_01" for car in "abcdefg"])[0] == {"a", "f"}


def test_an_entry_uses_what_was_learned_without_its_car(made):
    entries = entries_of(load_suite(str(made.suite)), {})
    entry = next(each for each in entries if each.name == "greedy")
    known = read_fitted(entry, made.run_folder / "ensembles" / "greedy" / "parameters.json")
    assert len(known.by_car) == 4
    maps = {
        name: np.full((2, 3), value, np.uint8)
        for name, value in zip("abc", (0, 90, 250), strict=True)
    }
    car, own = next(iter(known.by_car.items()))
    for image, parameters in ((f"{car}_01", own), ("7e57_01", known.parameters)):
        assert (known.map(maps, image) == combine(parameters, list(maps.values()))).all()
    with pytest.raises(Missing, match="run the stage `score` first"):
        read_fitted(entry, made.folder / "nowhere.json")
