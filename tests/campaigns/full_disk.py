"""Fill the disk at several stages of a run; once there is room, the same command must finish it.

    OMP_NUM_THREADS=1 python -m tests.campaigns.full_disk --work DIR

A small disk in memory (tmpfs, which only root may mount) holds the runs or the submissions of a
tiny suite, and is filled but for some bytes. The suite is run: it must end in an error that names a
place on that disk, or finish. Then room is made, and the same command must end like a run that was
never disturbed.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.campaigns import common
from tests.campaigns.common import start, words
from tests.campaigns.stages import (
    forget_maps,
    forget_results,
    forget_submissions,
    forget_trainings,
    nothing,
    stop_in_training,
)

DISK_BYTES = 2**29
ROOM = {  # what is left to do: (what is forgotten, the folder on the small disk, KiB of room)
    "everything": (forget_trainings, "runs", (0, 16, 200, 1000, 2000, 4000)),
    "the second epoch": (stop_in_training, "runs", (0, 16, 200, 900, 1800, 3600)),
    "maps": (forget_maps, "runs", (0, 8, 24, 40, 72, 140)),
    "scores": (forget_results, "runs", (0, 8, 20, 28, 60, 120)),
    "submissions": (forget_submissions, "submissions", (0, 4, 8, 12, 16, 24)),
    "nothing": (nothing, "runs", (0, 4)),
}


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount a disk of DISK_BYTES for the block; end the program if that is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    options = f"size={DISK_BYTES}"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "campaign", str(folder)])
    if mounted.returncode:
        sys.exit("only root may mount a small disk; run this campaign as root, or in a container")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(disk: Path, room_kib: int) -> Path:
    """Fill a disk but for some room; return the file that does."""
    state, filler = os.statvfs(disk), disk / "filler"
    with filler.open("wb") as file:
        taken = max(state.f_frsize, state.f_bavail * state.f_frsize - room_kib * 1024)
        os.posix_fallocate(file.fileno(), 0, taken)
    return filler


def try_room(base: Path, work: Path, what: str, room_kib: int) -> tuple[str, str]:
    """Return how a run on a full disk ended, and what was wrong then or afterwards, if anything."""
    forget, part, _ = ROOM[what]
    folder = work / "full"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(base, folder)
    forget(folder)
    with small_disk(work / "disk") as disk:
        (folder / part).mkdir(exist_ok=True)
        shutil.move(folder / part, disk / part)
        (folder / part).symlink_to(disk / part)
        filler = fill(disk, room_kib)
        full = start(folder, words(folder)).wait()
        filler.unlink()
        again = start(folder, words(folder)).wait()
        wrong = _wrong_when_full(full, folder, disk)
        if what == "nothing" and full.code:
            wrong = f"a finished run cannot be looked at: {full.error}"
        if again.code or again.traceback:
            wrong += f"; with room: exit {again.code}: {again.error or again.said[-400:]}"
        different = common.differences(base, folder) + common.leftovers(base, folder)
        wrong += "".join(f"; afterwards {name} differs or is left over" for name in different)
        (folder / part).unlink()
    return ("refused" if full.code else "finished on the full disk"), wrong


def _wrong_when_full(ended: common.Ended, *places: Path) -> str:
    """Return what is wrong with the end of a run on a full disk."""
    if ended.traceback:
        return f"traceback: {ended.said[-600:]}"
    if not ended.code:
        return ""
    if not any(str(place) in ended.error for place in places):
        return f"exit {ended.code}, no file named: {ended.error or ended.said[-400:]}"
    if not re.search(r"\b(room|space|free)\b", ended.error):
        return f"exit {ended.code}, no cure named: {ended.error}"
    return ""


def main() -> None:
    """Run the campaign that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--only", default="", help="only where this is left to do")
    given = parser.parse_args()
    work = given.work.resolve()
    base = common.finished(work / "undisturbed")
    counted: Counter[str] = Counter()
    wrong = []
    for what, (_, _, rooms) in ROOM.items():
        for room_kib in rooms if given.only in what else ():
            end, fault = try_room(base, work, what, room_kib)
            label = f"{what} left to do, room for {room_kib} KiB"
            counted[f"{what} left to do: {end}"] += 1
            wrong += [f"{label}: {fault}"] if fault else []
            print(f"{label}: {end}{'; ' if fault else ''}{fault}", flush=True)
    common.conclude("on a full disk", counted, wrong)


if __name__ == "__main__":
    main()
