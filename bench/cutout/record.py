"""What the results of a folder were made from: the model and options, and each photograph.

    cutouts.json       the model and the options, one for all results
    photographs.csv    a result a line: its path, its photograph, the hash of the photograph

A line is written before its result: a result without a line is none of ours.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.system.errors import BadConfig
from bench.system.files import append_rows, read_json, row_end, sha256, write_json
from bench.system.temporaries import holds_anything

MADE_BY = "cutouts.json"
PHOTOGRAPHS = "photographs.csv"
HASH_LENGTH = 64
CUT_OUT_AGAIN = "the pictures beside it, then cut out again"


class Record:
    """The record of a folder of results.

    Args:
        made_by: what decides the results besides the photographs, for JSON.

    Raises:
        BadConfig: the folder was filled by another model or with other options.
        BadFile: the record is damaged.
    """

    def __init__(self, out: Path, made_by: Mapping[str, Any]) -> None:
        self._out, self._made_by = out, made_by
        if (out / MADE_BY).exists():
            _check_same(out / MADE_BY, made_by)
        self._rows = _read(out / PHOTOGRAPHS)

    def left(self, targets: Mapping[Path, Path]) -> dict[Path, Path]:
        """Return the results that are still to be made, with their photographs.

        Raises:
            BadConfig: a result is there that was made from another photograph, or of which
                nothing is known.
        """
        for target, photograph in targets.items():
            if target.exists():
                self._check(target, photograph)
        return {target: photo for target, photo in targets.items() if not target.exists()}

    def begin(self) -> None:
        """Write what decides the results, before the first is made."""
        write_json(self._out / MADE_BY, dict(self._made_by))
        path = self._out / PHOTOGRAPHS
        if path.exists() and (end := row_end(path.read_bytes())):
            with path.open("ab") as file:
                file.write(end)

    def note(self, made: Sequence[tuple[Path, Path, str]]) -> None:
        """Note results that are about to be written: result, photograph and its hash."""
        rows = [(self._name(target), str(photo), digest) for target, photo, digest in made]
        append_rows(self._out / PHOTOGRAPHS, rows)

    def _check(self, target: Path, photograph: Path) -> None:
        known = self._rows.get(self._name(target))
        if known is None:
            raise BadConfig(
                f"{target} is there, and {self._out / PHOTOGRAPHS} does not say what it was cut "
                f"out of; name another --out, or remove it to cut {photograph} out again"
            )
        other, digest = known
        if digest != sha256(photograph):
            changed = "before it changed" if other == str(photograph) else f"of {other}"
            raise BadConfig(
                f"{target} was cut out of another photograph than {photograph} is now ({changed}); "
                "name another --out, or remove it to cut this one out"
            )

    def _name(self, target: Path) -> str:
        return target.relative_to(self._out).as_posix()


def check_folder(out: Path) -> None:
    """Refuse a folder for results that is a file, or lies below one.

    Raises:
        BadConfig: it is, or does.
    """
    for path in (out, *out.parents):
        if path.exists() and not path.is_dir():
            raise BadConfig(f"{path}: a file, not a folder; name another --out")


def check_new_folder(out: Path) -> None:
    """Refuse a folder for results that holds something already, or cannot be one.

    Raises:
        BadConfig: as `check_folder`, or it does.
    """
    check_folder(out)
    if holds_anything(out):
        raise BadConfig(f"{out}: not empty; name a new folder with --out")


def _check_same(path: Path, made_by: Mapping[str, Any]) -> None:
    """Refuse other options than those noted; what an older version did not note may be anything."""
    noted = read_json(path, dict[str, Any], CUT_OUT_AGAIN)
    changed = [key for key, value in noted.items() if value != made_by.get(key)]
    if changed:
        raise BadConfig(
            f"{path.parent}: filled by another model or with other options "
            f"({', '.join(changed)}); name another --out"
        )


def _read(path: Path) -> dict[str, tuple[str, str]]:
    """Return each result's photograph and its hash; of two lines the later counts."""
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        rows = [row for row in csv.reader(file) if len(row) == 3 and len(row[2]) == HASH_LENGTH]
    return {name: (photograph, digest) for name, photograph, digest in rows}
