"""The pages say what is there: links, paths, verbs, suites, recipes and the tree of packages."""

import re
import tomllib
from pathlib import Path

import pytest

import bench
from bench.cli.arguments import make_parser
from bench.cli.verbs import VERBS
from bench.config.library import RECIPES, SUITES, list_names

ROOT = Path(__file__).parents[1]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for pattern in ("*.md", "docs/*.md", "data/README.md", "submissions/**/*.md")
    for path in sorted(ROOT.glob(pattern))
}
RECIPE_NAMES = list_names(RECIPES)


def anchors(text):
    """The names by which links find a page's headings."""
    headings = re.findall(r"(?m)^#+ (.*)$", text)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", PAGES[page])
    for path, anchor in links:
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target.read_text()), f"{path}#{anchor}"


@pytest.mark.parametrize("page", PAGES)
def test_paths_exist(page):
    added = re.findall(r"(?m)^(?:A new file|In) `([^`]+)`", PAGES[page])  # by worked examples
    paths = re.findall(r"(?<![\w/.])(?:bench|models|tests|docs)/[\w./<>*-]*\w", PAGES[page])
    missing = {path for path in paths if "<" not in path and not [*ROOT.glob(path)]}
    assert missing <= set(added)


@pytest.mark.parametrize("page", PAGES)
def test_verbs_suites_and_recipes_exist(page, capsys):
    commands = re.findall(r"(?:run_all\.sh|carvana-bench) +[^`\n#]*", PAGES[page])
    for program, *words in (command.split() for command in commands):
        if program == "carvana-bench" and words and words[0].islower() and words[0].isalpha():
            with pytest.raises(SystemExit, match="0"):
                make_parser(VERBS).parse_args([words[0], "--help"])
        named = words[:1] if program == "run_all.sh" else words[1:2]
        if program == "run_all.sh" or (named and words[0] in ("run", "train", "refine", "doctor")):
            plain = [word for word in named if re.fullmatch(r"[a-z][\w-]*", word)]
            assert set(plain) <= {*list_names(SUITES)}
    families = "|".join({name.split("/")[0] for name in RECIPE_NAMES})
    recipes = re.findall(rf"(?<![\w/])(?:{families})/[a-z0-9][\w-]*(?![\w.-]*/)", PAGES[page])
    assert set(recipes) <= {*RECIPE_NAMES}


def test_the_readme_prints_the_tree():
    packages = re.findall(r"(?m)^  (\w+/ .*)$", bench.__doc__)
    assert "\n".join(packages) in PAGES["README.md"]


def test_the_table_of_extras_is_pyproject_s():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    rows = re.findall(r"(?m)^\| `(\w+)` \| .* \| (.*?) ?\|$", PAGES["docs/installing.md"])
    told = {name: set(packages.lower().split(", ")) for name, packages in rows}
    for name in extras.keys() - {"all", "dev"}:
        packages = {re.split("[<>=]", each)[0] for each in extras[name]}
        assert told.get(name) == packages
    assert told.keys() == extras.keys() - {"dev"}


def test_the_readme_is_short():
    lines = PAGES["README.md"].splitlines()
    assert len(lines) <= 160 and max(map(len, lines)) < 100
