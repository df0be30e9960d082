"""What photographs and masks hold, as hashes: what a result was made from is known by these."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict

from bench.data.dataset import DataSet
from bench.data.image_ids import car_of
from bench.data.mask_formats import Marks
from bench.system.contents import Contents
from bench.system.files import json_sha256

SEEN = "content of training and validation cars"  # in a training's record: each one's `by_content`


def photograph_hashes(data: DataSet, images: Iterable[str], contents: Contents) -> dict[str, str]:
    """Image id -> SHA-256 of its photograph's file, of training or test photographs.

    Raises:
        BadData: a photograph cannot be read.
    """
    paths = {image: data.train.get(image) or data.test[image] for image in images}
    hashes = contents.of(paths.values())
    return {image: hashes[path] for image, path in paths.items()}


def mask_hashes(data: DataSet, images: Iterable[str], contents: Contents) -> dict[str, str]:
    """Image id -> SHA-256 of its mask: of the picture's file, or of its row in train_masks.csv.

    What one's own data say of the values of masks belongs to it.

    An image without a mask has the hash "".

    Raises:
        BadData: a mask or the table cannot be read.
    """
    images = list(images)
    pictures = {image: data.masks[image] for image in images if image in data.masks}
    hashes = contents.of(pictures.values())
    found = {
        image: hashes[pictures[image]] if image in pictures else _row_hash(data, image)
        for image in images
    }
    if data.own and data.own.marks != Marks():
        marks = asdict(data.own.marks)
        return {image: json_sha256([digest, marks]) for image, digest in found.items()}
    return found


def _row_hash(data: DataSet, image: str) -> str:
    row = data.mask_rows.get(image)
    return hashlib.sha256(row.encode()).hexdigest() if row is not None else ""


def by_car(hashes: Mapping[str, str]) -> dict[str, str]:
    """Car -> one hash of all its images, their ids and their hashes.

    >>> by_car({"a_01": "x", "a_02": "y"}).keys()
    dict_keys(['a'])
    """
    return _by_car((image, f"{image} {digest}\n") for image, digest in sorted(hashes.items()))


def by_content(hashes: Mapping[str, str]) -> dict[str, str]:
    """Car -> one hash of all its images' hashes, whatever the images and the car are called.

    >>> by_content({"a_01": "x", "a_02": "y"})["a"] == by_content({"b::2": "y", "b::7": "x"})["b"]
    True
    """
    in_order = sorted(hashes.items(), key=lambda each: each[1])
    return _by_car((image, f"{digest}\n") for image, digest in in_order)


def _by_car(lines: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Car -> one hash of the lines of its images."""
    of_cars = defaultdict(list)
    for image, line in lines:
        of_cars[car_of(image)].append(line)
    return {
        car: hashlib.sha256("".join(listed).encode()).hexdigest()[:32]
        for car, listed in of_cars.items()
    }
