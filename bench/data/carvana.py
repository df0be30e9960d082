"""A folder in Kaggle's layout: its files found, and what is known of the competition's data."""

from pathlib import Path

from bench.data.archive import packed_files
from bench.data.dataset import DataSet
from bench.data.images import image_size
from bench.data.listing import (
    CONVERT,
    MASK_SUFFIXES,
    PHOTOGRAPH_SUFFIXES,
    find,
    list_pictures,
    normal_id,
    other_pictures,
)
from bench.data.tables import read_table
from bench.system.errors import BadFile, BenchError, Missing

SIZE = (1280, 1918)  # height, width of every photograph of the competition
VIEWS = 16  # photographs of one car
METADATA_COLUMNS = ("id", "year", "make", "model")
DEMO_MARKER = "demo.json"  # only a folder of drawn photographs holds this file


def open_folder(root: Path) -> DataSet:
    """The data set in `root`, found by listing its folders; no file is read.

    The folders `train_hq` and `test_hq` are preferred to `train` and `test` where both are there.

    Raises:
        Missing: no such folder, or neither training nor test photographs in it.
        BadData: two files carry one image id.
    """
    root = Path(root)
    if not root.is_dir():
        holds = "train/ and train_masks/, or a data.yaml"
        raise Missing(f"{root}: no such folder; name the folder that holds {holds}")
    data = DataSet(
        root=root,
        train=_photographs(root, "train"),
        masks=list_pictures(find(root, "train_masks"), MASK_SUFFIXES, ending="_mask"),
        test=_photographs(root, "test"),
        mask_table=_table(root, "train_masks.csv"),
        metadata_table=_table(root, "metadata.csv"),
        sample=_table(root, "sample_submission.csv"),
    )
    if not data.train and not data.test:
        raise _no_photographs(root)
    return data


def _photographs(root: Path, name: str) -> dict[str, Path]:
    better = list_pictures(find(root, f"{name}_hq"), PHOTOGRAPH_SUFFIXES)
    return better or list_pictures(find(root, name), PHOTOGRAPH_SUFFIXES)


def _table(root: Path, name: str) -> Path | None:
    path = find(root, name)
    return path if path.is_file() else None


def _no_photographs(root: Path) -> BenchError:
    for name in ("train", "train_hq", "test", "test_hq"):
        others = other_pictures(find(root, name))
        if others:
            what = f"none of the {len(others)} pictures like this is in a format that is read"
            return BadFile(others[0], what, CONVERT)
    if list_pictures(root, PHOTOGRAPH_SUFFIXES):
        return Missing(
            f"{root}: holds photographs itself; name the folder above, with train/ in it"
        )
    packed, zips = packed_files(root), sorted(root.glob("*.[zZ][iI][pP]"))
    if packed:
        cure = f"unpack {packed[0].name} first: carvana-bench check --data {root}"
    elif zips:
        cure = f"{zips[0].name} holds none of these: unpack it and name its folders so"
    else:
        cure = "see data/README.md"
    return Missing(f"{root}: no photographs in train/, train_hq/, test/ or test_hq/; {cure}")


def metadata(data: DataSet) -> dict[str, tuple[str, str, str]]:
    """Car -> year, make, model, from metadata.csv; empty where there is no such table.

    Raises:
        BadData: as `read_table`, or a car has two rows.
    """
    table = data.metadata_table
    cars: dict[str, tuple[str, str, str]] = {}
    for number, (car, *about) in read_table(table, METADATA_COLUMNS) if table else ():
        if normal_id(car) in cars:
            raise BadFile(f"{table}, line {number}", f"a second row for {car}", "remove one")
        cars[normal_id(car)] = (about[0], about[1], about[2])
    return cars


def is_drawn(data: DataSet) -> bool:
    """Whether the photographs are the demo's."""
    return (data.root / DEMO_MARKER).exists()


def is_real(data: DataSet) -> bool:
    """Whether the photographs are the competition's: in its layout and size, and not drawn."""
    if data.own or is_drawn(data) or not data.train:
        return False
    return image_size(next(iter(data.train.values()))) == SIZE
