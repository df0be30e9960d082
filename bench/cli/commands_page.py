"""The page docs/commands.md, made of every verb's `--help`: `python -m bench.cli.commands_page`."""

import argparse
from pathlib import Path

from bench.cli.arguments import EXIT_CODES, make_parser
from bench.cli.verbs import VERBS
from bench.system.files import write_text

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
WIDTH = 96  # characters of a line of help


def commands_page() -> str:
    """Return the page in Markdown: the list of verbs, then the help of each."""
    verbs = _parsers(make_parser(VERBS, WIDTH))
    lines = [f"- [`{verb.name}`](#{verb.name}): {verb.help}" for verb in VERBS]
    sections = [f"## {name}\n\n```\n{_help(parser)}\n```" for name, parser in verbs.items()]
    return "\n\n".join(
        [
            "# The command line",
            "This page is made of every verb's `--help` by `python -m bench.cli.commands_page`.",
            "\n".join(lines),
            f"```\n{EXIT_CODES}\n```",
            *sections,
            "",
        ]
    ).replace("\n\n\n", "\n\n")


def _help(parser: argparse.ArgumentParser) -> str:
    return parser.format_help().replace(EXIT_CODES, "").rstrip()


def _parsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    (action,) = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    return dict(action.choices)


if __name__ == "__main__":
    write_text(PAGE, commands_page())
