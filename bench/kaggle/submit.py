"""Maps of the test photographs -> Kaggle's submission file of every entry, in one pass.

Reads  the members' map stores. Writes `<suite>-<entry>.csv.gz` and beside it what made it (.json).
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.config.refinement import to_json
from bench.ensembles.entry import Entry
from bench.ensembles.members import Members
from bench.kaggle.writing import SubmissionWriter, write_sidecar
from bench.masks.rle import format_runs
from bench.masks.types import THRESHOLD, Map


def run(
    entries: Sequence[Entry],
    members: Members,
    names: Mapping[str, str],
    files: Mapping[str, Path],
    made_by: Mapping[str, Any],
) -> None:
    """Write the submission file of every entry; each map is read and unpacked once for all.

    Args:
        names: image id -> file name of the photograph, as Kaggle's table has it.
        files: entry -> its file.
        made_by: what the sidecar says besides the entry's own rule, members and threshold.

    Raises:
        BadData: a store lacks an image or is damaged; no file is written then.
    """

    def encode(image: str, maps: Mapping[str, Map]) -> tuple[str, list[str]]:
        return image, [format_runs(entry.runs(maps, image)) for entry in entries]

    with ExitStack() as stack:
        writers = [stack.enter_context(SubmissionWriter(files[entry.name])) for entry in entries]
        rows = members.each_unlabelled(sorted(names), encode, "submission files")
        for image, texts in rows:
            for writer, text in zip(writers, texts, strict=True):
                writer.write_row(names[image], text)
    origins = members.made_by()
    for entry, writer in zip(entries, writers, strict=True):
        write_sidecar(writer, {**made_by, **_made_of(entry, origins)})


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
