"""What stands behind a car that was cut out: nothing, a colour, a blur or a picture."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ImageColor

from bench.cutout import matting, photographs
from bench.cutout.photographs import Photograph
from bench.masks.types import RgbImage
from bench.system.errors import BadConfig, BadData, Missing


@dataclass(frozen=True)
class Background:
    """Nothing, a colour, the photograph's own background blurred, or a picture."""

    kind: str = "transparent"  # or "colour", "blur", "image"
    colour: tuple[int, int, int] = (255, 255, 255)
    image: Photograph | None = None

    @classmethod
    def named(cls, name: str) -> "Background":
        """The background "transparent", "blur", or a colour ("white", "#0a7bbd").

        Raises:
            BadConfig: the name is none of these.
        """
        if name in ("transparent", "blur"):
            return cls(name)
        try:
            red, green, blue = ImageColor.getrgb(name)[:3]
        except ValueError as error:
            raise BadConfig(
                f"background {name!r}: neither transparent, blur, a colour (white, #0a7bbd) nor "
                "a picture's file; name one of these"
            ) from error
        return cls("colour", (red, green, blue))

    def behind(self, cut: NDArray[np.uint8], photo: RgbImage) -> NDArray[np.uint8]:
        """Put a cut-out (H, W, 4) on this background: (H, W, 3), or the cut-out itself."""
        if self.kind == "transparent":
            return cut
        if self.kind == "blur":
            return matting.composite(cut, matting.blurred_background(photo, cut[..., 3]))
        if self.image is not None:
            return matting.composite(cut, photographs.scaled_to_fill(self.image, photo.shape[:2]))
        return matting.composite(cut, np.full_like(photo, self.colour))


def open_background(name: str) -> Background:
    """The background that `Background.named` makes, or the picture in a file.

    Raises:
        BadConfig: there is no such background. BadData: the file is not a picture.
        Missing: `name` has a suffix and is not a file.
    """
    path = Path(name)
    if path.is_file():
        try:
            return Background("image", image=photographs.read(path.read_bytes()))
        except BadData as error:
            raise BadData(f"{path}, the background: {error}") from error
    if path.suffix:
        raise Missing(f"{path}: no such picture for the background; name one that is there")
    return Background.named(name)
