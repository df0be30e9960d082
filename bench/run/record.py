"""What a stage made, and the content that it was made from, as a JSON file in the run's folder."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.config.layout import Layout
from bench.masks.parts import open_maps
from bench.system.contents import Contents
from bench.system.errors import BadData, BadFile, Missing
from bench.system.files import json_sha256, sha256, write_json

Inputs = Mapping[str, Mapping[str, str]]  # kind of thing -> each one's name -> its hash or value

SCORED_ON = ("photographs of held-out cars", "masks of held-out cars")
MAX_NAMED = 3  # things that a message names


@dataclass(frozen=True)
class Record:
    """What was made from what.

    Args:
        made_from: by kind: each thing's name and its hash or value.
        finished: whether all was made; if not, it was only begun.
        files: the hash of each file that was made, by name.
        texts: small files that were made, whole, by name: they are put back if they are damaged.
    """

    made_from: Inputs
    finished: bool = False
    files: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write the record, and its own hash."""
        content = asdict(self)
        write_json(path, {"sha256": json_sha256(content), **content})


def read_record(path: Path) -> Record | None:
    """Read the record of a stage; None where there is none yet.

    Raises:
        BadData: it is damaged.
    """
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_bytes())
        if content.pop("sha256") != json_sha256(content):
            raise ValueError("it does not have the content that was written")
        return Record(**content)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadFile(path, f"damaged ({error})", "put it back") from error


def check_made(run: Path, *stages: str) -> None:
    """Refuse files of a run that are not those that its stages made, or made from other scores.

    Args:
        run: its folder; one that an earlier version made, without records, is not looked at.

    Raises:
        BadData: a file was damaged or changed.
    """
    for stage in stages:
        path = Layout(run).record(stage)
        record = read_record(path)
        for name, digest in record.files.items() if record else ():
            file = (path.parent / name).resolve()
            if not file.is_file() or sha256(file) != digest:
                what = f"not the file that the stage `{stage}` made"
                raise BadFile(file, what, "run the suite again, which makes it anew")
        for name, digest in record.made_from.get("scores", {}).items() if record else ():
            if sha256(run / name) != digest:
                what = f"the stage `{stage}` was done with other scores"
                raise BadFile(run / name, what, "run the suite again, which does it anew")


def check_same_data(first: Path, second: Path) -> None:
    """Refuse two runs, or evaluations, of other masks or photographs of the same names.

    A folder without the record of a stage `score`, as of an earlier version, is not looked at.

    Raises:
        BadData: they were; the message names the first cars.
    """
    one, other = (read_record(Layout(run).record("score")) for run in (first, second))
    if not one or not other:
        return
    for kind in SCORED_ON:
        before, now = one.made_from.get(kind, {}), other.made_from.get(kind, {})
        if differ := [car for car in before if now.get(car, before[car]) != before[car]]:
            raise BadData(
                f"{first} and {second}: scored on different {kind}: {_few(differ)}; score both "
                "with the same --data"
            )


def file_hashes(paths: Sequence[Path], contents: Contents) -> dict[Path, str]:
    """Return the hash of each file's content; a map store's leaves out how SQLite arranges it.

    Raises:
        BadData: a file cannot be read.
    """
    hashes = contents.of(path for path in paths if path.suffix != ".sqlite")
    return {path: hashes[path] if path in hashes else store_hash(path) for path in paths}


def store_hash(path: Path) -> str:
    """Return the hash of the maps of a store and its parts; "" of missing or damaged ones."""
    try:
        with open_maps(path) as maps:
            return maps.content
    except (Missing, BadData):
        return ""


def merged(parts: Iterable[Inputs]) -> Inputs:
    """Return all that several parts list, kind by kind.

    >>> merged([{"maps": {"a": "1"}}, {"maps": {"b": "2"}, "masks": {}}])
    {'maps': {'a': '1', 'b': '2'}, 'masks': {}}
    """
    whole: dict[str, dict[str, str]] = {}
    for part in parts:
        for kind, hashes in part.items():
            whole.setdefault(kind, {}).update(hashes)
    return whole


def differences(before: Inputs, now: Inputs) -> list[str]:
    """Say what has changed among the things that something was made from: a phrase for each kind.

    >>> differences({"masks": {"a": "1", "b": "2"}}, {"masks": {"a": "1", "b": "3"}})
    ['masks changed: b']
    """
    return [
        f"{kind} {phrase}"
        for kind in dict.fromkeys([*before, *now])
        for phrase in _phrases(before.get(kind, {}), now.get(kind, {}))
    ]


def _phrases(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    changed = [name for name in before if name in now and before[name] != now[name]]
    added = [name for name in now if name not in before]
    gone = [name for name in before if name not in now]
    listed = {"changed": changed, "added": added, "gone": gone}
    return [f"{word}: {_few(names)}" for word, names in listed.items() if names]


def _few(names: list[str]) -> str:
    shown = ", ".join(names[:MAX_NAMED])
    return f"{shown} and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else shown
