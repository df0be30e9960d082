"""COCO annotations of any categories -> a table `img,rle_mask` for one's own photographs.

Reads  a COCO annotation file and the headers of its photographs. Writes the table.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from bench.data.dataset import MASK_COLUMNS, other_size
from bench.data.images import image_size
from bench.data.listing import TableNames
from bench.masks import rle
from bench.masks.types import Mask
from bench.own.coco import CocoAnnotation, CocoFile, CocoImage, decoded, read_annotations
from bench.own.opening import check_name
from bench.system.errors import BadConfig, BadData, BadFile
from bench.system.files import write_text
from bench.system.progress import track
from bench.system.text import nearest


def write_table(
    annotations: Path, categories: Sequence[str], photographs: Mapping[str, Path], table: Path
) -> None:
    """Write the masks of some categories; a listed photograph without such an object has none.

    Args:
        categories: names, or numbers.
        photographs: file name with its folders -> file.

    Raises:
        Missing: there is no annotation file.
        BadConfig: no category is named, or it has no such category.
        BadData: it is not COCO's format, lists none of the photographs or one twice, or is of other
            sizes; or a name cannot stand in a table, or may be several photographs.
    """
    coco = read_annotations(annotations)
    wanted = _wanted(coco, categories, annotations)
    outlines: dict[int, list[CocoAnnotation]] = defaultdict(list)
    for annotation in coco.annotations:
        if annotation.category_id in wanted:
            outlines[annotation.image_id].append(annotation)
    listed = _listed(coco, photographs, annotations)
    if not listed:
        first = coco.images[0].file_name if coco.images else "none"
        raise BadData(
            f"{annotations}: lists none of the {len(photographs)} photographs, which are called "
            f"like {next(iter(photographs))}; it lists {first}; give the folder of its photographs"
        )

    def rows() -> Iterator[str]:
        yield ",".join(MASK_COLUMNS)
        for name, image in track(listed.items(), "reading COCO", len(listed)):
            mask = _mask(image, outlines[image.id], annotations, photographs[name])
            yield f"{name},{rle.encode(mask)}"

    write_text(table, "\n".join(rows()) + "\n")


def _listed(
    coco: CocoFile, photographs: Mapping[str, Path], annotations: Path
) -> dict[str, CocoImage]:
    """The photographs that are annotated, by file name with its folders."""
    names = TableNames({name: name for name in photographs})
    listed: dict[str, CocoImage] = {}
    for image in coco.images:
        name = names.find(image.file_name, f"{annotations}, image {image.id}")
        if name is None:
            continue
        other = listed.setdefault(name, image)
        if other is not image:
            what = f"{other.file_name} and {image.file_name} are both {photographs[name]}"
            raise BadFile(annotations, what, "name folders alike in both, or remove one")
        check_name(name, photographs[name])
    return listed


def _wanted(coco: CocoFile, categories: Sequence[str], annotations: Path) -> set[int]:
    """The numbers of categories that are named, by their names or numbers."""
    named: dict[str, set[int]] = defaultdict(set)
    for each in coco.categories:
        named[each.name].add(each.id)
    known = {str(each.id): {each.id} for each in coco.categories} | named  # a name may be digits
    names = [each.name or str(each.id) for each in coco.categories]
    if not categories:
        raise BadConfig(
            f"{annotations}: say what is masked by --category, one or more of: {', '.join(names)}"
        )
    for category in categories:
        if category not in known:
            raise BadConfig(f"{annotations}: {nearest(category, names, 'category')}")
    return {number for category in categories for number in known[category]}


def _mask(
    image: CocoImage, outlines: Sequence[CocoAnnotation], annotations: Path, photograph: Path
) -> Mask:
    """The union of some objects' masks, of the photograph's size."""
    shape = (image.height, image.width)
    if shape != image_size(photograph):
        where = f"{annotations}, image {image.id}"
        raise other_size(where, "it is annotated as", shape, photograph)
    mask = np.zeros(shape, bool)
    for outline in outlines:
        mask |= decoded(outline, image, annotations)
    return mask
