"""Damage every file of a run, then run again: it is made again, or refused with a cure that works.

    OMP_NUM_THREADS=1 python -m tests.campaigns.damage --work DIR

Each file of a run at some stage is emptied, cut to half, or has one byte changed; some are changed
in ways that only a person or a program could. Then the suite is run. Allowed is that everything
becomes as in the undisturbed run, or that the run is refused: then the message names a file and a
cure, which is carried out, and the run after it must end like the undisturbed one.
"""

import argparse
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.campaigns import common
from tests.campaigns.common import start, words
from tests.campaigns.damages import DAMAGES, HAND_MADE, flip
from tests.campaigns.stages import (
    forget_maps,
    forget_results,
    forget_trainings,
    nothing,
    stop_in_training,
)

MAX_CURES = 3  # one after the other
READ_BY_PEOPLE = re.compile(r"log\.txt|\.lock|.*-(wal|shm)")


STAGES: dict[str, tuple[Callable[[Path], None], str]] = {  # what is left; what of it is damaged
    "finished": (nothing, "{runs/tiny,submissions}/**"),
    "scores left to do": (forget_results, "runs/tiny/{*/maps-*,ensembles/**}"),
    "maps left to do": (forget_maps, "runs/tiny/*/fold0/*"),
    "trainings left to do": (forget_trainings, "runs/{cache/*,tiny/*}"),
    "in training": (stop_in_training, "runs/{cache/*,tiny/**}"),
    "data, finished": (nothing, "data/**"),
    "data, trainings left to do": (forget_trainings, "data/**"),
}


@dataclass(frozen=True)
class Case:
    """A run at a stage, what is done to one of its files, and which file."""

    stage: str
    file: str
    damage: Callable[[Path], None]

    def __str__(self) -> str:
        return f"{self.stage}: {self.damage.__name__} {self.file}"


@dataclass(frozen=True)
class Outcome:
    """How a case ended: in words for the table, and what was wrong, if anything."""

    case: Case
    end: str
    wrong: str = ""


def cases(bases: dict[str, Path]) -> Iterator[Case]:
    """Yield every damage of every file of a run at every stage."""
    for stage, (_, pattern) in STAGES.items():
        for name in _matching(bases[stage], pattern):
            input_only = stage == "data, trainings left to do"  # with a byte changed, it is another
            for damage in (*DAMAGES, *HAND_MADE.get((stage, common.without_keys(name)), ())):
                if not (input_only and damage is flip):
                    yield Case(stage, name, damage)


def _matching(folder: Path, pattern: str) -> list[str]:
    """Return the files that match a pattern of globs with {alternatives}; of data, some of each."""
    start, _, rest = pattern.partition("{")
    options, _, end = rest.partition("}")
    patterns = [start + option + end for option in options.split(",")] if rest else [pattern]
    paths = {path for each in patterns for path in folder.glob(each + "/*" * each.endswith("**"))}
    names = sorted(path.relative_to(folder).as_posix() for path in paths if path.is_file())
    if pattern.startswith("data"):  # the first of each folder stands for the others
        first = {Path(name).parent: name for name in reversed(names)}
        names = sorted(first.values())
    return [name for name in names if not READ_BY_PEOPLE.fullmatch(Path(name).name)]


def outcome(bases: dict[str, Path], work: Path, case: Case) -> Outcome:
    """Damage a file of a copy, run the suite, carry out cures, and compare with the base."""
    folder = work / re.sub(r"\W+", "-", str(case))
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(bases[case.stage], folder, symlinks=True)
    case.damage(folder / case.file)
    found = _run_until_done(bases["finished"], folder, case)
    shutil.rmtree(folder)
    return found


def _run_until_done(base: Path, folder: Path, case: Case) -> Outcome:
    damaged = _bytes(folder / case.file)
    cures: list[str] = []
    place = folder
    for _ in range(MAX_CURES + 1):
        ended = start(place, words(place)).wait()
        if ended.traceback or ended.code == common.NEVER_ENDED:
            return Outcome(case, "traceback", f"{case}: {ended.code}: {ended.said[-600:]}")
        if not ended.code:
            break
        cures.append(ended.error)
        cured = carry_out(ended.error, base, place, case)
        if cured is None:
            return Outcome(case, "no cure", f"{case}: exit {ended.code}: {ended.error}")
        place = cured
    else:
        return Outcome(case, "the cure fails", f"{case}: {' / '.join(cures)}")
    differing = common.differences(base, place)
    if differing == [case.file] and any("then lacks" in cure for cure in cures):
        return Outcome(case, "refused, and the cure gives up a note, as it says")
    if differing == [case.file] and "nothing needs it" in ended.said:
        return Outcome(case, "removed with a word, as nothing needs it")
    if (
        case.file.startswith("data/")
        and case.damage is flip
        and re.search("photographs? changed", ended.said)
    ):
        return Outcome(case, "another picture: said, and predicted again")
    if differing:
        said = f" after {' / '.join(cures)}" if cures else ""
        return Outcome(case, "other results", f"{case}{said}: {', '.join(differing)} differ")
    if cures:
        return Outcome(case, "refused, and the cure works")
    same = damaged is not None and _bytes(folder / case.file) == damaged
    unread = "not read, as nothing needs it" if "cache" in case.file else "harmless"
    return Outcome(case, unread if same else "made again")


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def carry_out(message: str, base: Path, folder: Path, case: Case) -> Path | None:
    """Do what a message asks for; return the folder to go on in, or None if it asks for nothing."""
    paths = [Path(found) for found in re.findall(rf"{re.escape(str(folder))}/[^\s:;,']+", message)]
    named = next((path for path in paths if path != folder), None)
    if named is None:
        return None
    whole = named.relative_to(folder)
    if re.search(r"remove (it|the file|this file)", message):
        shutil.rmtree(named) if named.is_dir() else named.unlink(missing_ok=True)
    elif "remove the folder" in message:
        shutil.rmtree(named if named.is_dir() else named.parent)
    elif re.search("restore|copy it again", message) and (base / whole).exists():
        shutil.copy2(base / whole, named)
    elif "put that back" in message and case.file.startswith("data/"):
        shutil.copy2(base / case.file, folder / case.file)
    elif "train again: " in message:
        start(folder, words(folder, "train")).wait()
    elif "predict again" in message:
        start(folder, words(folder, "predict")).wait()
    elif "--runs" in message:
        shutil.rmtree(folder / "runs")  # as good as another folder, and comparable
        shutil.rmtree(folder / "submissions", ignore_errors=True)
    else:
        return None
    return folder


def main() -> None:
    """Run the campaign that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--only", default="", help="cases whose line matches this expression")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    work = given.work.resolve()
    bases = {stage: work / f"base {place}" for place, stage in enumerate(STAGES)}
    for stage, (forget, _) in STAGES.items():
        shutil.rmtree(bases[stage], ignore_errors=True)
        if stage == "finished":
            common.finished(bases[stage])
        else:
            shutil.copytree(bases["finished"], bases[stage])
        forget(bases[stage])
    chosen = [case for case in cases(bases) if re.search(given.only, str(case))]
    counted: Counter[str] = Counter()
    wrong = []
    for found in common.spread(partial(outcome, bases, work), chosen, given.jobs):
        counted[found.end] += 1
        wrong += [found.wrong] if found.wrong else []
        print(f"{sum(counted.values())}/{len(chosen)} {found.case}: {found.end}", flush=True)
    common.conclude("after a damage", counted, wrong)


if __name__ == "__main__":
    main()
