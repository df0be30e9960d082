"""The photographs that a call names, the result that each becomes, and what is left out."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.cutout import formats
from bench.cutout.record import MADE_BY
from bench.system.errors import BadConfig, BadData, Missing
from bench.system.text import as_a_disk_sees, several

MAX_SHOWN = 10  # pairs of photographs that would get one result


@dataclass
class Sources:
    """The photograph of each result, and the files in folders that become none."""

    targets: dict[Path, Path] = field(default_factory=dict)  # result -> photograph
    pictures: list[Path] = field(default_factory=list)  # of formats that are not read
    others: list[Path] = field(default_factory=list)

    @property
    def counts(self) -> list[str]:
        """How many files are left out, by suffix: the pictures first, then the others."""
        said = []
        if self.pictures:
            count = several(len(self.pictures), "picture")
            said.append(f"left out {count} that cannot be read ({_by_suffix(self.pictures)})")
        if self.others:
            count = several(len(self.others), "other file")
            said.append(f"left out {count} ({_by_suffix(self.others)})")
        return said

    @property
    def left_out(self) -> str:
        """Which files are left out, by suffix, and what to do; empty if there are none."""
        said = self.counts
        if self.pictures:
            first = self.pictures[0]
            said[0] += f", the first: {first}; only {formats.NAMES} can: {formats.CURE}"
        return "; ".join(said)


def find(named: Sequence[Path], out: Path, suffix: str) -> Sources:
    """Find the photograph of each result; folders keep their inner order.

    Args:
        named: files, and folders of files.
        suffix: of the results.

    Raises:
        BadConfig: two photographs would get one result, or a result would replace a photograph.
        Missing: a file or folder is not there. BadData: there is no photograph at all.
    """
    found = Sources()
    shared: dict[str, Path] = {}
    clashes = []
    for source in named:
        if not source.exists():
            raise Missing(f"{source}: no such file or folder")
        for inside in _photographs_below(source, out, found) if source.is_dir() else [None]:
            photograph = source / inside if inside else source
            target = (out / (inside or source.name)).with_suffix(suffix)
            if target.resolve() == photograph.resolve():
                raise BadConfig(
                    f"{photograph}: its result would take its place; name another --out"
                )
            other = shared.setdefault(as_a_disk_sees(str(target)), photograph)
            if other != photograph:
                clashes.append(f"{photograph} and {other} would both become {target}")
            found.targets[target] = photograph
    if clashes:
        raise BadConfig(_clash(clashes))
    if not found.targets:
        left_out = f"; {found.left_out}" if found.left_out else "; name a folder of photographs"
        raise BadData(f"{named[0]}: no {formats.NAMES} in it{left_out}")
    return found


def _clash(clashes: Sequence[str]) -> str:
    more = len(clashes) - MAX_SHOWN
    shown = [*clashes[:MAX_SHOWN], *([f"and {more:,} more"] if more > 0 else [])]
    cure = "rename or move one of each pair, or give each of several folders its own --out"
    return f"{', '.join(shown)}; {cure}"


def _photographs_below(folder: Path, out: Path, found: Sources) -> Iterator[Path]:
    """The photographs below a folder, damaged ones too; results of our own do not count."""
    if out.resolve() == folder.resolve():
        raise BadConfig(f"{folder}: results would lie among the photographs; name another --out")
    for path in _files_below(folder, out.resolve(), set()):
        with path.open("rb") as file:
            start = file.read(formats.HEADER_BYTES)
        if formats.seems_read(path, start):
            yield path.relative_to(folder)
        elif formats.seems_a_picture(path, start):
            found.pictures.append(path)
        else:
            found.others.append(path)


def _files_below(folder: Path, out: Path, above: set[Path]) -> Iterator[Path]:
    """The files below a folder, in order; links to folders are followed.

    Hidden files, the results of this call, and folders of earlier results are not among them.
    """
    if folder.resolve() in above:  # a link to a folder that it lies in
        return
    for path in sorted(folder.iterdir()):
        hidden = path.name.startswith(".")
        if hidden or path.resolve() == out or (path / MADE_BY).exists():
            continue
        if path.is_dir():
            yield from _files_below(path, out, above | {folder.resolve()})
        elif path.is_file():
            yield path


def _by_suffix(paths: Sequence[Path]) -> str:
    counts = Counter(path.suffix.lower() or "no suffix" for path in paths)
    return ", ".join(f"{count} {suffix}" for suffix, count in counts.most_common())
