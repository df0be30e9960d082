"""What the results of a folder were made from: the model and options, and each photograph.

    cutouts.json       the model and the options, one for all results
    photographs.csv    a result a line: its path, its photograph, the hashes of that and of itself

A line is written before its result: a result without a line is none of ours. Earlier versions noted
no hash of the result, so what lies there is taken for it.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.system.disk import writing
from bench.system.errors import BadConfig
from bench.system.files import append_rows, read_json, row_end, sha256, write_json
from bench.system.progress import say
from bench.system.text import several

MADE_BY = "cutouts.json"
PHOTOGRAPHS = "photographs.csv"
HASH_LENGTH = 64
CUT_OUT_AGAIN = "the pictures beside it, then cut out again"
CHANGED = ".changed"  # ends the name of what lay in the place of a result


class Made(NamedTuple):
    """What a result was made from, and the hash of its bytes; "" where that was not noted."""

    photograph: str
    photograph_sha256: str
    sha256: str = ""


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

        What lies in the place of a result and is not what was written there is put aside.

        Raises:
            BadConfig: a result is there that was made from another photograph, or of which
                nothing is known.
            BenchError: nothing may be put aside there.
        """
        there = [target for target in targets if target.exists()]
        for target in there:
            self._check(target, targets[target])
        _put_aside([target for target in there if not self._is_as_written(target)])
        return {target: photo for target, photo in targets.items() if not target.exists()}

    def begin(self) -> None:
        """Write what decides the results, before the first is made."""
        write_json(self._out / MADE_BY, dict(self._made_by))
        path = self._out / PHOTOGRAPHS
        if path.exists() and (end := row_end(path.read_bytes())):
            with path.open("ab") as file:
                file.write(end)

    def note(self, made: Mapping[Path, Made]) -> None:
        """Note results that are about to be written."""
        rows = [(self.name(target), *each) for target, each in made.items()]
        append_rows(self._out / PHOTOGRAPHS, rows)

    def _check(self, target: Path, photograph: Path) -> None:
        known = self._rows.get(self.name(target))
        if known is None:
            raise BadConfig(
                f"{target} is there, and {self._out / PHOTOGRAPHS} does not say what it was cut "
                f"out of; name another --out, or remove it to cut {photograph} out again"
            )
        if known.photograph_sha256 != sha256(photograph):
            same = known.photograph == str(photograph)
            changed = "before it changed" if same else f"of {known.photograph}"
            raise BadConfig(
                f"{target} was cut out of another photograph than {photograph} is now ({changed}); "
                "name another --out, or remove it to cut this one out"
            )

    def _is_as_written(self, target: Path) -> bool:
        written = self._rows[self.name(target)].sha256
        return not written or (target.is_file() and sha256(target) == written)

    def name(self, target: Path) -> str:
        """What a result is called in the lists beside it: its path below the folder."""
        return target.relative_to(self._out).as_posix()


def _check_same(path: Path, made_by: Mapping[str, Any]) -> None:
    """Refuse other options than those noted; what an older version did not note may be anything."""
    noted = read_json(path, dict[str, Any], CUT_OUT_AGAIN)
    if noted.get("background_sha256"):  # of a picture, wherever it lies
        noted.pop("background", None)
    changed = [
        key
        for key, value in noted.items()
        if _decides(key, value) != _decides(key, made_by.get(key))
    ]
    if changed:
        raise BadConfig(
            f"{path.parent}: filled by another model or with other options "
            f"({', '.join(changed)}); name another --out"
        )


def _decides(key: str, value: Any) -> Any:
    """What of a value decides: steps as a set; earlier versions noted them as a person had."""
    return set(map(str, value)) if key == "steps" and isinstance(value, list) else value


def _put_aside(changed: Sequence[Path]) -> None:
    """Make room for results that are made again; what lies there may be a person's own work."""
    for path in changed:
        with writing(path):
            path.replace(path.with_name(path.name + CHANGED))
    if changed:
        say(
            f"{several(len(changed), 'result')} not what was written there, the first: "
            f"{changed[0]}; cut out again, and what lay there now ends in {CHANGED}"
        )


def _read(path: Path) -> dict[str, Made]:
    """Return what is noted of each result; of two lines the later counts."""
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        rows = [row for row in csv.reader(file) if len(row) in (3, 4)]
    return {
        name: Made(photograph, *hashes)
        for name, photograph, *hashes in rows
        if all(len(each) == HASH_LENGTH for each in hashes)
    }
