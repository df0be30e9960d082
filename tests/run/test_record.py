"""Records: what they say of a change, and that a damaged one is found."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.run.record import Record, differences, read_record
from bench.system.errors import BadData

HASHES = st.dictionaries(st.text(), st.text())
INPUTS = st.dictionaries(st.text(min_size=1), HASHES)


@given(made_from=INPUTS, files=HASHES)
def test_a_record_reads_back(tmp_path_factory, made_from, files):
    path = tmp_path_factory.mktemp("made") / "score.json"
    record = Record(made_from, True, files)
    record.write(path)
    assert read_record(path) == record


def test_there_is_no_record_before_a_stage_is_begun(tmp_path):
    assert read_record(tmp_path / "score.json") is None


@pytest.mark.parametrize("damage", ["empty", "cut", "changed", "list", "fields"])
def test_a_damaged_record_is_named(tmp_path, damage):
    path = tmp_path / "score.json"
    Record({"masks": {"car": "abc"}}, True, {"scores.parquet": "def"}).write(path)
    text = path.read_text()
    content = {
        "empty": "",
        "cut": text[: len(text) // 2],
        "changed": text.replace("abc", "abd"),
        "list": "[]",
        "fields": json.dumps({"sha256": ""}),
    }
    path.write_text(content[damage])
    with pytest.raises(BadData, match=r"score\.json: damaged"):
        read_record(path)


@given(before=INPUTS, now=INPUTS)
def test_there_are_no_differences_exactly_where_all_hashes_are_equal(before, now):
    same = {kind: each for kind, each in before.items() if each} == {
        kind: each for kind, each in now.items() if each
    }
    assert (differences(before, now) == []) == same


def test_differences_name_kinds_and_a_few_things():
    before = {"masks": dict.fromkeys("abcdef", "1"), "maps": {"one": "1", "two": "1"}}
    now = {"masks": dict.fromkeys("abcdeg", "2"), "maps": {"one": "1", "two": "1"}}
    assert differences(before, now) == [
        "masks changed: a, b, c and 2 more",
        "masks added: g",
        "masks gone: f",
    ]
