"""Members' map stores -> the map store of an ensemble.

Scores and submissions are computed from the members' maps as a stream and need no such store; it
is for those who want to look at an ensemble's maps, or refine them.

Reads  the members' stores. Writes another map store.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from bench.config.refinement import to_json
from bench.ensembles.entry import Entry
from bench.masks.store import MapStore, read_together
from bench.system.progress import track


def run(entry: Entry, stores: Mapping[str, Path], target: Path) -> None:
    """Write the entry's map of every image that its first member has, except those already there.

    Raises:
        Missing: a member has no store. BadData: one lacks an image or is damaged.
    """
    made_by = {"members": entry.members, **entry.parameters, "by_car": dict(entry.by_car)}
    if entry.refine:
        made_by["refine"] = to_json(entry.refine)
    with ExitStack() as stack:
        members = [stack.enter_context(MapStore.open(stores[name])) for name in entry.members]
        maker = made_by | {"made_by": [member.made_by for member in members]}
        written = stack.enter_context(MapStore.create(target, maker))
        done = set(written.ids())
        images = [image for image in members[0].ids() if image not in done]
        together = read_together(members, images)
        for image, maps in track(together, f"{entry.name}: combine", len(images)):
            written.write(image, entry.map(dict(zip(entry.members, maps, strict=True)), image))
