"""The demo data set: Kaggle's layout, the same bytes for any number of jobs, exact masks."""

import csv
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from bench.data.carvana import SIZE, open_folder
from bench.data.images import read_image, read_mask
from bench.demo import folder as folder_module
from bench.demo.folder import draw_folder
from bench.demo.mesh import BODY
from bench.demo.parts import build
from bench.demo.photograph import Car, on_screen, random_car, take_photograph
from bench.demo.shape import ARCH, STYLES, Shape, axles
from bench.masks import rle
from bench.system.errors import BadConfig, BadData

pytestmark = pytest.mark.slow

SEED = 5
VIEWS = (1, 5, 13)  # front, left side, right side: enough for every rule, quick to draw


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data set of one training and one test car with three views each."""
    out = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folder_module, "VIEW_NUMBERS", VIEWS)
        draw_folder(out, cars=1, test_cars=1, seed=SEED, jobs=2)
        yield out


@pytest.fixture(scope="module")
def car() -> Car:
    """The training car of `folder`."""
    return random_car(SEED, 0)


def contents(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_layout_is_kaggles(folder: Path) -> None:
    data = open_folder(folder)
    assert len(data.train) == len(data.masks) == len(data.test) == len(VIEWS)
    train, test = ({name[:12] for name in names} for names in (data.train, data.test))
    assert {name[13:] for name in data.train} == {f"{view:02d}" for view in VIEWS}
    assert all(int(name, 16) >= 0 and len(name) == 12 for name in train | test)
    assert not train & test
    assert all(read_image(path).shape == (*SIZE, 3) for path in data.train.values())


def test_tables_are_kaggles(folder: Path) -> None:
    metadata = (folder / "metadata.csv").read_text().splitlines()
    assert metadata[0] == '"id","year","make","model","trim1","trim2"'
    assert len(metadata) == 3
    with open(folder / "sample_submission.csv", newline="") as file:
        rows = list(csv.reader(file))
    names = sorted(path.name for path in (folder / "test").iterdir())
    assert rows == [["img", "rle_mask"], *([name, "1 1"] for name in names)]


def test_mask_files_and_mask_table_agree(folder: Path) -> None:
    with open(folder / "train_masks.csv", newline="") as file:
        rows = {row["img"]: row["rle_mask"] for row in csv.DictReader(file)}
    assert sorted(rows) == sorted(path.name for path in (folder / "train").iterdir())
    for name, text in rows.items():
        path = folder / "train_masks" / f"{name[:-4]}_mask.gif"
        with Image.open(path) as image:
            assert image.mode == "P"
            assert getattr(image, "n_frames", 1) == 1
            assert set(np.unique(np.asarray(image))) == {0, 1}
            assert image.convert("L").getextrema() == (0, 255)
        assert np.array_equal(rle.decode(text, SIZE), read_mask(path))


def test_test_cars_have_their_answers_beside_them(folder: Path) -> None:
    photographs = sorted(path.stem for path in (folder / "test").iterdir())
    masks = sorted(path.name for path in (folder / "test_masks").iterdir())
    assert masks == [f"{name}_mask.gif" for name in photographs]


def test_share_of_car_is_that_of_the_real_set(folder: Path) -> None:
    shares = [read_mask(path).mean() for path in folder.glob("*_masks/*.gif")]
    assert min(shares) > 0.08
    assert max(shares) < 0.42


def test_bytes_do_not_depend_on_the_number_of_jobs(folder: Path, tmp_path: Path) -> None:
    draw_folder(tmp_path, cars=1, test_cars=1, seed=SEED, jobs=1)
    assert contents(tmp_path) == contents(folder)


def test_an_interrupted_set_is_completed_with_the_same_bytes(folder: Path) -> None:
    before = contents(folder)
    first, _, _ = sorted((folder / "train").iterdir())
    _, second, _ = sorted((folder / "test_masks").iterdir())
    for path in [first, second, folder / "demo.json", folder / "train_masks.csv"]:
        path.unlink()
    draw_folder(folder, cars=1, test_cars=1, seed=SEED, jobs=2)
    assert contents(folder) == before


def test_a_complete_set_is_left_alone(folder: Path) -> None:
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    draw_folder(folder, cars=1, test_cars=1, seed=SEED, jobs=1)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == times


def test_two_sets_do_not_mix_in_one_folder(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadData, match="another demo set"):
        draw_folder(folder, cars=1, test_cars=1, seed=SEED + 1, jobs=1)
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "00087a6bd4dc_01.jpg").touch()
    with pytest.raises(BadData, match=r"00087a6bd4dc_01\.jpg"):
        draw_folder(tmp_path, cars=1, test_cars=0, seed=SEED, jobs=1)


@pytest.mark.parametrize(("cars", "test_cars", "seed"), [(0, 1, 1), (1, -1, 1), (1, 1, -1)])
def test_impossible_sizes_are_refused(cars: int, test_cars: int, seed: int, tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="at least one car"):
        draw_folder(tmp_path, cars, test_cars, seed, jobs=1)


def painted_silhouette(car: Car, view: int) -> NDArray[np.bool_]:
    """The mask as OpenCV paints it: every triangle at four times the size, then half coverage."""
    fine = 4
    corners = car.mesh.points[car.mesh.triangles]
    middle = corners.mean(axis=1)
    away = np.min([np.abs(middle[:, 0] - axle) for axle in axles(car.shape)], axis=0)
    cut = np.hypot(away, middle[:, 2] - car.shape.tyre) < ARCH * car.shape.tyre
    places = (on_screen(car, view)[:, :2] * fine - 0.5)[car.mesh.triangles]
    canvas = np.zeros((SIZE[0] * fine, SIZE[1] * fine), np.uint8)
    for triangle in np.rint(places[~(cut & (car.mesh.kind == BODY))] * 16).astype(np.int32):
        cv2.fillConvexPoly(canvas, triangle, 255, cv2.LINE_8, 4)
    return cv2.resize(canvas, SIZE[::-1], interpolation=cv2.INTER_AREA) >= 128


def test_mask_is_the_silhouette_of_the_mesh(car: Car) -> None:
    view = 3
    _, mask = take_photograph(car, view)
    painted = painted_silhouette(car, view)
    square = np.ones((3, 3), np.uint8)
    inner, outer = cv2.erode(mask.view(np.uint8), square), cv2.dilate(mask.view(np.uint8), square)
    wrong = mask != painted
    assert wrong.sum() < 0.004 * mask.sum()  # OpenCV also fills what an edge only touches
    assert (wrong & (inner == outer)).sum() < 1e-4 * mask.sum()  # nothing away from the outline


def cropped(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    part = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.uint8)
    return np.asarray(cv2.resize(part, (800, 300), interpolation=cv2.INTER_NEAREST), np.uint8)


def test_left_and_right_side_are_mirror_images(folder: Path) -> None:
    masks = [read_mask(path) for path in sorted((folder / "train_masks").iterdir())]
    left, right = cropped(masks[1]), cropped(masks[2])[:, ::-1]
    assert (left & right).sum() / (left | right).sum() > 0.96


@pytest.mark.parametrize("shape", STYLES, ids=lambda shape: shape.style)
def test_every_style_is_a_symmetric_car_on_its_wheels(shape: Shape) -> None:
    mesh = build(shape)
    lengths = np.linalg.norm(mesh.normals, axis=1)
    assert np.isclose(lengths, 1).mean() > 0.99  # but for points where the lattice closes
    low, high = mesh.points.min(axis=0), mesh.points.max(axis=0)
    assert low[2] == pytest.approx(0, abs=1e-3)
    assert shape.height - 0.02 < high[2] < shape.height + 0.35  # antenna and rails stand above it
    assert shape.length - 0.02 < high[0] - low[0] < shape.length + 0.15
    assert high[1] == pytest.approx(-low[1])
    assert mesh.triangles.max() < len(mesh.points)
