"""What a teacher has maps of, which of them are its own out-of-fold ones, and whom it has seen."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from bench.config.layout import Layout
from bench.ensembles import teacher as teachers
from bench.ensembles.entry import Entry
from bench.ensembles.teacher import Teacher
from bench.masks.parts import open_maps, part_path
from bench.masks.store import MapStore
from bench.system.errors import BadConfig, BadData

OWN, TESTED = ("0a", "0b", "0c"), "0d"  # cars of its data, each in the fold of its place
IMAGES = [f"{car}_{view:02d}" for car in (*OWN, TESTED) for view in (1, 2)]
HASHES = {image: f"photograph {image}" for image in IMAGES}


def level(member, image):
    return 10 * IMAGES.index(image) + (100 if member == "b" else 0)


@pytest.fixture
def teacher(tmp_path):
    """The mean of two members on three folds of a car each."""
    layout = Layout(tmp_path / "master")
    for member in ("a", "b"):
        for split in ("heldout", "test"):
            with MapStore.create(layout.maps(member, split), {"member": member}) as store:
                for image in IMAGES:
                    if image.startswith(TESTED) == (split == "test"):
                        map = np.full((4, 6), level(member, image), np.uint8)
                        store.write(image, map, made_from=HASHES[image], seconds=0.1)
    entry = Entry("mean", "mean", ("a", "b"), {"rule": "mean", "weights": [1, 1]})
    return Teacher(layout, entry, (0, 1, 2), {car: fold for fold, car in enumerate(OWN)})


def test_maps_are_those_of_the_entry_out_of_fold_or_of_test_cars(teacher):
    assert teacher.name == "master/mean"
    assert teacher.made_from(HASHES).keys() == set(IMAGES)
    for image in IMAGES:
        assert np.unique(teacher.map(image)) == 10 * IMAGES.index(image) + 50


def test_the_parts_of_a_store_are_listed_once_however_many_maps_are_read(teacher, monkeypatch):
    for member in ("a", "b"):
        whole = teacher.layout.maps(member, "test")
        with MapStore.open(whole) as store:
            maps = {image: store.read(image) for image in store.ids()}
            made_by = store.made_by
        whole.unlink()
        for place, (image, map) in enumerate(maps.items(), 1):
            with MapStore.create(part_path(whole, place, len(maps)), made_by) as part:
                part.write(image, map)
    opened = []
    monkeypatch.setattr(teachers, "open_maps", lambda path: opened.append(path) or open_maps(path))
    with ThreadPoolExecutor() as threads:
        taught = {image: teacher.map(image) for image in IMAGES}
        again = threads.map(teacher.map, IMAGES)
        assert all((map == taught[image]).all() for image, map in zip(IMAGES, again, strict=True))
    in_a_worker = pickle.loads(pickle.dumps(teacher))
    for image, map in taught.items():
        assert np.unique(map) == 10 * IMAGES.index(image) + 50
        assert (in_a_worker.map(image) == map).all()
    assert len(opened) == len(set(opened)) == 4
    with pytest.raises(BadData, match="no map of 0a_03; predict again"):
        teacher.map("0a_03")


def test_what_it_teaches_by_is_known_by_its_content(teacher, tmp_path):
    before = teacher.made_from(HASHES)
    assert teacher.made_from(HASHES) == before
    one = {IMAGES[0]: HASHES[IMAGES[0]]}
    assert teacher.made_from(one) == {IMAGES[0]: before[IMAGES[0]]}
    heavier = Entry("mean", "mean", ("a", "b"), {"rule": "mean", "weights": [2, 1]})
    other = Teacher(teacher.layout, heavier, teacher.scored, teacher.folds)
    assert not before.items() & other.made_from(HASHES).items()
    with pytest.raises(BadData, match="its map of 0d_02 is of another photograph"):
        teacher.made_from(HASHES | {"0d_02": "another"})
    assert teacher.made_from({"0e_01": "of a car that it has no map of"}) == {}


def test_a_member_without_maps_leaves_nothing_to_teach(teacher):
    teacher.layout.maps("b", "test").unlink()
    assert {image[:2] for image in teacher.made_from(HASHES)} == set(OWN)


@pytest.mark.parametrize(
    ("scored", "heldout", "message"),
    [
        pytest.param((0,), {"0a"}, None, id="it holds the car out, too"),
        pytest.param((0, 1, 2), {"0e"}, None, id="its data lack the car"),
        pytest.param((0, 1), {"0a"}, "fold 1, were trained on 0a", id="another fold's network"),
        pytest.param((0,), {"0a", "0c"}, "fold 0, were trained on 0c", id="one car of several"),
    ],
)
def test_nobody_teaches_who_has_seen_a_held_out_car(teacher, scored, heldout, message):
    found = Teacher(teacher.layout, teacher.entry, scored, teacher.folds)
    if message is None:
        found.refuse_if_seen(heldout, "student", 4)
        return
    with pytest.raises(BadConfig, match=f"student: teach: .*{message}.* in fold 4"):
        found.refuse_if_seen(heldout, "student", 4)


def test_a_rule_that_was_fitted_on_a_held_out_car_has_seen_it(teacher):
    fitted = Entry("greedy", "greedy", ("a", "b"), {"rule": "mean", "weights": [1, 1]})
    found = Teacher(teacher.layout, fitted, (0,), teacher.folds)
    with pytest.raises(BadConfig, match="the rule of master/greedy was fitted on 0a"):
        found.refuse_if_seen({"0a"}, "student", 0)
