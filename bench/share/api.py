"""Exported models from Python: three lines from a photograph to its mask and its cut-out.

What is public here is what `bench` lists in `__all__`; docs/api.md shows it at work.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.config.machine import Machine
from bench.cutout import photographs
from bench.cutout.background import open_background
from bench.cutout.cutout import SUFFIXES, Segmented, segment
from bench.cutout.manifest import Manifest
from bench.cutout.model import Model, open_model
from bench.cutout.photographs import Photograph, TooLarge
from bench.doubt.listing import Doubt
from bench.masks.types import THRESHOLD, Map, Mask, RgbImage
from bench.system.errors import BadConfig, BadData, BenchError, Missing
from bench.system.files import write_bytes

__all__ = ["BenchError", "Cutout", "CutoutModel", "load_model"]

Picture = str | Path | bytes | Image.Image | NDArray[np.uint8]
FORMATS = {suffix: name for name, suffix in SUFFIXES.items()} | {".jpeg": "jpeg"}


def load_model(folder: str | Path, device: str = "auto") -> "CutoutModel":
    """Load an exported model into memory.

    Args:
        folder: what `carvana-bench export` or `pull` wrote.
        device: "auto", "cpu", "cuda" or "cuda:N".

    Raises:
        BenchError: the folder holds no exported model, a file of it is damaged, or it needs a card
            or a library that is not there.
    """
    return CutoutModel(open_model(Path(folder), Machine(device)))


class CutoutModel:
    """An exported model: photographs in, cut-outs out. Made by `load_model`.

    Attributes:
        name: the entry that was exported, for example "mean".
        dice: its mean Dice on held-out cars, 0 to 1; None if it was never scored.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self.name: str = model.entry.name
        self.dice: float | None = model.manifest.dice

    def __call__(self, photograph: Picture) -> "Cutout":
        """Cut the car out of a photograph.

        Args:
            photograph: the path or the bytes of a JPEG, PNG, WebP or GIF, turned upright by its
                EXIF; a Pillow image, likewise; or pixels, uint8 (H, W, 3), RGB.

        Raises:
            BenchError: there is no such file, or it is damaged or no photograph.
            TypeError: the pixels are of another shape or type.
        """
        (segmented,) = segment(self._model, [_photograph(photograph)], [[]])
        return Cutout(segmented, self._model.manifest)

    def __repr__(self) -> str:
        """Name the entry and its members."""
        return f"CutoutModel({self.name!r}, members={self._model.names})"


@dataclass(frozen=True, repr=False)
class Cutout:
    """What a model made of a photograph. Made by calling a `CutoutModel`."""

    _segmented: Segmented
    _manifest: Manifest

    @property
    def map(self) -> Map:
        """The probability of car, uint8 (H, W): 0 to 255."""
        return self._segmented.map

    @property
    def mask(self) -> Mask:
        """Which pixels are car, bool (H, W)."""
        return self._segmented.map >= THRESHOLD

    @property
    def rgba(self) -> NDArray[np.uint8]:
        """The car on nothing, uint8 (H, W, 4), its edge without the background's colour."""
        return self._segmented.cut()

    @property
    def sure(self) -> float | None:
        """The probability, 0 to 1, that Dice is 0.99 or more; None if that was not calibrated."""
        return self._doubt.sure

    @property
    def expected_dice(self) -> float | None:
        """The Dice that is to be expected, 0 to 1; None if that was not calibrated."""
        return self._doubt.expected_dice

    @property
    def _doubt(self) -> Doubt:
        return self._segmented.doubt(self._manifest.doubt)

    def on(self, background: str) -> RgbImage:
        """Return the car on a background, uint8 (H, W, 3).

        Args:
            background: a colour ("white", "red", "#0a7bbd"), "blur", or the path of a picture.

        Raises:
            BenchError: it is none of these.
        """
        behind = open_background(background)
        if behind.kind == "transparent":
            raise BadConfig("nothing behind the car: take `rgba`, or name a colour")
        return behind.behind(self.rgba, self._segmented.photograph)

    def save(self, path: str | Path, background: str = "transparent") -> None:
        """Write the cut-out as a PNG, WebP or JPEG, by the path's suffix.

        Args:
            background: "transparent" (no JPEG is), or as in `on`.

        Raises:
            BenchError: the suffix or the background is none of these, or the photograph is too
                large for a WebP.
        """
        path = Path(path)
        format, behind = FORMATS.get(path.suffix.lower()), open_background(background)
        if format is None:
            raise BadConfig(f"{path}: name it {', '.join(FORMATS)}")
        if format == "jpeg" and behind.kind == "transparent":
            raise BadConfig(f"{path}: a JPEG cannot be transparent; name a background, or a .png")
        try:
            write_bytes(path, self._segmented.picture(behind, format))
        except TooLarge as error:
            raise TooLarge(f"{path}: {error}") from error

    def __repr__(self) -> str:
        """Give the size of the photograph, height x width."""
        return "Cutout({}x{})".format(*self.map.shape)


def _photograph(given: Picture) -> Photograph:
    if isinstance(given, np.ndarray):
        if given.dtype != np.uint8 or given.ndim != 3 or given.shape[2] != 3 or not given.size:
            raise TypeError(f"pixels are uint8 (H, W, 3), not {given.dtype} {given.shape}")
        return Photograph(given)
    if isinstance(given, Image.Image):
        return photographs.of_picture(given)
    if isinstance(given, bytes):
        return photographs.read(given)
    path = Path(given)
    try:
        if not path.is_file():
            raise Missing(f"{path}: no such photograph")
        return photographs.read(path.read_bytes())
    except BadData as error:
        raise BadData(f"{path}: {error}") from error
    except OSError as error:
        raise BadData(f"{path}: cannot be read ({error.strerror}); name another") from error
