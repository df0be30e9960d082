"""Files that the program wrote, damaged in every way that a disk or a person does."""

import ast
import json
import os

import pandas as pd
import pytest
from pydantic import BaseModel

from bench.system.errors import BadFile, Missing
from bench.system.files import read_csv, read_json, read_parquet, read_text, update_text
from tests.tiny import HOME

AGAIN = "run the stage `score` again"
TABLE = pd.DataFrame({"entry": ["mean", "vote"] * 40, "dice": [0.5 + i / 1000 for i in range(80)]})


class Form(BaseModel):
    dice: float
    older: str = "a field that older versions lack"


READERS = {
    "note.json": lambda path: read_json(path, Form, AGAIN),
    "table.csv": lambda path: read_csv(path, ("entry", "dice"), AGAIN, {"entry": "str"}),
    "table.parquet": lambda path: read_parquet(path, ("entry", "dice"), ("entry",), AGAIN),
    "list.txt": lambda path: read_text(path, AGAIN),
}


@pytest.fixture
def sound(tmp_path):
    """A folder that holds a sound file for each reader."""
    (tmp_path / "note.json").write_text(json.dumps({"dice": 0.9}))
    TABLE.to_csv(tmp_path / "table.csv", index=False)
    TABLE.to_parquet(tmp_path / "table.parquet", index=False, write_page_checksum=True)
    (tmp_path / "list.txt").write_text("a_01\n")
    return tmp_path


def test_sound_files_are_read(sound):
    assert READERS["note.json"](sound / "note.json") == Form(dice=0.9)
    pd.testing.assert_frame_equal(READERS["table.csv"](sound / "table.csv"), TABLE)
    pd.testing.assert_frame_equal(READERS["table.parquet"](sound / "table.parquet"), TABLE)
    assert READERS["list.txt"](sound / "list.txt") == "a_01\n"


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("damage", ["empty", "half", "binary", "folder"])
def test_a_damaged_file_is_named_with_its_cure(sound, name, damage):
    if name == "list.txt" and damage in ("empty", "half"):
        pytest.skip("any text is a sound one; who reads it compares it")
    path = sound / name
    content = path.read_bytes()
    if damage == "folder":
        path.unlink()
        path.mkdir()
    else:
        half = content[: len(content) // 4]
        path.write_bytes({"empty": b"", "half": half, "binary": b"\xff\xfe\x00\x9f" * 50}[damage])
    with pytest.raises(BadFile) as error:
        READERS[name](path)
    assert error.value.file == str(path) and error.value.cure == f"remove it and {AGAIN}"


@pytest.mark.parametrize("name", READERS)
def test_a_missing_file_is_named_with_what_makes_it(tmp_path, name):
    with pytest.raises(Missing, match=rf"{name}: not there; run the stage `score` again"):
        READERS[name](tmp_path / name)


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("name", READERS)
def test_a_locked_file_is_not_called_damaged(sound, name):
    (sound / name).chmod(0)
    with pytest.raises(BadFile, match="may not be read by you; allow it"):
        READERS[name](sound / name)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("[]", "damaged"),
        ('"text"', "damaged"),
        ("{}", "damaged or of another version (dice: missing; add it)"),
        ('{"dibe": 0.9}', "damaged or of another version (dice: missing; add it)"),
        ('{"dice": "much"}', "damaged or of another version (dice: should be a number"),
        ('{"dice": [0.9]}', "damaged or of another version (dice: should be a number"),
    ],
)
def test_json_of_another_form_says_which_part_is_wrong(tmp_path, content, what):
    path = tmp_path / "note.json"
    path.write_text(content)
    with pytest.raises(BadFile) as error:
        read_json(path, Form, AGAIN)
    assert what in error.value.what


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("entry,dibe\nmean,0.5\n", "has no column dice"),
        ("entry,dice\nmean,0.x5\n", "damaged (column dice holds no numbers)"),
        ("entry,dice\n", "has no rows"),
        ('entry,dice\nmean,"0.5\n', "damaged"),
        ("entry,dice\nmean,1,2,3\nvote,1\n", "damaged"),
    ],
)
def test_a_csv_table_of_another_form_says_which_part_is_wrong(tmp_path, content, what):
    path = tmp_path / "table.csv"
    path.write_text(content)
    with pytest.raises(BadFile) as error:
        read_csv(path, ("entry", "dice"), AGAIN, {"entry": "str"})
    assert what in error.value.what


def test_any_byte_of_a_parquet_table_may_change_without_another_number_being_read(sound):
    path = sound / "table.parquet"
    content = path.read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 0x40
        path.write_bytes(changed)
        try:
            read = READERS["table.parquet"](path)
        except BadFile:
            continue
        assert list(read["dice"]) == list(TABLE["dice"])[: len(read)], place
        assert list(read["entry"]) == list(TABLE["entry"])[: len(read)], place


TAKE_A_CURE = ("read_text", "read_json", "read_csv", "read_parquet")


def _texts(tree):
    """The texts that a module gives names to."""
    return {
        getattr(node.targets[0], "id", ""): node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(getattr(node.value, "value", None), str)
    }


def test_no_cure_of_a_damaged_file_says_again_that_it_is_removed_or_put_back():
    """Before it stands "remove it and", which such a cure would repeat or contradict."""
    trees = [ast.parse(path.read_text()) for path in (HOME / "bench").rglob("*.py")]
    own = [_texts(tree) for tree in trees]
    everywhere = {name: text for texts in own for name, text in texts.items()}
    words = list[str]()
    for tree, texts in zip(trees, own, strict=True):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in TAKE_A_CURE:
                for given in node.args[1:]:
                    name, text = getattr(given, "id", ""), getattr(given, "value", "")
                    words.append(str(text or {**everywhere, **texts}.get(name, "")))
    assert len(words) > 10
    assert not [cure for cure in words if cure.startswith(("remove", "put", "the folder"))]


def test_a_text_that_is_there_already_is_not_written_again(tmp_path):
    path = tmp_path / "leaderboard.md"
    update_text(path, "| mean |\n")
    before = path.stat()
    update_text(path, "| mean |\n")
    assert path.stat().st_ino == before.st_ino and path.stat().st_mtime_ns == before.st_mtime_ns
    update_text(path, "| vote |\n")
    assert path.read_text() == "| vote |\n"
