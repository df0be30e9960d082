"""Photographs in, cars without their background out: files, or folders of files.

Reads  any JPEG, PNG, WebP or GIF. Writes each cut-out in the photograph's own size and under its
       own name, what made them, see record.py, and how doubtful each is, see doubt/listing.py; a
       second call goes on.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.config.refinement import DEFAULT_STEPS, in_order, to_json
from bench.cutout import matting, photographs, sources, touch_ups
from bench.cutout.background import Background, open_background
from bench.cutout.model import Model
from bench.cutout.photographs import Photograph
from bench.cutout.record import Made, Record
from bench.doubt import review
from bench.doubt.calibration import Calibration
from bench.doubt.glow import glow
from bench.doubt.listing import Doubt, add_doubts, read_doubts, summary, write_doubts
from bench.doubt.signs import signs
from bench.masks.types import THRESHOLD, Map
from bench.system.claims import claimed
from bench.system.errors import BadConfig, BadData, Incomplete
from bench.system.files import sha256 as file_sha256
from bench.system.files import write_bytes
from bench.system.progress import say, track
from bench.system.text import nearest, several
from bench.system.threads import batched

CLAIM = ".cutouts.claim"  # of a folder of results, by the call that fills it
BATCH = 4  # photographs that go through the networks together
SUFFIXES = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}


@dataclass(frozen=True)
class Segmented:
    """A photograph with its members' maps and the entry's own, after the steps asked for."""

    photograph: Photograph
    names: list[str]  # of the members
    maps: list[Map]
    combined: Map  # of these, before any step
    map: Map

    def doubt(self, calibration: Calibration | None) -> Doubt:
        """How doubtful the result is; where steps left no car, as much as can be."""
        shown = self.combined if (self.map >= THRESHOLD).any() else self.map
        return Doubt.of(signs(self.maps, shown), calibration)

    def cut(self) -> NDArray[np.uint8]:
        """The car on nothing, (H, W, 4)."""
        cut = matting.cut_out(self.photograph.pixels, self.map)
        if self.photograph.opacity is None or self.photograph.colours is None:
            return cut
        return matting.seen_through(cut, self.photograph.colours, self.photograph.opacity)

    def picture(self, background: Background, format: str) -> bytes:
        """The cut-out on a background, as a file's bytes."""
        pixels = background.behind(self.cut(), self.photograph)
        return photographs.write(pixels, format, self.photograph.profile)


def segment(
    model: Model, photos: Sequence[Photograph], steps: Sequence[Sequence[str]]
) -> list[Segmented]:
    """Segment photographs, which share the networks' passes.

    Args:
        steps: for each photograph, the names of the steps that a person asked for.
    """
    segmented = []
    maps = model.maps([photo.pixels for photo in photos])
    for photo, members, names in zip(photos, maps, steps, strict=True):
        combined = model.combine(members)
        map = touch_ups.apply(names, model.refine(combined))
        segmented.append(Segmented(photo, model.names, members, combined, map))
    return segmented


@dataclass(frozen=True)
class CutoutOptions:
    """What a person chooses for all photographs of a call."""

    background: str = "transparent"  # or "blur", a colour, the path of a picture
    format: str = "png"
    steps: tuple[str, ...] = ()
    review: bool = False  # whether to make a page of the doubtful results, which decides none

    def made_by(self, model: Model) -> dict[str, Any]:
        """What decides the results besides the photographs, for JSON."""
        picture = Path(self.background)
        return {
            "entry": model.entry.name,
            "rule": model.entry.parameters or None,
            "rules": model.manifest.rules,
            "refine": to_json(model.entry.refine),
            "recipes_sha256": [network.recipe_sha256 for network in model.manifest.networks],
            "weights_sha256": model.manifest.identity,
            "background": self.background.encode(errors="backslashreplace").decode(),  # if no UTF-8
            "background_sha256": file_sha256(picture) if picture.is_file() else None,
            "format": self.format,
            "steps": [step.name for step in in_order(self.steps)],
        }


@dataclass(frozen=True)
class Read:
    """A photograph that was read, its file, the hash of the file's bytes, and its result's path."""

    photograph: Photograph
    source: Path
    digest: str
    target: Path


@dataclass(frozen=True)
class Cut:
    """A photograph that was segmented, what its result is called, and how doubtful it is."""

    read: Read
    segmented: Segmented
    name: str
    doubt: Doubt


def run(model: Model, named: Sequence[Path], out: Path, options: CutoutOptions, jobs: int) -> int:
    """Cut out every photograph that has no result in `out` yet, and return their number.

    Raises:
        BadConfig: the options are wrong, two photographs would get one name, or `out` was filled
            with other options or from other photographs.
        BadData: there is no photograph, or the record of `out` is damaged.
        Missing: a photograph or the background is not there.
        Incomplete: some photographs are damaged, too large or of other formats; all others are cut
            out.
        Taken: another call is filling `out`.
    """
    background = _checked_background(options)
    found = sources.find(named, out, SUFFIXES[options.format])
    with claimed(out / CLAIM, out), ThreadPoolExecutor(jobs) as pool:
        record = Record(out, options.made_by(model))
        return _Call(model, out, options, background, record, pool).fill(found)


@dataclass(frozen=True)
class _Call:
    """A call that fills the folder `out`, and the photographs that it could not read."""

    model: Model
    out: Path
    options: CutoutOptions
    background: Background
    record: Record
    pool: ThreadPoolExecutor
    damaged: list[BadData] = field(default_factory=list)

    def fill(self, found: sources.Sources) -> int:
        """Do as `run`."""
        left = self.record.left(found.targets)
        doubts = read_doubts(self.out)
        undrawn = self._undrawn(found.targets, left, doubts)
        self.record.begin()
        write_doubts(self.out, doubts)
        if found.counts:
            say("; ".join(found.counts))
        for cuts in self._cut(left, "cut out"):
            doubts |= self._write(cuts)
        for cuts in self._cut(undrawn, "draw doubts"):
            list(self.pool.map(self._draw, cuts))
        write_doubts(self.out, doubts)
        if doubts:
            say(summary(doubts))
        if self.options.review:
            say(f"open {review.write_page(self.out, doubts, self.model.manifest.doubt)}")
        _check_complete(self.damaged, found)
        return len(left)

    def _undrawn(
        self, targets: Mapping[Path, Path], left: Mapping[Path, Path], doubts: Mapping[str, Doubt]
    ) -> dict[Path, Path]:
        """The doubtful results of earlier calls, which made no review, with their photographs."""
        if not self.options.review:
            return {}
        names = {
            name
            for name, doubt in doubts.items()
            if doubt.doubtful and not review.picture_path(self.out, name).is_file()
        }
        done = {target: photo for target, photo in targets.items() if target not in left}
        return {
            target: photo for target, photo in done.items() if self.record.name(target) in names
        }

    def _cut(self, left: Mapping[Path, Path], what: str) -> Iterator[list[Cut]]:
        """Read and segment the photographs of results, a batch at once."""
        calibration = self.model.manifest.doubt
        reads = track(self._read(left), what, len(left))
        for batch in batched((read for read in reads if read), BATCH):
            photos = [read.photograph for read in batch]
            results = segment(self.model, photos, [self.options.steps] * len(batch))
            yield [
                Cut(read, result, self.record.name(read.target), result.doubt(calibration))
                for read, result in zip(batch, results, strict=True)
            ]

    def _read(self, left: Mapping[Path, Path]) -> Iterator[Read | None]:
        """Photographs in their order; instead of a damaged one, which is named at once, None."""

        def read(pair: tuple[Path, Path]) -> Read | BadData:
            target, source = pair
            try:
                content = source.read_bytes()
                photograph = photographs.read(content)
                photographs.check_fits(photograph.size, self.options.format)
                return Read(photograph, source, sha256(content).hexdigest(), target)
            except BadData as error:
                return BadData(f"{source}: {error}")
            except OSError as error:
                return BadData(f"{source}: {error.strerror}; copy it again")

        for batch in batched(left.items(), BATCH):  # no more photographs in memory
            for result in self.pool.map(read, batch):
                if isinstance(result, Read):
                    yield result
                    continue
                self.damaged.append(result)
                say(str(result))
                yield None

    def _write(self, cuts: Sequence[Cut]) -> dict[str, Doubt]:
        """Note results and how doubtful they are, which is returned; then write them."""
        contents = list(self.pool.map(self._picture, cuts))
        targets = [cut.read.target for cut in cuts]
        made = [
            Made(str(cut.read.source), cut.read.digest, sha256(content).hexdigest())
            for cut, content in zip(cuts, contents, strict=True)
        ]
        self.record.note(dict(zip(targets, made, strict=True)))
        doubts = {cut.name: cut.doubt for cut in cuts}
        add_doubts(self.out, doubts)
        list(self.pool.map(write_bytes, targets, contents))
        return doubts

    def _picture(self, cut: Cut) -> bytes:
        """The cut-out as a file's bytes, once its doubt is drawn if that is asked for."""
        if self.options.review and cut.doubt.doubtful:
            self._draw(cut)
        return cut.segmented.picture(self.background, self.options.format)

    def _draw(self, cut: Cut) -> None:
        """Draw where a result is doubtful."""
        picture = glow(cut.read.photograph.pixels, cut.segmented.maps, review.MAX_SIDE)
        path = review.picture_path(self.out, cut.name)
        write_bytes(path, photographs.write(picture, "jpeg"))


def _check_complete(damaged: Sequence[BadData], found: sources.Sources) -> None:
    """Say that photographs are left, after all others were cut out.

    Raises:
        Incomplete: some are damaged, too large, or of formats that are not read.
    """
    wrong = []
    if damaged:
        wrong.append(
            f"{len(damaged)} of {several(len(found.targets), 'photograph')} cannot be cut out, any "
            f"others are; the first: {damaged[0]}"
        )
    if found.pictures:
        wrong.append(found.left_out)
    if wrong:
        raise Incomplete("; ".join(wrong))


def _checked_background(options: CutoutOptions) -> Background:
    """The background, once it is known that all options can be carried out."""
    unknown = sorted(set(options.steps) - DEFAULT_STEPS.keys())
    if unknown:
        raise BadConfig(nearest(unknown[0], DEFAULT_STEPS, "step"))
    background = open_background(options.background)
    if options.format == "jpeg" and background.kind == "transparent":
        raise BadConfig("a JPEG cannot be transparent; choose --background white, or png or webp")
    return background
