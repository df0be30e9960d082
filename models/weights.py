"""Read files of weights; a file that holds none is named as what it is."""

import json
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

LENGTH_BYTES = 8  # a safetensors file begins with the length of its header
HEAD_BYTES = 512
AGAIN = "copy or download it again"
CONVERT = (
    "convert it where you trust it: safetensors.torch.save_file(torch.load(FILE, "
    "weights_only=True), 'NAME.safetensors')"
)


class BadWeights(Exception):
    """A file of weights cannot be used: which `file`, `what` is wrong with it, and the `cure`."""

    def __init__(self, file: Path, what: str, cure: str) -> None:
        super().__init__(f"{file}: {what}; {cure}")
        self.file, self.what, self.cure = file, what, cure


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file by their names; nothing in a file is ever run.

    Raises:
        BadWeights: it is no safetensors file, or not a whole one.
    """
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        what, cure = _diagnose(path, str(error))
        raise BadWeights(path, what, cure) from error


def disguised(path: Path) -> tuple[str, str] | None:
    """Return what a file is in place of weights, and the cure; None where it may be weights."""
    with open(path, "rb") as file:
        head = file.read(HEAD_BYTES)
    if not head:
        return "the file is empty", AGAIN
    if head.startswith(b"version https://git-lfs"):
        return (
            "a pointer of Git LFS, not the weights themselves",
            "fetch them with `git lfs pull` in the repository it comes from",
        )
    if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return (
            "a page of the web, not weights",
            "download the file itself; a browser shows whether its address asks for a login",
        )
    if head.startswith((b"PK\x03\x04", b"\x80")) and head[8:9] != b"{":
        return "a pickle (.pth, .pt, .bin), which could run code and is never read", CONVERT
    return None


def _diagnose(path: Path, error: str) -> tuple[str, str]:
    """Return what is wrong with a file that was not read, and the cure."""
    if not path.is_file():
        return "no such file", "name one that is there"
    found = disguised(path)
    if found:
        return found
    size, whole = path.stat().st_size, _whole_bytes(path)
    if whole and size < whole:
        return f"cut short: {size:,} of {whole:,} bytes", AGAIN
    return f"not a whole safetensors file ({error})", AGAIN


def _whole_bytes(path: Path) -> int | None:
    """Return how long a safetensors file is by its own header; None where that is not whole."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(LENGTH_BYTES), "little")
        header = file.read(min(length, path.stat().st_size))
    try:
        tensors = json.loads(header)
        ends = [each["data_offsets"][1] for name, each in tensors.items() if name[:2] != "__"]
        return LENGTH_BYTES + length + max(ends)
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
