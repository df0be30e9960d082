"""Strict YAML: keys stand once, numbers are YAML 1.2's, folders of other settings are refused."""

import re
from pathlib import Path

import pytest
import yaml

from bench.config.library import RECIPES, SUITES, load_suite, with_overrides
from bench.config.recipe import Recipe
from bench.config.strict import check_same, load_yaml, read, to_yaml
from bench.config.suite import Suite
from bench.scores.reported import PRIVATE_LEADERBOARD
from bench.system.errors import BadConfig, BadData
from tests.tiny import RECIPE


@pytest.fixture
def load(tmp_path):
    """What a file of this text holds."""

    def load_text(text):
        (tmp_path / "mine.yaml").write_text(text)
        return load_yaml(tmp_path / "mine.yaml")

    return load_text


def test_a_key_that_stands_twice_is_refused_with_both_lines(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("epochs: 3\nbatch: 4\nepochs: 9\n")
    with pytest.raises(BadConfig, match="key 'epochs' stands twice") as refused:
        read(path, Recipe)
    message = str(refused.value)
    assert f'in "{path}", line 1' in message and f'in "{path}", line 3' in message
    assert "epochs: 3" in message and "epochs: 9" in message


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a:\n  b: {lr: 1, lr: 2}\n", id="nested"),
        pytest.param("- {lr: 1}\n- {lr: 1, 'lr': 2}\n", id="in a list, once quoted"),
        pytest.param("lr: 1\nlr: 1\n", id="with the same value"),
    ],
)
def test_keys_that_stand_twice_below_the_top_are_refused(load, text):
    with pytest.raises(BadConfig, match="the key 'lr' stands twice"):
        load(text)


def test_equal_keys_of_two_mappings_and_merged_ones_are_read(load):
    assert load("- {lr: 1}\n- {lr: 2}\n") == [{"lr": 1}, {"lr": 2}]
    text = "a: {base: &base {<<: &first {x: 1}, x: 2}}\nmore: {<<: *base, y: 3}\n"
    assert load(text) == yaml.safe_load(text)
    assert load(text)["more"] == {"x": 2, "y": 3}
    text = "a: &a {rate: 1}\nb: &b {rate: 2}\nboth: {<<: [*a, *b]}\n"
    assert load(text)["both"] == {"rate": 1}  # the first one that is merged decides


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 0.0001), ("1E5", 100000.0), ("-2.5e3", -2500.0), ("+1.e2", 100.0), (".5e1", 5.0),
        ("1.0e-05", 1e-05), ("12", 12), ("0.5", 0.5),
        ("1e4x", "1e4x"), ("e4", "e4"), ("1.2.3", "1.2.3"), ("'1e-4'", "1e-4"), ('"1E5"', "1E5"),
    ],
)  # fmt: skip
def test_numbers_with_an_exponent_are_numbers_and_other_strings_stay_strings(load, text, value):
    number = load(f"lr: {text}\n")["lr"]
    assert number == value
    assert type(number) is type(value)


def test_a_recipe_may_write_its_rate_with_an_exponent(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(to_yaml(RECIPE).replace("lr: 0.003", "lr: 3e-3"))
    assert "3e-3" in path.read_text()
    assert read(path, Recipe).optimiser.lr == 0.003


def test_strings_that_look_like_numbers_read_back_as_strings(tmp_path):
    recipe = RECIPE.model_copy(update={"source": "1e4", "goal": "2E-5"})
    path = tmp_path / "mine.yaml"
    path.write_text(to_yaml(recipe))
    assert read(path, Recipe) == recipe


def test_what_is_not_yaml_is_refused_with_its_line(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("a: 1\nb: [\n")
    with pytest.raises(BadConfig, match=r"mine\.yaml: not YAML") as refused:
        load_yaml(path)
    assert f'in "{path}", line ' in str(refused.value)


@pytest.mark.parametrize("folder", [RECIPES, SUITES, PRIVATE_LEADERBOARD.parent], ids=str)
def test_every_yaml_file_reads_as_it_did(folder):
    files = list(folder.rglob("*.yaml"))
    assert files
    for path in files:
        assert load_yaml(path) == yaml.safe_load(path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize(
    ("text", "message"), [("a: [", "not YAML"), ("!!python/object:os.system x", "not YAML")]
)
def test_files_that_are_not_plain_yaml_are_refused(text, message, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(BadConfig, match=message):
        read(path, Recipe)


def powers(line: str) -> str:
    """Nine lines, each with nine aliases of the line before: 9**9 values in a few hundred bytes."""
    lines = ["a: &a {x: 1, y: 2}"]
    for name, before in zip("bcdefghi", "abcdefgh", strict=True):
        lines.append(line.format(name=name, nine=", ".join([f"*{before}"] * 9)))
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(powers("{name}: &{name} [{nine}]"), "over 20,000 values", id="lists of lists"),
        pytest.param(powers("{name}: &{name} {{<<: [{nine}]}}"), "over 20,000 values", id="merges"),
        pytest.param("x:\n- [1" + ", 1" * 20_000 + "]", "over 20,000 values", id="without aliases"),
        pytest.param("[" * 5000, "nested over 50 deep", id="lists in lists"),
        pytest.param("{a: " * 5000, "nested over 50 deep", id="mappings in mappings"),
        pytest.param("- " * 5000 + "x", "nested over 50 deep", id="blocks in blocks"),
        pytest.param("a: &a [*a]", "an alias in what it names", id="a list that holds itself"),
        pytest.param("a: &a {b: *a}", "an alias in what it names", id="a mapping that does"),
        pytest.param("size: " + "9" * 5000, "a number of 5,000 characters", id="a long number"),
        pytest.param("size: 1" + ":1" * 99_999, "a number of 199,999", id="a long time"),
        pytest.param("size: 0x_", "invalid literal for int", id="no number"),
        pytest.param("title: 2001-13-45", "month must be in 1..12", id="no date"),
        pytest.param("title: !!timestamp x", "no attribute", id="no time"),
        pytest.param("pretrained: !!bool x", "'x'", id="neither yes nor no"),
    ],
)
def test_small_files_that_would_fill_the_memory_are_refused_with_their_line(load, text, said):
    with pytest.raises(BadConfig) as refused:
        load(text)
    message = str(refused.value)
    assert said in message and 'mine.yaml", line ' in message
    assert len(message) < 500


def test_some_aliases_are_read(load):
    assert load("a: &a [1, 2]\nb: [*a, *a]\n")["b"] == [[1, 2], [1, 2]]


def test_files_that_are_no_text_of_ours_are_refused(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(BadConfig, match=r"mine\.yaml: over 1,048,576 bytes, so no recipe or suite"):
        load_yaml(path)
    path.write_text("title: Köln", encoding="utf-16")
    with pytest.raises(BadConfig, match=r"mine\.yaml: not UTF-8 .*save it as UTF-8"):
        load_yaml(path)
    path.write_text("")
    with pytest.raises(BadConfig, match=r"wanted are fields, not None; write `name: value`"):
        read(path, Suite)


def test_a_message_shows_the_beginning_of_a_long_value_and_of_many_faults(tmp_path):
    path = tmp_path / "mine.yaml"
    fields = [f"f{number}: 1" for number in range(99)]
    path.write_text("\n".join(["title: [" + "1, " * 5000 + "1]", "recipes: [a]", *fields]))
    with pytest.raises(BadConfig) as refused:
        read(path, Suite)
    assert "title: should be text, not [1, 1" in str(refused.value)
    assert str(refused.value).endswith("\n  and 80 more")


@pytest.mark.parametrize("content", [b"", b"title: [", b"\xff\xfe", b"title: demo\n"])
def test_a_damaged_copy_of_a_suite_is_refused_with_its_cure(tmp_path: Path, content: bytes):
    path = tmp_path / "suite.yaml"
    path.write_bytes(content)
    with pytest.raises(BadData, match=r"suite\.yaml: damaged; remove it"):
        check_same(path, load_suite("demo"))


def test_a_folder_of_another_suite_is_refused_by_field(tmp_path: Path):
    suite = load_suite("demo")
    (tmp_path / "suite.yaml").write_text(to_yaml(suite))
    check_same(tmp_path / "suite.yaml", suite)
    with pytest.raises(BadConfig, match="another folds, limit"):
        check_same(
            tmp_path / "suite.yaml",
            with_overrides(suite, seed=None, limit=2).model_copy(
                update={"folds": suite.folds.model_copy(update={"seed": 5})}
            ),
        )


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        pytest.param(
            Recipe,
            {"refine": [{"denoise": {"blurr": 3}}]},
            "refine.0.denoise.blurr: no such field; there are name, blur, opening",
            id="a step, one of several in a list",
        ),
        pytest.param(
            Recipe,
            {"schedule": {"name": "plateau", "patience": 1, "factor": 0.5, "every": 2}},
            "plateau.every: no such field; there are name, patience, factor",
            id="a schedule, which may be a word too",
        ),
        pytest.param(
            Recipe,
            {"gradual": [{"scale": 0.5, "epochs": 1, "x": 1}]},
            "gradual.0.x: no such field; there are scale, epochs",
            id="in a list",
        ),
        pytest.param(
            Recipe,
            {"early_stopping": {"patience": 1, "delta": 2}},
            "early_stopping.delta: no such field; there are patience, min_delta",
            id="a record or nothing",
        ),
        pytest.param(
            Recipe,
            {"tta": {"flp": True}},
            "tta.flp: no such field; there are flip, scales",
            id="tta",
        ),
        pytest.param(
            Suite,
            {"ensembles": {"refine": {"rule": "mean", "x": 1}}},
            "ensembles.refine.x: no such field; there are rule, members, weights, refine",
            id="below a key that is called as a field",
        ),
        pytest.param(
            Suite,
            {"ensembles": {"a": {"rule": "mean", "refine": [{"denoise": {"blurr": 3}}]}}},
            "ensembles.a.refine.0.denoise.blurr: no such field; there are name, blur, opening",
            id="a step of an ensemble",
        ),
        pytest.param(
            Suite,
            {"override": {"gradual": [{"scale": 0.5, "epochs": 1, "x": 1}]}},
            "override.gradual.0.x: no such field; there are scale, epochs",
            id="a list or nothing",
        ),
        pytest.param(
            Suite,
            {"override": {"schedule": {"name": "step", "every": 2, "factor": 0.5, "x": 1}}},
            "step.x: no such field; there are name, every, factor",
            id="a schedule, a word or nothing",
        ),
        pytest.param(
            Suite,
            {"override": {"optimiser": {"name": "sgd", "lr": 0.1, "rate": 1}}},
            "override.optimiser.rate: no such field; there are name, lr, encoder_lr",
            id="a record in a record",
        ),
        pytest.param(
            Suite,
            {"reported": [{"entry": "a", "dice": 0.5, "source": "b", "x": 1}]},
            "reported.0.x: no such field; there are entry, dice",
            id="a published figure",
        ),
        pytest.param(
            Suite, {"fold": 3}, "fold: no such field; there are title, recipes", id="suite"
        ),
    ],
)
def test_an_unknown_field_is_answered_with_the_fields_of_its_own_record(
    kind, change, message, tmp_path
):
    path = tmp_path / "mine.yaml"
    whole = {Recipe: RECIPE, Suite: load_suite("demo")}[kind]
    path.write_text(yaml.safe_dump(yaml.safe_load(to_yaml(whole)) | change))
    with pytest.raises(BadConfig, match=re.escape(message)):
        read(path, kind)
