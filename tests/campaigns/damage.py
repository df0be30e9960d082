"""Damage every file of a run in turn, then run again: made again, or refused with a cure that works.

    OMP_NUM_THREADS=1 python -m tests.campaigns.damage --work DIR

Each file of a run at some stage is emptied, cut to half, or has one byte changed; some are changed
in ways that only a person or a program could. Then the suite is run. Allowed is that everything
becomes as in the undisturbed run, or that the run is refused: then the message names a file and a
cure, which is carried out, and the run after it must end like the undisturbed one.
"""

import argparse
import multiprocessing
import re
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from bench.masks.store import MapStore
from tests.campaigns import common
from tests.campaigns.common import run_of, start, words

MAX_CURES = 3  # one after the other
READ_BY_PEOPLE = re.compile(r"log\.txt|\.lock|.*-(wal|shm)")


def empty(path: Path) -> None:
    """Leave a file of no bytes, as a full disk or a lost page does."""
    path.write_bytes(b"")


def halve(path: Path) -> None:
    """Cut a file, as an upload that broke off does."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def flip(path: Path) -> None:
    """Change a byte in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x40
    path.write_bytes(content)


DAMAGES = (empty, halve, flip)


def nothing(folder: Path) -> None:
    """Leave a finished run as it is."""


def forget_results(folder: Path) -> None:
    """Leave the trainings and maps of a run."""
    for name in ("scores.parquet", "ceilings.json", "analysis.json", "report.html"):
        (run_of(folder) / name).unlink()
    for path in run_of(folder).glob("leaderboard.*"):
        path.unlink()
    shutil.rmtree(folder / "submissions")


def forget_maps(folder: Path) -> None:
    """Leave the trainings of a run alone."""
    forget_results(folder)
    for path in run_of(folder).glob("*/maps-*"):
        path.unlink()


def forget_trainings(folder: Path) -> None:
    """Leave the cache of shrunk samples, and how the run began."""
    forget_maps(folder)
    for name in ("one", "two", "ensembles"):
        shutil.rmtree(run_of(folder) / name)


def stop_in_training(folder: Path) -> None:
    """Leave a run that was killed in its first training, after the first epoch."""
    shutil.rmtree(folder / "runs")
    shutil.rmtree(folder / "submissions")
    started = start(folder, words(folder))
    while "epoch 1/2: loss" not in started.said():
        pass
    started.kill()


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


def delete_a_map(path: Path) -> None:
    """Take a row out of a store."""
    _execute(path, "DELETE FROM maps WHERE image = (SELECT min(image) FROM maps)")


def swap_frames(path: Path) -> None:
    """Give an image another one's map."""
    newest = "(SELECT frame FROM maps WHERE image = (SELECT max(image) FROM maps))"
    oldest = "(SELECT min(image) FROM maps)"
    _execute(path, f"UPDATE maps SET frame = {newest} WHERE image = {oldest}")


def _execute(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


def put_in_an_older_backup(path: Path) -> None:
    """Put another run's maps into the place, made by the same recipe."""
    with MapStore.open(path) as store:
        made_by, maps = store.made_by, {image: store.read(image).copy() for image in store.ids()}
    path.unlink()
    with MapStore.create(path, made_by) as store:
        for image, map in maps.items():
            store.write(image, 255 - map)


def put_in_a_command(path: Path) -> None:
    """Make a state a pickle that runs a command."""
    torch.save({"network": _Command(), "optimiser": {}, "schedule": {}, "history": []}, path)


class _Command:
    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return print, ("Traceback: a command in state.pt ran",)


def lose_half_of_the_network(path: Path) -> None:
    """Take tensors out of a state."""
    state = torch.load(path, weights_only=True)
    state["network"] = dict(list(state["network"].items())[::2])
    torch.save(state, path)


def lengthen_the_history(path: Path) -> None:
    """Make a state say that more epochs were trained than the recipe has."""
    state = torch.load(path, weights_only=True)
    state["history"] = [state["history"][0] | {"epoch": epoch + 1} for epoch in range(5)]
    torch.save(state, path)


def move_a_car(path: Path) -> None:
    """Put a car that was trained on among those that are scored."""
    path.write_text(path.read_text().replace(",1\n", ",0\n", 1))


def lose_a_car(path: Path) -> None:
    """Take the last line off a table."""
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


def write_latin_1(path: Path) -> None:
    """Put a byte in front that UTF-8 does not have there."""
    path.write_bytes(b"\xff" + path.read_bytes())


def raise_a_number(path: Path) -> None:
    """Write another digit in front of the first whole number of a list."""
    path.write_text(re.sub(r"\[\s*(?=\d)", "[7", path.read_text(), count=1))


def remove(path: Path) -> None:
    """Remove the file."""
    path.unlink()


HAND_MADE = {  # (stage, file): what is done to it besides DAMAGES
    ("finished", "runs/tiny/one/maps-heldout.sqlite"): (delete_a_map, swap_frames),
    ("finished", "runs/tiny/two/maps-heldout.sqlite"): (put_in_an_older_backup, remove),
    ("finished", "runs/tiny/folds.csv"): (move_a_car, lose_a_car, write_latin_1, remove),
    ("finished", "runs/tiny/photographs.txt"): (write_latin_1, lose_a_car, remove),
    ("finished", "runs/tiny/ensembles/learned/parameters.json"): (raise_a_number, remove),
    ("finished", "runs/tiny/scores.parquet"): (remove,),
    ("finished", "runs/tiny/ceilings.json"): (remove,),
    ("finished", "runs/tiny/environment.json"): (remove,),
    ("finished", "runs/tiny/one/fold0/weights.safetensors"): (remove,),
    ("finished", "runs/tiny/one/fold0/history.csv"): (lose_a_car, remove),
    ("finished", "runs/tiny/one/maps-heldout.json"): (remove,),
    ("finished", "submissions/tiny-mean.json"): (remove,),
    ("in training", "runs/tiny/one/fold0/state.pt"): (
        put_in_a_command,
        lose_half_of_the_network,
        lengthen_the_history,
        remove,
    ),
}


def cases(bases: dict[str, Path]) -> Iterator[Case]:
    """Yield every damage of every file of a run at every stage."""
    for stage, (_, pattern) in STAGES.items():
        for name in _matching(bases[stage], pattern):
            for damage in (*DAMAGES, *HAND_MADE.get((stage, name), ())):
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
        cured = carry_out(ended.error, base, place)
        if cured is None:
            return Outcome(case, "no cure", f"{case}: exit {ended.code}: {ended.error}")
        place = cured
    else:
        return Outcome(case, "the cure fails", f"{case}: {' / '.join(cures)}")
    differing = common.differences(base, place)
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


def carry_out(message: str, base: Path, folder: Path) -> Path | None:
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
    elif "restore" in message and (base / whole).exists():
        shutil.copy2(base / whole, named)
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
    forks = multiprocessing.get_context("fork")  # warm like this process
    with ProcessPoolExecutor(given.jobs, mp_context=forks) as pool:
        for found in pool.map(partial(outcome, bases, work), chosen):
            counted[found.end] += 1
            wrong += [found.wrong] if found.wrong else []
            print(f"{sum(counted.values())}/{len(chosen)} {found.case}: {found.end}", flush=True)
    common.conclude("after a damage", counted, wrong)


if __name__ == "__main__":
    main()
