"""Wrong encodings are recognised on real masks, and no right mask raises an alarm."""

import numpy as np
import pytest

from bench.data.carvana import SIZE
from bench.kaggle import validation, writing
from bench.masks import rle


def encode_all(masks):
    return [(f"m_{number:02d}.jpg", rle.encode(mask)) for number, mask in enumerate(masks)]


def check_rows(folder, rows):
    path = folder / "masks.csv.gz"
    writing.write_submission(path, rows)
    return validation.check_submission(path, [name for name, _ in rows])


@pytest.fixture(scope="module")
def real_rows(carvana_folder):
    """Every 50th real row, and those of a car that the photograph's edge cuts."""
    lines = (carvana_folder / "train_masks.csv").read_text().splitlines()[1:]
    chosen = lines[::50] + [line for line in lines if line.startswith("3cb21125f126")]
    return [tuple(line.split(",")) for line in dict.fromkeys(chosen)]


@pytest.fixture(scope="module")
def real_masks(real_rows):
    return [rle.decode(text, SIZE) for _, text in real_rows]


def test_all_real_masks_pass(carvana_folder):
    path = carvana_folder / "train_masks.csv"
    names = [line.partition(",")[0] for line in path.read_text().splitlines()[1:]]
    report = validation.check_submission(path, names)
    assert report.sound, report
    assert report.rows == len(names)


def columns_first(mask):
    return np.ascontiguousarray(mask.T)


def padded(mask):
    return np.pad(mask, ((0, 0), (1, 1)))


def stretched(mask):
    return mask[:, np.arange(1920) * 1918 // 1920]


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [(columns_first, "column-major"), (padded, "1920-wide"), (stretched, "1920-wide")],
)
def test_a_wrong_layout_is_recognised_in_a_file_and_in_each_mask(tmp_path, real_masks, wrong, kind):
    rows = encode_all(wrong(mask) for mask in real_masks[:24])
    report = check_rows(tmp_path, rows)
    assert report.counts == {kind: 1}
    assert report.problems[0].line == 2
    assert report.problems[0].image == rows[0][0]
    for row in rows[:12]:
        assert check_rows(tmp_path, [row]).counts == {kind: 1}


def test_numbers_from_zero_are_recognised(tmp_path, real_rows):
    rows = []
    for name, text in real_rows:
        runs = rle.parse(text)
        runs[:, 0] -= 1
        rows.append((name, rle.format_runs(runs)))
    assert check_rows(tmp_path, rows).counts == {"0-indexed": 1}


def test_one_wrong_mask_among_right_ones_is_no_verdict_on_the_file(tmp_path, real_masks):
    rows = encode_all([columns_first(real_masks[0]), *real_masks[1:6]])
    assert check_rows(tmp_path, rows).sound


def unusual_masks():
    random = np.random.default_rng(0)
    rows, columns = np.indices(SIZE)
    dot, frame = np.zeros((2, *SIZE), dtype=bool)
    dot[600:610, 900:905] = True
    frame[[0, -1]] = frame[:, [0, -1]] = True
    return {
        "empty": np.zeros(SIZE, dtype=bool),
        "full": np.ones(SIZE, dtype=bool),
        "dot": dot,
        "frame of one pixel": frame,
        "all but a frame": ~frame,
        "rectangle": (rows > 300) & (rows < 900) & (columns > 400),
        "disc": (rows - 640) ** 2 + (columns - 900) ** 2 < 300**2,
        "disc over the left edge": (rows - 640) ** 2 + (columns - 50) ** 2 < 300**2,
        "disc over the right edge": (rows - 640) ** 2 + (columns - 1900) ** 2 < 300**2,
        "upright stripes": columns // 10 % 2 == 0,
        "lying stripes": rows // 10 % 2 == 0,
        "left half": columns < 959,
        "noise": random.random(SIZE) > 0.5,
        "thin noise": random.random(SIZE) > 0.999,
    }


@pytest.mark.parametrize(("name", "mask"), unusual_masks().items(), ids=unusual_masks())
def test_unusual_masks_raise_no_alarm(tmp_path, name, mask):
    report = check_rows(tmp_path, encode_all([mask] * 3))
    assert report.sound, f"{name}: {report}"
