"""Kill runs at random moments and after each file; the run that ends must be an undisturbed one.

    OMP_NUM_THREADS=1 python -m tests.campaigns.kill --kills 100 --work DIR

A tiny suite runs once undisturbed. Then the same command is started again and again, and killed
(SIGKILL) at a random moment of a random stage; a last start finishes the run, and everything it
left is compared with the undisturbed one. Besides, a run is killed at the first sight of each file,
and right after each of its files has been renamed into place, one after the other; and drawing the
demo's cars is killed, too.
"""

import argparse
import os
import random
import re
import shutil
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from operator import call
from pathlib import Path
from typing import Any

from tests.campaigns import common
from tests.campaigns.common import Ended, Started

STAGES = {  # what a run says when a stage begins
    "folds": r"\A",
    "cache of samples": r"stage \d+ of \d+: train",
    "training": r"at once",
    "prediction": r"stage \d+ of \d+: predict",
    "scores": r"stage \d+ of \d+: score",
    "leaderboard": r"stage \d+ of \d+: leaderboard",
    "submissions": r"stage \d+ of \d+: submissions",
    "report": r"stage \d+ of \d+: report",
}
CYCLE = 12  # kills until a run is finished and compared
DRAWING_KILLS = 4


@dataclass
class Killed:
    """Kills of the runs in a folder, counted by the stage that they hit, and what went wrong."""

    folder: Path
    hit: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def check(self, when: str, ended: Ended) -> None:
        """Note an end that was not a sound one."""
        if ended.code or ended.traceback:
            said = ended.error or ended.said[-400:]
            self.wrong.append(f"{self.folder.name}, {when}: exit {ended.code}: {said}")

    def finish(self, base: Path) -> "Killed":
        """Let the run end undisturbed, and compare everything it left."""
        folder = self.folder
        self.check("at the end", common.start(folder, common.words(folder)).wait())
        different = [f"{name} differs" for name in common.differences(base, folder)]
        left = [f"{name} is left over" for name in common.leftovers(base, folder)]
        self.wrong += [f"{folder.name}: {each}" for each in different + left]
        shutil.rmtree(folder)
        return self


def measured(folder: Path) -> dict[str, float]:
    """Return how long each stage of an undisturbed run takes, in seconds."""
    started = common.start(folder, common.words(folder))
    begun: dict[str, float] = {}
    while not started.ended():
        said = started.said()
        for stage, mark in STAGES.items():
            if re.search(mark, said):
                begun.setdefault(stage, time.monotonic())
        time.sleep(0.005)
    ends = [*list(begun.values())[1:], time.monotonic()]
    return {stage: end - began for (stage, began), end in zip(begun.items(), ends, strict=True)}


def fresh(base: Path, name: str) -> Path:
    """Return a folder beside `base` with its photographs and its suite alone."""
    folder = base.parent / name
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("data", "mine"):
        shutil.copytree(base / part, folder / part)
    return folder


def kill_at_random(base: Path, seconds: dict[str, float], kills: int, seed: int) -> Killed:
    """Kill a run so many times, in stages drawn by chance; finish and compare it."""
    killed, chance = Killed(fresh(base, f"cycle {seed}")), random.Random(seed)
    folder, order = killed.folder, list(STAGES)
    for stage in sorted(chance.choices(order, k=kills), key=order.index):
        started = common.start(folder, common.words(folder))
        delay = chance.uniform(0, 1.05) * seconds.get(stage, 0.5)
        if ended := kill_in(started, STAGES[stage], delay):
            killed.hit["not, as the run had ended before"] += 1
            killed.check(f"before a kill in {stage}", ended)
        else:
            killed.hit[f"in {stage}"] += 1
    return killed.finish(base)


def kill_after_each_rename(base: Path) -> Killed:
    """Kill a run after each file that it renames, and before it removes a state."""
    killed = Killed(fresh(base, "renames"))
    seen = killed.folder / "renamed.txt"
    seen.write_text("")
    hook = partial(die_after_new_rename, seen, killed.folder)
    while True:
        ended = common.start(killed.folder, common.words(killed.folder), hook).wait()
        if ended.code != -signal.SIGKILL:
            break
        killed.hit["right after a rename"] += 1
    killed.check("without another rename", ended)
    return killed.finish(base)


def kill_at_each_new_file(base: Path) -> Killed:
    """Kill a run at the first sight of each file, hidden, temporary and still empty ones too."""
    killed = Killed(fresh(base, "new files"))
    folder, seen = killed.folder, set[str]()
    ended = None
    while not ended:
        started = common.start(folder, common.words(folder))
        while not (new := names_in(folder) - seen) and not (ended := started.ended()):
            time.sleep(0.0005)
        if not ended:
            started.kill()
            seen |= new
            killed.hit["at the first sight of a file"] += 1
    killed.check("without another file", ended)
    return killed.finish(base)


def names_in(folder: Path) -> set[str]:
    """Return the names of the files of runs and submissions, without the numbers of processes."""
    return {re.sub(r"[0-9a-f]{5,}|\d{2,}", "N", name) for name in common.all_files(folder)}


def kill_drawing(work: Path) -> Killed:
    """Kill the drawing of demo cars at random moments; what is drawn in the end is the same."""
    drawn = []
    for name, kills in (("drawn", 0), ("drawing", DRAWING_KILLS)):
        killed, chance = Killed(work / name), random.Random(name)
        shutil.rmtree(killed.folder, ignore_errors=True)
        killed.folder.mkdir(parents=True)
        out = killed.folder / "demo"
        whole = ["demo", "--cars", "1", "--test-cars", "0", "--jobs", "1", "--out", str(out)]
        for _ in range(kills):
            kill_in(common.start(killed.folder, whole), r"\A", chance.uniform(0.2, 4))
            killed.hit["in drawing the demo"] += 1
        killed.check("drawing", common.start(killed.folder, whole).wait())
        files = (path for path in sorted(out.rglob("*")) if path.is_file())
        drawn.append({path.relative_to(out): path.read_bytes() for path in files})
    names = drawn[0].keys() | drawn[1].keys()
    different = [name for name in sorted(names) if drawn[0].get(name) != drawn[1].get(name)]
    killed.wrong += [f"drawing: {name} differs" for name in different]
    return killed


def kill_in(started: Started, mark: str, delay: float) -> Ended | None:
    """Kill a process some seconds after it has said something; return how it ended before that."""
    due = None
    while due is None or time.monotonic() < due:
        if ended := started.ended():
            return ended
        if due is None and re.search(mark, started.said()):
            due = time.monotonic() + delay
        time.sleep(0.002)
    started.kill()
    return None


def die_after_new_rename(seen: Path, root: Path) -> None:
    """Make this process kill itself after the first rename, or before the first removal of a state,
    that `seen` does not list."""
    known = set(seen.read_text().splitlines())
    replace, unlink = os.replace, os.unlink

    def note_and_die(what: str) -> None:
        what = common.without_keys(what)
        if what not in known:
            with seen.open("a") as file:
                file.write(f"{what}\n")
                file.flush()
                os.fsync(file.fileno())
            os.killpg(0, signal.SIGKILL)

    def killing_replace(source: Any, target: Any, **more: Any) -> None:
        replace(source, target, **more)
        note_and_die(f"renamed {os.path.relpath(target, root)}")

    def killing_unlink(path: Any, **more: Any) -> None:
        if str(path).endswith("state.pt"):
            note_and_die(f"before removal of {os.path.relpath(path, root)}")
        unlink(path, **more)

    for name, killing in (("replace", killing_replace), ("unlink", killing_unlink)):
        setattr(os, name, killing)


def main() -> None:
    """Run the campaign that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100, help="at random moments of a run")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    base = common.finished(given.work.resolve() / "undisturbed")
    seconds = measured(fresh(base, "measured"))
    parts = [partial(kill_after_each_rename, base), partial(kill_at_each_new_file, base)]
    parts.append(partial(kill_drawing, base.parent))
    for done in range(0, given.kills, CYCLE):
        kills = min(CYCLE, given.kills - done)
        parts.append(partial(kill_at_random, base, seconds, kills, given.seed + done))
    hit: Counter[str] = Counter()
    wrong = []
    for killed in common.spread(call, parts, given.jobs):
        hit += killed.hit
        wrong += killed.wrong
        print(f"{killed.folder.name}: {sum(hit.values())} kills, {len(wrong)} faults", flush=True)
    common.conclude("killed", hit, wrong)


if __name__ == "__main__":
    main()
