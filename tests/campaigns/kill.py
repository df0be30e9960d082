"""Kill runs at random moments and after each file; the run that ends must be an undisturbed one.

    OMP_NUM_THREADS=1 python -m tests.campaigns.kill --kills 100 --work DIR

A tiny suite runs once undisturbed. Then the same command is started again and again, and killed
(SIGKILL) at a random moment of a random stage; a last start finishes the run, and everything it
left is compared with the undisturbed one. Besides, a run is killed right after each of its files
has been renamed into place, one after the other, and drawing the demo's cars is killed too.
"""

import argparse
import os
import random
import re
import shutil
import signal
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

from tests.campaigns import common
from tests.campaigns.common import Started

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


class Campaign:
    """Kills, counted by the stage that they hit, and what went wrong after them."""

    def __init__(self, work: Path, seed: int) -> None:
        self.work, self.random = work, random.Random(seed)
        self.base = common.finished(work / "undisturbed")
        self.seconds = self.measure()
        self.hit: Counter[str] = Counter()
        self.wrong: list[str] = []

    def measure(self) -> dict[str, float]:
        """Return how long each stage of an undisturbed run takes."""
        folder = self.fresh("measured")
        started = common.start(folder, common.words(folder))
        begun: dict[str, float] = {}
        while not started.ended():
            begun |= {stage: time.monotonic() for stage in self.begun(started) - begun.keys()}
            time.sleep(0.005)
        ends = [*list(begun.values())[1:], time.monotonic()]
        return {stage: end - began for (stage, began), end in zip(begun.items(), ends, strict=True)}

    def begun(self, started: Started) -> set[str]:
        """Return the stages that a run has begun."""
        said = started.said()
        return {stage for stage, mark in STAGES.items() if re.search(mark, said)}

    def fresh(self, name: str) -> Path:
        """Return a folder with the photographs and the suite alone."""
        folder = self.work / name
        shutil.rmtree(folder, ignore_errors=True)
        for part in ("data", "mine"):
            shutil.copytree(self.base / part, folder / part)
        return folder

    def kill_at_random(self, kills: int) -> None:
        """Kill a run so many times, in stages drawn by chance; finish and compare it."""
        folder = self.fresh("random")
        order = list(STAGES)
        for stage in sorted(self.random.choices(order, k=kills), key=order.index):
            started = common.start(folder, common.words(folder))
            delay = self.random.uniform(0, 1.05) * self.seconds.get(stage, 0.5)
            if ended := kill_in(started, STAGES[stage], delay):
                self.hit["after the end"] += 1
                self.check(f"before a kill in {stage}", ended)
            else:
                self.hit[stage] += 1
        self.finish(folder)

    def kill_after_each_rename(self) -> None:
        """Kill a run after each file that it renames, and before it removes a state."""
        folder, seen = self.fresh("renames"), self.work / "renamed.txt"
        seen.write_text("")
        hook = partial(kill_after_new_rename, seen, folder)
        while True:
            ended = common.start(folder, common.words(folder), hook).wait()
            if ended.code != -signal.SIGKILL:
                break
            self.hit["right after a rename"] += 1
        self.check("after each rename", ended)
        self.finish(folder)

    def kill_drawing(self) -> None:
        """Kill the drawing of demo cars at random moments; what is drawn in the end is the same."""
        command = ["demo", "--cars", "1", "--test-cars", "0", "--jobs", "1"]
        drawn = []
        for name, kills in (("drawn", 0), ("drawing", DRAWING_KILLS)):
            folder = self.work / name
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            whole = [*command, "--out", str(folder / "demo")]
            for _ in range(kills):
                kill_in(common.start(folder, whole), r"\A", self.random.uniform(0.2, 4))
                self.hit["drawing"] += 1
            self.check("drawing", common.start(folder, whole).wait())
            files = sorted((folder / "demo").rglob("*"))
            drawn.append({f.relative_to(folder): f.read_bytes() for f in files if f.is_file()})
        self.wrong += [
            f"drawing: {name}" for name in drawn[1] if drawn[0].get(name) != drawn[1][name]
        ]
        self.wrong += [f"drawing: no {name}" for name in drawn[0].keys() - drawn[1].keys()]

    def finish(self, folder: Path) -> None:
        """Let a run end undisturbed, and compare everything it left."""
        self.check("finishing", common.start(folder, common.words(folder)).wait())
        found = common.differences(self.base, folder)
        left = common.leftovers(self.base, folder)
        self.wrong += [f"{folder.name}: {name} differs" for name in found]
        self.wrong += [f"{folder.name}: {name} is left over" for name in left]
        print(
            f"{folder.name}: {sum(self.hit.values())} kills, {len(self.wrong)} faults", flush=True
        )

    def check(self, when: str, ended: common.Ended) -> None:
        """Note an end that was not a sound one."""
        if ended.code or ended.traceback:
            self.wrong.append(f"{when}: exit {ended.code}: {ended.error or ended.said[-400:]}")


def kill_in(started: Started, mark: str, delay: float) -> common.Ended | None:
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


def kill_after_new_rename(seen: Path, root: Path) -> None:
    """Make this process kill itself after the first rename, or before the first removal of a state,
    that `seen` does not list."""
    known = set(seen.read_text().splitlines())
    replace, unlink = os.replace, os.unlink

    def note_and_die(what: str) -> None:
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
    given = parser.parse_args()
    campaign = Campaign(given.work.resolve(), given.seed)
    campaign.kill_after_each_rename()
    for done in range(0, given.kills, CYCLE):
        campaign.kill_at_random(min(CYCLE, given.kills - done))
    campaign.kill_drawing()
    common.conclude("killed", campaign.hit, campaign.wrong)


if __name__ == "__main__":
    main()
