"""Members' stores are read together, in order, by threads, with the true masks."""

import numpy as np
import pytest

from bench.data.carvana import open_folder
from bench.data.dataset import DataSet
from bench.ensembles import combine
from bench.ensembles.entry import Entry
from bench.ensembles.members import Members
from bench.masks.store import MapStore
from bench.system.errors import BadData, Missing

NO_PHOTOGRAPHS = {
    "train": {},
    "masks": {},
    "test": {},
    "mask_table": None,
    "metadata_table": None,
    "sample": None,
}


def map_of(image, member, shape=(4, 6)):
    return np.random.default_rng([*image.encode(), member]).integers(0, 256, shape, np.uint8)


def members_of(folder, images, shapes=((4, 6), (4, 6)), jobs=1):
    stores = {name: folder / f"{name}.sqlite" for name, _ in zip("ab", shapes, strict=False)}
    for member, (path, shape) in enumerate(zip(stores.values(), shapes, strict=True)):
        with MapStore.create(path, {"recipe": member}) as store:
            for image in images:
                store.write(image, map_of(image, member, shape))
    return Members(stores, DataSet(folder, **NO_PHOTOGRAPHS), jobs)


def copies(image, maps):
    return image, {name: map.copy() for name, map in maps.items()}


@pytest.mark.parametrize("jobs", [1, 3])
def test_stores_are_read_in_step(tmp_path, jobs):
    images = [f"car_{number:02d}" for number in range(20)]
    members = members_of(tmp_path, images, jobs=jobs)
    chosen = images[::-1]
    found = list(members.each_unlabelled(chosen, copies, "test"))
    assert [image for image, _ in found] == chosen
    for image, maps in found:
        assert list(maps) == ["a", "b"]
        for member, map in enumerate(maps.values()):
            np.testing.assert_array_equal(map, map_of(image, member))


def test_a_map_that_is_missing_is_said_before_any_work(tmp_path):
    members, worked = members_of(tmp_path, ["car_00"]), []
    with pytest.raises(BadData, match=r"a\.sqlite: no map of 1 of 2 images, first car_09"):
        list(members.each_unlabelled(["car_00", "car_09"], lambda *_: worked.append(1), "test"))
    assert not worked


def test_maps_of_two_sizes_are_not_combined(tmp_path):
    members = members_of(tmp_path, ["x"], shapes=((4, 6), (5, 6)))
    with pytest.raises(BadData, match=r"b\.sqlite: the map of x has shape \(5, 6\)"):
        list(members.each_unlabelled(["x"], copies, "test"))


def test_some_members_alone_are_opened(tmp_path):
    members = members_of(tmp_path, ["x"])
    members.stores["a"].unlink()
    [(_, maps)] = members.only(["b"]).each_unlabelled(["x"], copies, "test")
    assert list(maps) == ["b"]
    with pytest.raises(Missing, match=r"a\.sqlite: no such map store"):
        list(members.each_unlabelled(["x"], copies, "test"))


def test_the_true_mask_comes_with_the_maps(tmp_path, tiny_carvana):
    data = open_folder(tiny_carvana)
    image = sorted(data.train)[0]
    members = Members(members_of(tmp_path, [image]).stores, data)
    [truth] = members.each([image], lambda _image, _maps, truth: truth, "test")
    np.testing.assert_array_equal(truth, data.mask(image))


def test_members_say_what_they_have_maps_of_and_what_made_them(tmp_path):
    members = members_of(tmp_path, ["y", "x"])
    rows = [MapStore.open(path).rows() for path in members.stores.values()]
    checksums = [{image: checksum for image, _, _, checksum in each} for each in rows]
    assert members.checksums() == {
        image: f"{checksums[0][image]} {checksums[1][image]}" for image in ("x", "y")
    }
    assert members.made_by() == {"a": {"recipe": 0}, "b": {"recipe": 1}}


def test_an_ensemble_s_store_has_the_images_that_its_members_have_now(tmp_path):
    entry = Entry("mean", "mean", ("a", "b"), {"rule": "mean", "weights": [1, 1]})
    for images in (["x", "y"], ["x"], ["w", "x"]):
        for left in tmp_path.glob("[ab].sqlite"):
            left.unlink()
        members = members_of(tmp_path, images)
        combine.run(entry, members, tmp_path / "mean.sqlite")
        with MapStore.open(tmp_path / "mean.sqlite") as store:
            assert store.ids() == images
