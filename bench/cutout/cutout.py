"""Photographs in, cars without their background out: files, or folders of files.

Reads  any JPEG, PNG, WebP or GIF. Writes each cut-out in the photograph's own size and under its
       own name, and cutouts.json, which says what made them; a second call goes on.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.config.refinement import DEFAULT_STEPS
from bench.cutout import matting, photographs, touch_ups
from bench.cutout.background import Background, open_background
from bench.cutout.model import Model
from bench.cutout.photographs import Photograph
from bench.masks.types import Map
from bench.system.errors import BadConfig, BadData, Incomplete, Missing
from bench.system.files import read_json, write_bytes, write_json
from bench.system.progress import track
from bench.system.threads import batched

BATCH = 4  # photographs that go through the networks together
MADE_BY = "cutouts.json"  # what made the results of a folder
CUT_OUT_AGAIN = "the pictures beside it, then cut out again"
SUFFIXES = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}
HEADER_BYTES = 16  # that tell a photograph from other files


@dataclass(frozen=True)
class Segmented:
    """A photograph with its members' maps and the entry's own, after the steps asked for."""

    photograph: Photograph
    names: list[str]  # of the members
    maps: list[Map]
    map: Map

    def cut(self) -> NDArray[np.uint8]:
        """The car on nothing, (H, W, 4)."""
        return matting.cut_out(self.photograph.pixels, self.map, self.photograph.opacity)

    def picture(self, background: Background, format: str) -> bytes:
        """The cut-out on a background, as a file's bytes."""
        pixels = background.behind(self.cut(), self.photograph.pixels)
        return photographs.write(pixels, format, self.photograph.profile)


def segment(
    model: Model, photos: Sequence[Photograph], steps: Sequence[Sequence[str]]
) -> list[Segmented]:
    """Segment photographs, which share the networks' passes.

    Args:
        steps: for each photograph, the names of the steps that a person asked for.
    """
    maps = model.maps([photo.pixels for photo in photos])
    return [
        Segmented(photo, model.names, members, touch_ups.apply(names, model.merge(members)))
        for photo, members, names in zip(photos, maps, steps, strict=True)
    ]


@dataclass(frozen=True)
class CutoutOptions:
    """What a person chooses for all photographs of a call."""

    background: str = "transparent"  # or "blur", a colour, the path of a picture
    format: str = "png"
    steps: tuple[str, ...] = ()

    def made_by(self, model: Model) -> dict[str, Any]:
        """What decides the results, for JSON."""
        return {
            "entry": model.entry.name,
            "rule": model.entry.parameters or None,
            "weights_sha256": model.manifest.identity,
            "background": self.background,
            "format": self.format,
            "steps": list(self.steps),
        }


def run(model: Model, sources: Sequence[Path], out: Path, options: CutoutOptions, jobs: int) -> int:
    """Cut out every photograph that has no result in `out` yet, and return their number.

    Raises:
        BadConfig: the options are wrong, two photographs would get one name, or `out` was filled
            with other options.
        Missing: a photograph or the background is not there.
        Incomplete: some photographs are damaged; all others are cut out.
    """
    background = _checked_background(options)
    targets = _targets(sources, out, SUFFIXES[options.format])
    _claim(out, options.made_by(model))
    todo = [(source, target) for target, source in targets.items() if not target.exists()]
    damaged: list[BadData] = []

    def finish(result: Segmented, target: Path) -> None:
        write_bytes(target, result.picture(background, options.format))

    with ThreadPoolExecutor(jobs) as pool:
        photos = track(_read(todo, damaged, pool), "cut out", len(todo))
        for batch in batched((photo for photo in photos if photo), BATCH):
            results = segment(model, [photo for photo, _ in batch], [options.steps] * len(batch))
            list(pool.map(finish, results, [target for _, target in batch]))
    if damaged:
        raise Incomplete(
            f"{len(damaged)} of {len(todo)} photographs cannot be read, all others are cut out; "
            f"the first: {damaged[0]}"
        )
    return len(todo)


def _checked_background(options: CutoutOptions) -> Background:
    """The background, once it is known that all options can be carried out."""
    unknown = sorted(set(options.steps) - DEFAULT_STEPS.keys())
    if unknown:
        raise BadConfig(f"no step {unknown[0]!r}, only {', '.join(DEFAULT_STEPS)}")
    background = open_background(options.background)
    if options.format == "jpeg" and background.kind == "transparent":
        raise BadConfig("a JPEG cannot be transparent; choose --background white, or png or webp")
    return background


def _targets(sources: Sequence[Path], out: Path, suffix: str) -> dict[Path, Path]:
    """The photograph of each result, by the result's path; folders keep their inner order."""
    targets: dict[Path, Path] = {}
    for source in sources:
        if not source.exists():
            raise Missing(f"{source}: no such file or folder")
        for inside in _photographs_below(source, out) if source.is_dir() else [Path(source.name)]:
            photograph = source / inside if source.is_dir() else source
            target = (out / inside).with_suffix(suffix)
            if target.resolve() == photograph.resolve():
                raise BadConfig(
                    f"{photograph}: its result would take its place; name another --out"
                )
            if targets.setdefault(target, photograph) != photograph:
                raise BadConfig(
                    f"{photograph} and {targets[target]} would both become {target}; cut them out "
                    "into two folders"
                )
    if not targets:
        raise BadData(f"{sources[0]}: no {photographs.NAMES} in it")
    return targets


def _photographs_below(folder: Path, out: Path) -> Iterator[Path]:
    """The photographs below a folder, by their content; results of our own do not count."""
    if out.resolve() == folder.resolve():
        raise BadConfig(f"{folder}: results would lie among the photographs; name another --out")
    results = out.resolve() if out.resolve().is_relative_to(folder.resolve()) else None
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if hidden or not path.is_file() or (results and path.resolve().is_relative_to(results)):
            continue
        with path.open("rb") as file:
            if photographs.has_known_signature(file.read(HEADER_BYTES)):
                yield path.relative_to(folder)


def _claim(out: Path, made_by: dict[str, Any]) -> None:
    path = out / MADE_BY
    if path.exists() and read_json(path, dict[str, Any], CUT_OUT_AGAIN) != made_by:
        raise BadConfig(f"{out}: filled by another model or with other options; name another --out")
    write_json(path, made_by)


def _read(
    todo: Sequence[tuple[Path, Path]], damaged: list[BadData], pool: ThreadPoolExecutor
) -> Iterator[tuple[Photograph, Path] | None]:
    def read(pair: tuple[Path, Path]) -> tuple[Photograph, Path] | None:
        source, target = pair
        try:
            return photographs.read(source.read_bytes()), target
        except BadData as error:
            damaged.append(BadData(f"{source}: {error}"))
            return None

    for batch in batched(todo, BATCH):  # no more than one batch of photographs in memory
        yield from pool.map(read, batch)
