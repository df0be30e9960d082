"""What verbs print: no name and no path is cut, however narrow a terminal is."""

import argparse
import sys

import pytest
import yaml
from rich.console import Group
from rich.table import Table

from bench.cli import catalogue, printing
from bench.cli.verbs import main

PATH = "/somewhere/" + "x" * 90 + "/000000000003_02.jpg"
ROW = {
    "name": "heitzinger2020/dice-bce-gradient-1280x1920",
    "network": "residual_unet",
    "params": 123_456_789,
    "source": "a paper of many words, Table 1, row 4, and what stands in its appendix",
}


@pytest.fixture(params=[True, False], ids=["terminal", "file"])
def narrow(request, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: request.param, raising=False)


@pytest.mark.usefixtures("narrow")
def test_no_name_is_cut(capsys):
    notes = Table(show_header=False)
    notes.add_row("note", f"3 other files are ignored, first {PATH}")
    printing.print_tables([catalogue.table([ROW]), Group(notes, f"{PATH}: damaged")])
    said = capsys.readouterr().out
    assert said.count(PATH) == 2
    assert all(str(word) in said for word in (ROW["name"], ROW["network"], "123,456,789"))
    assert printing.CUT not in said


@pytest.mark.usefixtures("narrow")
def test_the_names_of_all_recipes_can_be_copied(monkeypatch, capsys):
    names = catalogue.list_names(catalogue.RECIPES)
    monkeypatch.setattr(catalogue, "entry", lambda name, machine: {**ROW, "name": name})
    assert main(["models", "--quiet"]) == 0
    assert set(names) <= set(capsys.readouterr().out.split())


def test_a_terminal_that_is_wide_enough_breaks_lines_at_words(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    printing.print_tables([catalogue.table([ROW])])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6 and len(lines[-1]) <= 120  # the source takes two of them


def test_a_path_with_spaces_stays_in_one_line_of_a_result(capsys):
    result = {"data": "/here/" + "a b " * 60 + "\N{LATIN SMALL LETTER U WITH DIAERESIS}.jpg"}
    printing.print_result(argparse.Namespace(json=False), result)
    said = capsys.readouterr().out
    assert result["data"] in said and yaml.safe_load(said) == result
