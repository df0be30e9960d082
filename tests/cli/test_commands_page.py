"""The command line: one list of verbs, the page made of it, and the folders it defaults to."""

from pathlib import Path

import pytest

from bench.cli import arguments
from bench.cli.commands_page import PAGE, commands_page
from bench.cli.verbs import VERBS, main
from bench.system import environment


def test_the_page_of_commands_is_what_help_says():
    made = commands_page().split()  # another Python may wrap lines elsewhere
    assert PAGE.read_text().split() == made, "run: python -m bench.cli.commands_page"


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_a_verb_has_an_example_that_its_parser_understands(verb):
    args = arguments.make_parser(VERBS).parse_args(verb.example.split())
    assert (args.verb, args.command) == (verb.name, verb.command)
    assert verb.command.__name__ == f"{verb.name.replace('-', '_')}_command"


def test_wrong_usage_ends_with_code_2(capsys):
    for words in ([], ["fly"], ["run"], ["demo", "--out", "x", "--jobs", "0"]):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 2
    assert "'0' is not a whole number from 1 to 1024" in capsys.readouterr().err


def test_a_checkout_keeps_its_results_and_an_installed_package_takes_the_working_directory(
    tmp_path, monkeypatch
):
    def folders():
        args = arguments.make_parser(VERBS).parse_args(["run", "demo"])
        return [args.runs, args.submissions, arguments.data_folder(args)]

    def below(home):
        return [home / name for name in ("runs", "submissions", "data")]

    monkeypatch.delenv(environment.HOME, raising=False)
    monkeypatch.chdir(tmp_path)
    assert folders() == below(Path(environment.__file__).parents[2])
    packages, named = tmp_path / "site-packages", tmp_path / "named"
    packages.mkdir()
    monkeypatch.setattr(environment, "ROOT", packages)
    assert folders() == below(tmp_path)
    for name in environment.OF_A_CHECKOUT:
        (packages / name).touch()
    assert folders() == below(packages)
    monkeypatch.setenv(environment.HOME, "named")
    assert folders() == below(named)
    named.touch()
    assert main(["folds", "demo"]) == 2
