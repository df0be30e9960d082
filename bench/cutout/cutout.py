"""Photographs in, cars without their background out: files and folders, one by one or together.

Reads  any JPEG, PNG, WebP or GIF. Writes each cut-out in the photograph's own size and under its
       own name, and cutouts.json, which says what made them; a second call goes on.
"""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.config.refinement import DEFAULT_STEPS
from bench.cutout import matting as matte
from bench.cutout import photographs, touch_ups
from bench.cutout.background import Background, open_background
from bench.cutout.model import Model
from bench.cutout.photographs import Photograph
from bench.masks.types import Map
from bench.system.errors import BadConfig, BadData, Incomplete, Missing
from bench.system.files import write_bytes, write_json
from bench.system.progress import track
from bench.system.threads import batched

BATCH = 4  # photographs that go through the networks together
NOTE = "cutouts.json"
SUFFIXES = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}
HEADER = 16  # bytes that tell a photograph from other files


@dataclass(frozen=True)
class Seen:
    """A photograph with its members' maps and the entry's own, after the steps asked for."""

    photograph: Photograph
    names: list[str]  # of the members
    maps: list[Map]
    map: Map

    def cut(self) -> NDArray[np.uint8]:
        """The car on nothing, (H, W, 4)."""
        return matte.cut_out(self.photograph.pixels, self.map, self.photograph.opacity)

    def picture(self, background: Background, form: str) -> bytes:
        """The cut-out on a background, as a file's bytes."""
        made = background.behind(self.cut(), self.photograph.pixels)
        return photographs.write(made, form, self.photograph.profile)


def look(model: Model, given: Sequence[Photograph], wanted: Sequence[Sequence[str]]) -> list[Seen]:
    """What the model sees in photographs that share its passes.

    Args:
        wanted: of each photograph, the names of steps, see touch_ups.py.
    """
    maps = model.maps([photograph.pixels for photograph in given])
    return [
        Seen(photograph, model.names, mine, touch_ups.apply(names, model.merge(mine)))
        for photograph, mine, names in zip(given, maps, wanted, strict=True)
    ]


@dataclass(frozen=True)
class Order:
    """How photographs are to be cut out."""

    background: str = "transparent"  # or "blur", a colour, the path of a picture
    form: str = "png"
    steps: tuple[str, ...] = ()

    def note(self, model: Model) -> dict[str, Any]:
        """What decides the results, for JSON."""
        return {
            "entry": model.manifest.entry,
            "rule": model.manifest.parameters or None,
            "weights_sha256": model.manifest.identity,
            "background": self.background,
            "format": self.form,
            "steps": list(self.steps),
        }


def run(model: Model, sources: Sequence[Path], out: Path, order: Order, jobs: int) -> int:
    """Cut out every photograph that has no result in `out` yet; how many there were to do.

    Raises:
        BadConfig: the order cannot be carried out, two photographs would get one name, or `out`
            was filled by another order.
        Missing: a photograph or the background is not there.
        Incomplete: some photographs are damaged; all others are cut out.
    """
    strangers = sorted(set(order.steps) - DEFAULT_STEPS.keys())
    if strangers:
        raise BadConfig(f"no step {strangers[0]!r}, only {', '.join(DEFAULT_STEPS)}")
    background = open_background(order.background)
    if order.form == "jpeg" and background.kind == "transparent":
        raise BadConfig("a JPEG cannot be transparent; choose --background white, or png or webp")
    targets = _targets(sources, out, SUFFIXES[order.form])
    _claim(out, order.note(model))
    left = [(source, target) for target, source in targets.items() if not target.exists()]
    damaged: list[BadData] = []

    def finish(seen: Seen, target: Path) -> None:
        write_bytes(target, seen.picture(background, order.form))

    with ThreadPoolExecutor(jobs) as pool:
        photos = track(_read(left, damaged, pool), "cut out", len(left))
        for some in batched((one for one in photos if one), BATCH):
            seen = look(model, [photo for photo, _ in some], [order.steps] * len(some))
            list(pool.map(finish, seen, [target for _, target in some]))
    if damaged:
        raise Incomplete(
            f"{len(damaged)} of {len(left)} photographs cannot be read, all others are cut out; "
            f"the first: {damaged[0]}"
        )
    return len(left)


def _targets(sources: Sequence[Path], out: Path, suffix: str) -> dict[Path, Path]:
    """Where each photograph's result goes -> the photograph; folders keep their inner order."""
    found: dict[Path, Path] = {}
    for source in sources:
        if not source.exists():
            raise Missing(f"{source}: no such file or folder")
        for inside in _inside(source, out) if source.is_dir() else [Path(source.name)]:
            photograph = source / inside if source.is_dir() else source
            target = (out / inside).with_suffix(suffix)
            if target.resolve() == photograph.resolve():
                raise BadConfig(
                    f"{photograph}: its result would take its place; name another --out"
                )
            if found.setdefault(target, photograph) != photograph:
                raise BadConfig(
                    f"{photograph} and {found[target]} would both become {target}; cut them out "
                    "into two folders"
                )
    if not found:
        raise BadData(f"{sources[0]}: no {photographs.NAMES} in it")
    return found


def _inside(folder: Path, out: Path) -> Iterator[Path]:
    """The photographs below a folder, by their content; results of our own do not count."""
    if out.resolve() == folder.resolve():
        raise BadConfig(f"{folder}: results would lie among the photographs; name another --out")
    results = out.resolve() if out.resolve().is_relative_to(folder.resolve()) else None
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if hidden or not path.is_file() or (results and path.resolve().is_relative_to(results)):
            continue
        with path.open("rb") as file:
            if photographs.looks_like_one(file.read(HEADER)):
                yield path.relative_to(folder)


def _claim(out: Path, note: dict[str, Any]) -> None:
    path = out / NOTE
    if path.exists() and json.loads(path.read_text(encoding="utf-8")) != note:
        raise BadConfig(f"{out}: filled by another model or with other options; name another --out")
    write_json(path, note)


def _read(
    left: Sequence[tuple[Path, Path]], damaged: list[BadData], pool: ThreadPoolExecutor
) -> Iterator[tuple[Photograph, Path] | None]:
    def read(pair: tuple[Path, Path]) -> tuple[Photograph, Path] | None:
        source, target = pair
        try:
            return photographs.read(source.read_bytes()), target
        except BadData as error:
            damaged.append(BadData(f"{source}: {error}"))
            return None

    for some in batched(left, BATCH):  # no more than one batch of photographs in memory
        yield from pool.map(read, some)
