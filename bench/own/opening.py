"""Open a data folder: one's own pictures where it holds a data.yaml, else Kaggle's layout."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from bench.config.strict import read
from bench.data.carvana import open_folder
from bench.data.dataset import DataSet, Own
from bench.data.image_ids import OF, id_of
from bench.data.listing import (
    CONVERT,
    OTHER_PICTURES,
    OWN_SUFFIXES,
    TableNames,
    id_in_table,
    normal_id,
)
from bench.data.tables import read_table
from bench.own.description import ALONE, FILE, Description, pattern_in, place
from bench.own.patterns import Files, base_of, masks_by_pattern
from bench.system.errors import BadFile, Missing

GROUP_COLUMNS = ("image", "group")
FORBIDDEN = (OF, ",", '"')  # in names and groups: tables of a run hold them as they are
Named = Mapping[str, Path]  # file name with its folders -> file


def open_data(root: Path) -> DataSet:
    """The data set in a folder; no photograph or mask is read.

    Raises:
        Missing: no such folder, or no photographs. BadConfig: data.yaml breaks a rule.
        BadData: a photograph has no mask or two, or no group; two files are one image; or a name
            in a table may be several photographs.
    """
    if root.name == FILE and root.is_file():
        raise Missing(f"{root}: name its folder, {root.parent}")
    file = root / FILE
    if file.is_file():
        return open_described(read(file, Description), root)
    return open_folder(root)


def open_described(said: Description, root: Path) -> DataSet:
    """The data set that a description in the folder `root` is of; as `open_data`."""
    images = pattern_in(root, said.images)
    base = base_of(images)
    found = find_photographs(said, root)
    table = place(root, said.masks) if said.in_table else None
    rows = _rows(table, found) if table else {}
    labelled, masks, unlabelled = _labelled(said, root, found, set(rows.values()))
    tests = pattern_in(root, said.test) if said.test else None
    common = Path(os.path.commonpath([base.absolute(), base_of(tests or images).absolute()]))
    before = "" if common == base.absolute() else f"{base.absolute().relative_to(common)}/"
    train = {f"{before}{name}": path for name, path in labelled.items()}
    test = {f"{before}{name}": path for name, path in unlabelled.items()}
    if tests:
        test |= _photographs(tests, common)
        test = {name: path for name, path in test.items() if name not in train}
    everything = {**train, **test}
    _refuse_one_stem(everything)
    groups = _groups(said, root, everything)
    ids = {name: _id(path, name, groups[name]) for name, path in everything.items()}
    return DataSet(
        root=root,
        train={ids[name]: path for name, path in train.items()},
        masks={ids[f"{before}{name}"]: path for name, path in masks.items()},
        test={ids[name]: path for name, path in test.items()},
        mask_table=table,
        metadata_table=None,
        sample=None,
        own=Own(
            names={image: name for name, image in ids.items()},
            marks=said.marks,
            rows={row: ids[f"{before}{name}"] for row, name in rows.items()},
            folds=place(root, said.folds) if said.folds else None,
            heldout=place(root, said.heldout) if said.heldout else None,
        ),
    )


def find_photographs(said: Description, root: Path) -> dict[str, Path]:
    """The photographs of `images`, by file name, whether they have masks or not.

    Raises:
        Missing, BadData: as `open_data`.
    """
    images = pattern_in(root, said.images)
    return _photographs(images, base_of(images))


def _photographs(pattern: str, base: Path) -> dict[str, Path]:
    """File name below `base` -> photograph, in order.

    Raises:
        Missing: there is none. BadData: two are one image, or one is in a format that is not read.
    """
    matched = Files().find(pattern)
    found: dict[str, Path] = {}
    for path in matched:
        suffix = path.suffix.lower()
        if suffix in OWN_SUFFIXES:
            found[os.path.relpath(normal_id(str(path)), normal_id(str(base)))] = path
        elif suffix in OTHER_PICTURES:
            raise BadFile(path, "a picture in a format that is not read", CONVERT)
    if not found:
        others = f"; {matched[0]} is no picture" if matched else ""
        cure = "mend the pattern: * stands for any part of a name, ** for any folders"
        raise Missing(f"{pattern}: no such photographs{others}; {cure}")
    return found


def _rows(table: Path, found: Named) -> dict[str, str]:
    """What a table of masks calls a photograph, without the suffix -> the photograph's name.

    Raises:
        Missing: there is no such table. BadData: a name in it may be several photographs.
    """
    names = TableNames({name: name for name in found})
    rows = {
        id_in_table(row): names.find(row, f"{table}, line {number}")
        for number, (row,) in read_table(table, ("img",))
    }
    return {row: name for row, name in rows.items() if name}


def _labelled(
    said: Description, root: Path, found: Named, has_mask: set[str]
) -> tuple[dict[str, Path], dict[str, Path], dict[str, Path]]:
    """Photographs with masks, their mask pictures, and photographs without masks.

    Args:
        has_mask: the photographs whose masks stand in a table, if there is one.

    Raises:
        BadData: a photograph has two masks, or it has none and that is not said to be meant.
    """
    masks: dict[str, Path] = {}
    if not said.in_table:
        several = masks_by_pattern(found, pattern_in(root, said.masks))
        taken = {mask for paths in several.values() for mask in paths}
        found = {name: path for name, path in found.items() if path not in taken}
        for name, path in found.items():
            if len(several[name]) > 1:
                raise _two_masks(path, several[name])
            if several[name]:
                masks[name] = several[name][0]
        has_mask = set(masks)
    _refuse_one_stem(found)
    lacking = [name for name in found if name not in has_mask]
    if lacking and (said.unlabelled == "refuse" or not has_mask):
        raise _no_mask(said, root, found[lacking[0]], len(lacking), len(found))
    labelled = {name: path for name, path in found.items() if name in has_mask}
    return labelled, masks, {name: found[name] for name in lacking}


def _refuse_one_stem(found: Named) -> None:
    stems: dict[str, Path] = {}
    for name, path in found.items():
        other = stems.setdefault(id_in_table(name), path)
        if other != path:
            cure = "remove one, or name one suffix in the pattern of the photographs"
            raise BadFile(path, f"{other.name} is the same image", cure)


def _two_masks(photograph: Path, masks: list[Path]) -> BadFile:
    return BadFile(
        photograph,
        f"{len(masks)} files match as its mask: {masks[0]} and {masks[1]}",
        "remove all but one, or make the pattern of the masks narrower, as {stem}_mask.png",
    )


def _no_mask(said: Description, root: Path, photograph: Path, lacking: int, found: int) -> BadFile:
    if lacking == found:
        cure = "mend where the masks are said to be"
    else:
        cure = (
            "add it; or take photographs without masks for test photographs, by `--unlabelled` of "
            "`prepare` or `unlabelled: test` in data.yaml"
        )
    where = "row" if said.in_table else "file"
    what = f"no {where} of {place(root, said.masks)} is its mask"
    more = f", nor of {lacking - 1} more of {found} photographs" if lacking > 1 else ""
    return BadFile(photograph, what + more, cure)


def _groups(said: Description, root: Path, photographs: Named) -> dict[str, str]:
    """The group of every photograph, by the photograph's name.

    Raises:
        Missing: there is no table of groups.
        BadData: a photograph has no group, or two, or a name may be several photographs.
    """
    if said.group_by:
        return {name: _found(said.group_by, name, path) for name, path in photographs.items()}
    if said.groups == ALONE:
        return {name: id_in_table(name) for name in photographs}
    table = place(root, str(said.groups))
    names = TableNames({name: name for name in photographs})
    groups: dict[str, str] = {}
    for number, (image, written) in read_table(table, GROUP_COLUMNS):
        where = f"{table}, line {number}"
        name, group = names.find(image, where), normal_id(written)
        if name and groups.setdefault(name, group) != group:
            what = f"{image} is of group {groups[name]} in a line above"
            raise BadFile(where, what, "remove one of the lines")
    lacking = [name for name in photographs if not groups.get(name)]
    if lacking:
        what = f"no group of {lacking[0]} (and of {len(lacking) - 1} more photographs)"
        raise BadFile(table, what, f"add a line for each, such as {lacking[0]},shoe 7")
    return groups


def _found(expression: str, name: str, photograph: Path) -> str:
    match = re.search(expression, name)
    parts = [part for part in match.groups() if part] if match else []
    if not parts:
        what = f"`group_by` {expression!r} finds no group in {name!r}"
        raise BadFile(photograph, what, "mend the expression, or give a table image,group")
    return normal_id("-".join(parts))


def _id(photograph: Path, name: str, group: str) -> str:
    check_name(name, photograph)
    check_name(group, photograph, f"its group {group!r}")
    return id_of(id_in_table(name), group)


def check_name(text: str, photograph: Path, what: str = "the name") -> None:
    """Refuse a name or group that cannot stand in the tables of a run.

    Raises:
        BadData: the message names the photograph.
    """
    wrong = [mark for mark in FORBIDDEN if mark in text]
    if wrong or not text.isprintable():
        found = f"holds {wrong[0]}" if wrong else "holds a control character"
        raise BadFile(photograph, f"{what} {found}", "rename it in plain letters and digits")
