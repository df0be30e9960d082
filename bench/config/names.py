"""What recipes, ensembles and suites may be called: their names become folders and files."""

import re
from collections.abc import Iterator
from pathlib import Path

from bench.config.suite import Suite
from bench.system.errors import BadConfig
from bench.system.text import as_a_disk_sees

MAX_BYTES = 100  # of a name: two of them make the name of a submission file, which may have 255
ODD = re.compile(r'[\x00-\x1f\x7f\\:*?"<>|\ud800-\udfff]')  # some file system allows none of them
OF_A_TRAINING = re.compile(r"fold[0-9]+", re.IGNORECASE)
OF_A_RUN = "ensembles"  # a folder of every run
FILE_OF_A_RUN = re.compile(
    r"\.(csv|gz|html|json|latex|md|parquet|pt|safetensors|sqlite|txt|ya?ml)", re.IGNORECASE
)
OF_ALL_RUNS = "cache"  # the folder of shrunk photographs beside the runs


def fault_of(name: str) -> str | None:
    """Say why a name cannot be that of a folder below a run; None if it can.

    >>> fault_of("v1/unet"), fault_of("../unet")
    (None, "'..' begins or ends with a dot or a space")
    """
    if len(name.encode(errors="surrogatepass")) > MAX_BYTES:
        return f"it has over {MAX_BYTES} bytes"
    for part in name.split("/"):
        if not part:
            return "a folder in it has no name"
        if part.strip(" .") != part:
            return f"{part!r} begins or ends with a dot or a space"
        if odd := ODD.search(part):
            return f"{odd[0]!r} may stand in no file's name on some systems"
        if OF_A_TRAINING.fullmatch(part) or part.casefold() == OF_A_RUN:
            return f"a run has folders of its own called {part!r}"
        if FILE_OF_A_RUN.fullmatch(Path(part).suffix):
            return f"{part!r} looks like a file of the run"
    return None


def check_names(suite: Suite, path: Path) -> None:
    """Refuse a suite in which two entries share a name or a file, or a name is no folder's.

    Two names count as one where they differ only in case, in their Unicode form, or by a slash for
    a hyphen: a disk, or the name of a submission file, may not tell them apart.

    Args:
        path: the suite's file.

    Raises:
        BadConfig: the message names the file and every name at fault.
    """
    wrong = []
    if (fault := fault_of(path.stem)) or path.stem.casefold() == OF_ALL_RUNS:
        fault = fault or f"a folder beside the runs is called {OF_ALL_RUNS!r}"
        wrong.append(f"the suite's file gives the run its name, and {fault}; rename the file")
    first: dict[str, str] = {}
    for name, owner in _names(suite):
        if fault := fault_of(name):
            wrong.append(f"{owner}: {name!r} cannot be its name: {fault}; rename it")
        other = first.setdefault(_of_file(name), owner)
        if other != owner:
            wrong.append(f"{other} and {owner} would share the name {name!r}; rename one of them")
    wrong += [f"recipe {name!r} stands twice; remove one" for name in _twice(suite.recipes)]
    published = {_of_file(row.entry): row.entry for row in suite.reported}
    for key in published.keys() & first.keys():
        wrong.append(
            f"reported {published[key]!r} and {first[key]} would share a name; rename one of them"
        )
    if wrong:
        raise BadConfig("\n  ".join([f"{path}:", *wrong]))


def _names(suite: Suite) -> Iterator[tuple[str, str]]:
    """Give each entry's name, and what bears it."""
    for single in suite.singles:
        varied = f" with {single.varied}" if single.varied else ""
        yield single.name, f"recipe {single.recipe!r}{varied}"
    yield from ((name, f"ensemble {name!r}") for name in suite.ensembles)


def _twice(recipes: tuple[str, ...]) -> list[str]:
    return sorted({recipe for recipe in recipes if recipes.count(recipe) > 1})


def _of_file(name: str) -> str:
    """Return what tells an entry's submission file from those of others."""
    return as_a_disk_sees(name).replace("/", "-")
