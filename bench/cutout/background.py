"""What stands behind a car that was cut out: nothing, a colour, a blur or a picture."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ImageColor

from bench.cutout import matting, photographs
from bench.cutout.photographs import Photograph
from bench.system.errors import BadConfig, BadData, Missing

NAMES = "transparent, blur, an opaque colour (white, red, #0a7bbd)"  # all but a picture


@dataclass(frozen=True)
class Background:
    """Nothing, a colour, the photograph's own background blurred, or a picture."""

    kind: str = "transparent"  # or "colour", "blur", "image"
    colour: tuple[int, int, int] = (255, 255, 255)
    image: Photograph | None = None

    @classmethod
    def named(cls, name: str, picture: str) -> "Background":
        """The background "transparent", "blur", or a colour that Pillow knows.

        Args:
            picture: how a picture is given here instead; messages say so.

        Raises:
            BadConfig: the name is none of these.
        """
        if name in ("transparent", "blur"):
            return cls(name)
        try:
            red, green, blue, *opacity = ImageColor.getrgb(name)
            if opacity or not {red, green, blue} <= set(range(256)):
                raise ValueError(name)
        except ValueError as error:
            raise BadConfig(f"background {name!r}: unknown; name {NAMES} or {picture}") from error
        return cls("colour", (red, green, blue))

    def behind(self, cut: NDArray[np.uint8], photo: Photograph) -> NDArray[np.uint8]:
        """Put a cut-out (H, W, 4) on this background: (H, W, 3), or the cut-out itself.

        The result's colours are of the photograph's profile.
        """
        if self.kind == "transparent":
            return cut
        if self.kind == "blur":
            return matting.composite(cut, matting.blurred_background(photo.pixels, cut[..., 3]))
        if self.image is not None:
            filled = photographs.scaled_to_fill(self.image, photo.size)
            return matting.composite(cut, photographs.converted(filled, self.image, photo))
        colour = photographs.converted(np.array([[self.colour]], np.uint8), None, photo)
        return matting.composite(cut, np.broadcast_to(colour, photo.pixels.shape))


def open_background(name: str) -> Background:
    """The background that `Background.named` makes, or the picture in a file.

    Raises:
        BadConfig: there is no such background. BadData: the file is not a picture.
        Missing: `name` has a suffix and is not a file.
    """
    path = Path(name)
    try:
        if path.is_file():
            return Background("image", image=photographs.read(path.read_bytes()))
    except BadData as error:
        raise BadData(f"{path}, the background: {error}") from error
    except OSError as error:
        what = f"cannot be read ({error.strerror}); name another"
        raise BadData(f"{path}, the background: {what}") from error
    try:
        return Background.named(name, "a picture's file")
    except BadConfig as error:
        if path.suffix:
            what = "no such picture for the background; name one that is there"
            raise Missing(f"{path}: {what}") from error
        raise
