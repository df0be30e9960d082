"""What disks, uploads and people do to a file of a run."""

import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import torch

from bench.masks.store import MapStore


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
    ("in training", "runs/tiny/one/fold0/training.attempt-KEY/state.pt"): (
        put_in_a_command,
        lose_half_of_the_network,
        lengthen_the_history,
        remove,
    ),
}
