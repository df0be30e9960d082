"""Maps of the test photographs -> Kaggle's submission file of every entry, in one pass.

Reads  the members' map stores. Writes `<suite>-<entry>.csv.gz` and beside it what made it (.json).
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.config.refinement import to_json
from bench.ensembles.entry import Entry
from bench.kaggle.writing import SubmissionWriter, write_sidecar
from bench.masks.rle import format_runs
from bench.masks.store import MapStore
from bench.masks.types import THRESHOLD
from bench.system.progress import track
from bench.system.threads import ahead


def run(
    entries: Sequence[Entry],
    stores: Mapping[str, Path],
    names: Mapping[str, str],
    files: Mapping[str, Path],
    made_by: Mapping[str, Any],
    jobs: int,
) -> None:
    """Write the submission file of every entry; each map is read and unpacked once for all.

    Args:
        stores: the map store of each member, by its name.
        names: image id -> file name of the photograph, as Kaggle's table has it.
        files: entry -> its file.
        made_by: what the sidecar says besides the entry's own rule, members and threshold.

    Raises:
        BadData: a store lacks an image or is damaged; no file is written then.
    """
    with ExitStack() as stack:
        opened = {name: stack.enter_context(MapStore.open(path)) for name, path in stores.items()}
        writers = [stack.enter_context(SubmissionWriter(files[entry.name])) for entry in entries]

        def encode(image: str) -> tuple[str, list[str]]:
            maps = {name: store.look(image) for name, store in opened.items()}
            return image, [format_runs(entry.runs(maps, image)) for entry in entries]

        rows = track(ahead(encode, sorted(names), jobs), "submission files", len(names))
        for image, texts in rows:
            for writer, text in zip(writers, texts, strict=True):
                writer.write_row(names[image], text)
        origins = {name: store.made_by for name, store in opened.items()}
    for entry in entries:
        write_sidecar(files[entry.name], len(names), {**made_by, **_made_of(entry, origins)})


def _made_of(entry: Entry, origins: Mapping[str, Any]) -> dict[str, Any]:
    """An entry's rule, what it has learned or was given, and each member with its own origin."""
    return {
        "entry": entry.name,
        "rule": entry.rule,
        "parameters": entry.parameters,
        "refine": to_json(entry.refine),
        "threshold": THRESHOLD,
        "members": [{"recipe": member, **origins[member]} for member in entry.members],
    }
