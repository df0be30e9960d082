"""Growth is compared, drawn and tabled."""

import pytest

from bench.speed.scale_report import compared, draw, to_markdown

pytestmark = pytest.mark.slow


def row(images, members, height):
    cost = {"submit_s": images * members / 3, "submit_mib": 200.0, "check_s": 1.0, "check_mib": 90}
    return {"images": images, "members": members, "height": height, "width": 1000, **cost}


ROWS = [
    row(100, 5, 1000),
    row(1000, 1, 1000),
    row(1000, 3, 1000),
    row(1000, 5, 250),
    row(1000, 5, 500),
    row(1000, 5, 1000),
    row(10_000, 5, 1000),
    row(100_064, 5, 1000),
]


def test_growth_compares_rows_that_differ_in_one_thing():
    assert [each["images"] for each in compared(ROWS, "images")] == [100, 1000, 10_000, 100_064]
    assert [each["members"] for each in compared(ROWS, "members")] == [1, 3, 5]
    assert [each["pixels"] for each in compared(ROWS, "pixels")] == [0.25, 0.5, 1]


def test_growth_is_drawn_and_tabled(tmp_path):
    draw(ROWS, tmp_path / "new" / "growth.png")
    assert (tmp_path / "new" / "growth.png").read_bytes().startswith(b"\x89PNG")
    draw(ROWS, tmp_path / "growth.svg")
    drawn = (tmp_path / "growth.svg").read_text()
    assert drawn.count("<!-- seconds -->") == drawn.count("<!-- MiB at most -->") == 3
    names, _, first, *rest = to_markdown(ROWS).splitlines()
    assert names.startswith("| images | members | height | width | submit_s |")
    assert first.startswith("| 100 | 5 | 1000 | 1000 | 166.7 |") and len(rest) == 7
