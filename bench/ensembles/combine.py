"""Members' map stores -> the map store of an ensemble.

The store is for viewing an ensemble's maps. Scores and submissions do not need it: they are
computed image by image from the members' maps.

Reads  the members' stores. Writes another map store.
"""

from collections.abc import Mapping
from pathlib import Path

from bench.config.refinement import to_json
from bench.ensembles.entry import Entry
from bench.ensembles.members import Members
from bench.masks.publishing import written_store
from bench.masks.types import Map


def run(entry: Entry, members: Members, target: Path, scratch: Path | None = None) -> None:
    """Write the entry's map of every image that its first member has, except those already there.

    Maps of other images, which members have had before, go.

    Args:
        scratch: a folder on a disk of this machine, in which to write the store.

    Raises:
        Missing: a member has no store. BadData: one lacks an image or is damaged.
    """
    members = members.only(entry.members)
    origins = list(members.made_by().values())
    made_by = {"members": entry.members, **entry.parameters, "by_car": dict(entry.by_car)}
    if entry.refine:
        made_by["refine"] = to_json(entry.refine)

    def merge(image: str, maps: Mapping[str, Map]) -> tuple[str, Map]:
        return image, entry.map(maps, image)

    checksums = members.checksums()
    with written_store(target, made_by | {"made_by": origins}, scratch) as written:
        written.forget(set(written.ids()).difference(checksums))
        done = written.made_from()
        missing = [image for image in checksums if done.get(image) != checksums[image]]
        for image, map in members.each_unlabelled(missing, merge, f"{entry.name}: combine"):
            written.write(image, map, made_from=checksums[image])
