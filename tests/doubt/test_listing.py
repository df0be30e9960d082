"""The list of doubts: sorted, read back as it was written, and clear about damage."""

import pytest

from bench.doubt.listing import DOUBTS, Doubt, add_doubts, read_doubts, summary, write_doubts
from bench.doubt.signs import Signs
from bench.system.errors import BadData

DOUBT = {
    "good.png": Doubt(Signs(0.001, 0.002), 0.9, 0.995),
    "more/worst, really.png": Doubt(Signs(0.4, 0.2), 0.0, 0.7),
    "bad.png": Doubt(Signs(0.01, 0.02), 0.3, 0.985),
}


def test_the_doubtful_come_first_and_all_is_read_back(tmp_path):
    write_doubts(tmp_path, DOUBT)
    lines = (tmp_path / DOUBTS).read_text().splitlines()
    assert [line.rpartition(".png")[0].strip('"') for line in lines[1:]] == [
        "more/worst, really",
        "bad",
        "good",
    ]
    assert read_doubts(tmp_path) == DOUBT
    said = summary(DOUBT)
    assert said.startswith("2 of 3 cut-outs may need a look, first more/worst, really.png (0% sure")
    assert summary({"good.png": DOUBT["good.png"]}) == "none of 1 cut-out is doubtful"


def test_rows_come_one_by_one_and_one_that_is_half_written_does_not_count(tmp_path):
    write_doubts(tmp_path, {})
    again = {"bad.png": Doubt(Signs(0.0, 0.0), 1.0, 1.0)}
    add_doubts(tmp_path, again)
    add_doubts(tmp_path, DOUBT)
    assert read_doubts(tmp_path) == DOUBT
    last = {'last, "really".png': Doubt(Signs(0.1, 0.2), 0.3, 0.4)}
    before = (tmp_path / DOUBTS).stat().st_size
    add_doubts(tmp_path, last)
    content = (tmp_path / DOUBTS).read_bytes()
    assert read_doubts(tmp_path) == DOUBT | last
    for size in range(before, len(content)):
        (tmp_path / DOUBTS).write_bytes(content[:size])
        assert read_doubts(tmp_path) == DOUBT


def test_without_a_calibration_the_signs_decide(tmp_path):
    doubts = {"a.png": Doubt.of(Signs(0.0, 0.001), None), "b.png": Doubt.of(Signs(0.3, 0.1), None)}
    write_doubts(tmp_path, doubts)
    assert read_doubts(tmp_path) == doubts
    assert "1 of 2 cut-outs may need a look, first b.png (members dif" in summary(doubts)
    fine = {"a.png": doubts["a.png"]}
    assert summary(fine) == "none of 1 cut-out is doubtful, by a doubt that is not calibrated"


def test_the_list_of_an_earlier_version_which_knew_shares_above_all_of_it(tmp_path):
    header = "result,sure,expected_dice,disagreement,width"
    (tmp_path / DOUBTS).write_text(f"{header}\na.png,,,1.08,0.2\nb.png,,,1.0,47.2\n")
    said = {name: str(doubt) for name, doubt in read_doubts(tmp_path).items()}
    assert said == {
        "a.png": "members differ on 100.0% of the cut-out, not calibrated",
        "b.png": "nothing was found",
    }


def test_a_damaged_list_is_named_with_a_cure(tmp_path):
    assert read_doubts(tmp_path) == {}
    for text in ("result,sure\na.png,x\n", "nothing\nat all\n"):
        (tmp_path / DOUBTS).write_text(text)
        with pytest.raises(BadData, match=r"doubts\.csv: damaged .*; remove it"):
            read_doubts(tmp_path)
    (tmp_path / DOUBTS).unlink()
    assert read_doubts(tmp_path) == {}
