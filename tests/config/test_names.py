"""Names of recipes, ensembles and suites: what would share a folder or a file is refused."""

import unicodedata

import pytest
import yaml

from bench.cli.verbs import main
from bench.config.library import RECIPES, SUITES, list_names, load_suite
from bench.config.names import fault_of
from bench.config.strict import to_yaml
from bench.system.errors import BadConfig
from tests.tiny import RECIPE, Made

E_ACUTE = "\N{LATIN SMALL LETTER E WITH ACUTE}"
DECOMPOSED = unicodedata.normalize("NFD", E_ACUTE)


@pytest.fixture
def load(tmp_path):
    """Load a suite of these fields."""

    def load_fields(recipes, ensembles=(), reported=(), file="mine.yaml"):
        suite = {
            "title": "mine",
            "recipes": list(recipes),
            "ensembles": {name: {"rule": "mean"} for name in ensembles},
            "reported": [{"entry": name, "dice": 0.9, "source": "x"} for name in reported],
        }
        (tmp_path / file).write_text(yaml.safe_dump(suite, sort_keys=False), encoding="utf-8")
        return load_suite(str(tmp_path / file))

    return load_fields


@pytest.mark.parametrize(
    ("recipes", "ensembles", "reported", "said"),
    [
        pytest.param(
            ["v1/unet.yaml", "v2/unet.yaml"], [], [],
            "recipe 'v1/unet.yaml' and recipe 'v2/unet.yaml' would share the name 'unet'",
            id="files of two folders",
        ),
        pytest.param(["unet.yaml", "unet.yml"], [], [], "share the name 'unet'", id="suffixes"),
        pytest.param(["unet.yaml", "v/UNet.yaml"], [], [], "share the name 'UNet'", id="case"),
        pytest.param(
            [f"{E_ACUTE}.yaml", f"{DECOMPOSED}.yaml"], [], [], "share the name", id="Unicode forms"
        ),
        pytest.param(
            ["cpu/unet-256x384", "cpu-unet-256x384.yaml"], [], [],
            "share the name 'cpu-unet-256x384'", id="one submission file",
        ),
        pytest.param(["a.yaml", "a.yaml"], [], [], "recipe 'a.yaml' stands twice", id="twice"),
        pytest.param(
            ["one.yaml", "two.yaml"], ["one"], [],
            "recipe 'one.yaml' and ensemble 'one' would share the name 'one'", id="an ensemble",
        ),
        pytest.param(["one.yaml"], ["One"], [], "ensemble 'One' would share", id="in other case"),
        pytest.param(
            ["one.yaml"], ["a/b", "a-b"], [],
            "ensemble 'a/b' and ensemble 'a-b'", id="slash, hyphen",
        ),
        pytest.param(
            ["one.yaml"], ["Paper"], ["paper"],
            "reported 'paper' and ensemble 'Paper' would share a name", id="a published figure",
        ),
        pytest.param(["ensembles.yaml"], [], [], "a run has folders of its own", id="ensembles"),
        pytest.param(["fold0.yaml"], [], [], "a run has folders of its own", id="fold0"),
        pytest.param(["suite.yaml.yaml"], [], [], "looks like a file of the run", id="suite.yaml"),
        pytest.param(["one.yaml"], [".."], [], "begins or ends with a dot", id="the folder above"),
        pytest.param(["one.yaml"], ["../../x"], [], "begins or ends with a dot", id="far above"),
        pytest.param(["one.yaml"], ["/tmp/x"], [], "has no name", id="another place"),
        pytest.param(["one.yaml"], [""], [], "has no name", id="none"),
        pytest.param(["one.yaml"], ["a\\b"], [], "in no file's name", id="a backslash"),
        pytest.param(["one.yaml"], ["a\nb"], [], "in no file's name", id="two lines"),
        pytest.param(["one.yaml"], ["a" * 101], [], "over 100 bytes", id="long"),
    ],
)  # fmt: skip
def test_a_suite_with_such_names_is_refused(load, recipes, ensembles, reported, said):
    with pytest.raises(BadConfig, match=r"mine\.yaml:\n  .*(rename|remove)") as refused:
        load(recipes, ensembles, reported)
    assert said in str(refused.value)


@pytest.mark.parametrize("file", ["cache.yaml", ".mine.yaml", "a:b.yaml"])
def test_the_file_of_a_suite_must_be_a_folder_s_name_too(load, file):
    with pytest.raises(BadConfig, match=r"the suite's file gives the run its name, and .*; rename"):
        load(["one.yaml"], file=file)


def test_what_can_be_told_apart_is_taken(load):
    names = ["unet v1.2+aug (a)", f"r{E_ACUTE}seau", "fold0-only", "a/b"]
    suite = load(["one.yaml", "cpu/one.yml"][:1], names, ["paper", "paper"])
    assert list(suite.ensembles) == names


@pytest.mark.parametrize("name", list_names(RECIPES))
def test_every_recipe_of_the_library_may_be_called_so(name):
    assert fault_of(name) is None


@pytest.mark.parametrize("name", list_names(SUITES))
def test_every_suite_of_the_library_may_be_called_so(name):
    assert load_suite(name)


@pytest.mark.parametrize("verb", [("run",), ("run", "--dry-run"), ("train",), ("folds",)])
def test_two_entries_of_one_name_are_refused_before_any_work(tiny_carvana, tmp_path, capsys, verb):
    made = Made(tmp_path, tiny_carvana)
    (tmp_path / "v2").mkdir()
    (tmp_path / "v2" / "a.yaml").write_text(to_yaml(RECIPE))
    suite = yaml.safe_load(made.suite.read_text())
    made.suite.write_text(yaml.safe_dump(suite | {"recipes": [*suite["recipes"], "v2/a.yaml"]}))
    assert made.main(*verb) == 2
    assert "recipe 'a.yaml' and recipe 'v2/a.yaml'" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param("mine/tinny.yaml", "nearest: mine/tiny.yml", id="misspelt file"),
        pytest.param("mine/tiny.yaml", "nearest: mine/tiny.yml", id="suffix"),
        pytest.param("mine/tiny", "name the whole file: mine/tiny.yml", id="no suffix"),
        pytest.param("zzz", "name the whole file: zzz.yaml", id="no suffix, here"),
        pytest.param("mine", "is a folder, not a suite; name a file: mine/tiny.yml", id="folder"),
        pytest.param("run", "run is the folder of a run; name the suite that made it", id="run"),
        pytest.param("empty", "there is no .yaml file in it: name one", id="empty folder"),
        pytest.param("text", "text: the file of a suite ends in .yaml; rename it", id="other file"),
        pytest.param("demmo", "no suite 'demmo'; nearest: demo", id="name"),
        pytest.param("DEMO", "no suite 'DEMO'; nearest: demo", id="name in other case"),
        pytest.param("demo.yaml", "no suite 'demo.yaml'; nearest: demo", id="name with a suffix"),
    ],
)  # fmt: skip
def test_a_suite_that_is_not_there_is_answered_with_the_nearest(
    tmp_path, monkeypatch, capsys, given, said
):
    (tmp_path / "mine").mkdir()
    for name in ("empty", "run"):
        (tmp_path / name).mkdir()
    for name in ("text", "run/folds.csv", "run/suite.yaml"):
        (tmp_path / name).write_text("title: x")
    (tmp_path / "mine" / "tiny.yml").write_text("title: tiny\nrecipes: [a.YAML]\n")
    (tmp_path / "zzz.yaml").write_text("title: here\nrecipes: [a.yaml]\n")
    monkeypatch.chdir(tmp_path)
    assert main(["run", given, "--dry-run"]) == 2
    assert said in capsys.readouterr().err


def test_a_recipe_that_is_not_there_is_answered_with_the_suite_and_the_nearest(
    tiny_carvana, tmp_path, capsys
):
    made = Made(tmp_path, tiny_carvana)
    suite = yaml.safe_load(made.suite.read_text())
    made.suite.write_text(yaml.safe_dump(suite | {"recipes": [*suite["recipes"], "aa.yaml"]}))
    assert made.main("folds") == 2
    said = capsys.readouterr().err
    assert (
        f"{made.suite}: recipes: no recipe '{tmp_path}/aa.yaml'; nearest: {tmp_path}/a.yaml" in said
    )


@pytest.mark.parametrize("suffix", ["yml", "YAML", "Yml"])
def test_suites_and_recipes_may_end_in_yml_or_capitals(tiny_carvana, tmp_path, suffix):
    made = Made(tmp_path, tiny_carvana)
    (tmp_path / "a.yaml").rename(tmp_path / f"a.{suffix}")
    text = made.suite.read_text().replace("a.yaml", f"a.{suffix}")
    made.suite = tmp_path / f"other.{suffix}"
    made.suite.write_text(text)
    assert made.main("folds") == 0
    assert (tmp_path / "runs" / "other" / "folds.csv").exists()
