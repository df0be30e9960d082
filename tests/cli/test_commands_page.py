"""The command line: one list of verbs, the page made of it, and the folders it defaults to."""

import shutil
from pathlib import Path

import pytest

from bench.cli import arguments
from bench.cli.commands_page import PAGE, commands_page
from bench.cli.verbs import VERBS, main


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
    assert arguments.home() == Path(arguments.__file__).parents[2]
    installed = tmp_path / "site-packages" / "bench" / "cli" / "arguments.py"
    installed.parent.mkdir(parents=True)
    shutil.copy(arguments.__file__, installed)
    monkeypatch.setattr(arguments, "__file__", str(installed))
    monkeypatch.chdir(tmp_path)
    assert arguments.home() == tmp_path
    args = arguments.make_parser(VERBS).parse_args(["run", "demo"])
    assert (args.runs, args.submissions) == (tmp_path / "runs", tmp_path / "submissions")
    assert arguments.data_folder(args) == tmp_path / "data"
    for name in ("pyproject.toml", "run_all.sh"):
        (tmp_path / "site-packages" / name).touch()
    assert arguments.home() == tmp_path / "site-packages"
