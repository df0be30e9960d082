"""What the id of a photograph says: which car, or which group, it belongs to, and which view.

Kaggle calls a photograph `<car>_<two digits>`. In one's own data an id is the name of the file,
behind its group where the name does not say that: `shoe 7::left/0042`.
"""

import re
from collections.abc import Sequence

OF = "::"  # between a group and a name


def car_of(image_id: str) -> str:
    """The car, or the group, that an image shows: what its id begins with.

    An id that says neither is a car of its own.

    >>> car_of("00087a6bd4dc_05"), car_of("shoe 7::left/0042"), car_of("COCO_val2014_000000000042")
    ('00087a6bd4dc', 'shoe 7', 'COCO_val2014_000000000042')
    """
    return _parts(image_id)[0]


def view_of(image_id: str) -> int:
    """The number of an image among the views of its car; 1 where its id ends in no view.

    >>> view_of("00087a6bd4dc_05"), view_of("COCO_val2014_000000000042")
    (5, 1)
    """
    return _parts(image_id)[1]


def id_of(name: str, group: str) -> str:
    """The shortest id of a photograph from which `car_of` tells its group.

    >>> id_of("left/0042", "shoe 7"), id_of("0042", "0042"), id_of("red_01", "red_01")
    ('shoe 7::left/0042', '0042', 'red_01::red_01')
    """
    return name if car_of(name) == group else f"{group}{OF}{name}"


def has_view(image_id: str) -> bool:
    """Whether an id says which view of a car it is.

    >>> has_view("00087a6bd4dc_05"), has_view("rose")
    (True, False)
    """
    return car_of(image_id) != image_id and OF not in image_id


def file_name(image_id: str) -> str:
    """An id as part of a file's name.

    >>> file_name("shoe 7::left/0042")
    'shoe 7-left-0042'
    """
    return image_id.replace(OF, "-").replace("/", "-")


def spread(image_ids: Sequence[str], most: int) -> list[str]:
    """Return at most so many ids, spread evenly over all: one of each stretch, each a later one.

    So not every car shows its first view where each has as many as a stretch is long.

    >>> spread(["a_01", "a_02", "b_01", "b_02", "c_01", "c_02"], 3)
    ['a_01', 'b_02', 'c_01']
    >>> cars = [f"{car}_{view:02}" for car in range(32) for view in range(1, 17)]
    >>> len({image[-2:] for image in spread(cars, 32)})
    16
    """
    count = min(most, len(image_ids))
    stretch = len(image_ids) // max(1, count)
    return [image_ids[i * len(image_ids) // count + i % stretch] for i in range(count)]


def _parts(image_id: str) -> tuple[str, int]:
    group, of, _ = image_id.partition(OF)
    if of:
        return group, 1
    match = re.fullmatch(r"(.+)_(\d\d)", image_id)
    return (match[1], int(match[2])) if match else (image_id, 1)
