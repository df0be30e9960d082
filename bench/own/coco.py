"""COCO annotations -> photographs and masks in Kaggle's layout, so that any suite runs on them.

Reads  a COCO annotation file and its folder of photographs. Writes `<out>/train/<id>.jpg` and
       `<out>/train_masks/<id>_mask.gif`; every photograph is a group of its own in the folds.
"""

from codecs import BOM_UTF8
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import simplejpeg
from pydantic import BaseModel, Discriminator, Field, Tag, ValidationError

from bench.data.dataset import other_size
from bench.data.images import read_image, write_mask
from bench.data.listing import PHOTOGRAPH_SUFFIXES, find
from bench.masks.resize import resized
from bench.masks.types import Mask, Size, size_name
from bench.system.errors import BadData, Missing
from bench.system.files import check_is_file, write_bytes
from bench.system.progress import track
from bench.system.text import plain_fault
from bench.system.threads import prefetch

KINDS = {"person", "vehicle"}  # COCO's supercategories whose masks count
MIN_SHARE = 0.10  # of the image that each mask covers
MIN_LARGEST_SHARE = 0.30  # of the image that the largest mask covers
MAX_TOTAL_SHARE = 0.90  # of the image that all masks together cover
MAX_OTHERS = 3  # masks beside the largest
OVERSAMPLING = 4  # polygons are drawn on a grid so many times finer
JPEG_QUALITY = 95  # of a resized photograph's JPEG
MAX_ID = 10**12 - 1  # the ids of photographs have twelve digits
MAX_SIDE = 2**13  # of a photograph: its polygons are drawn in its size, finer by OVERSAMPLING
Coordinate = Annotated[float, Field(ge=-MAX_SIDE, le=2 * MAX_SIDE)]  # not NaN, either


class CocoImage(BaseModel):
    """A photograph."""

    id: Annotated[int, Field(ge=0, le=MAX_ID)]
    file_name: str
    height: Annotated[int, Field(gt=0, le=MAX_SIDE)]
    width: Annotated[int, Field(gt=0, le=MAX_SIDE)]


class CocoRuns(BaseModel):
    """A mask as run lengths, column by column, background first; a text holds them packed."""

    counts: str | list[Annotated[int, Field(ge=0)]]
    size: tuple[int, int]


class CocoAnnotation(BaseModel):
    """A mask of one object: polygons `x1, y1, x2, y2, ...` or run lengths."""

    id: int | str | None = None
    image_id: int
    category_id: int
    segmentation: Annotated[
        Annotated[CocoRuns, Tag("runs")] | Annotated[list[list[Coordinate]], Tag("polygons")],
        Discriminator(lambda outline: "runs" if isinstance(outline, dict) else "polygons"),
    ]


class CocoCategory(BaseModel):
    """What an object is."""

    id: int
    name: str = ""
    supercategory: str = ""


class CocoFile(BaseModel):
    """The parts of an annotation file that are read."""

    images: list[CocoImage]
    annotations: list[CocoAnnotation]
    categories: list[CocoCategory]


def prepare(
    annotations: Path, images: Path, out: Path, size: Size | None, jobs: int
) -> dict[str, int]:
    """Write the photographs that pass ExtractNet's rules, with their masks.

    Args:
        size: height, width of what is written; None keeps the photographs as they are.

    Returns:
        How many photographs were kept, and how many each rule left out.

    Raises:
        Missing: no such annotation file, or a photograph of it is not there.
        BadData: it is not COCO's format, or a photograph is damaged or of another size.
    """
    coco = read_annotations(annotations)
    wanted = {category.id for category in coco.categories if category.supercategory in KINDS}
    if not wanted:
        raise BadData(
            f"{annotations}: no category of the kind {' or '.join(sorted(KINDS))}; give COCO's "
            "instances, as instances_val2017.json"
        )
    masks_of: dict[int, list[CocoAnnotation]] = defaultdict(list)
    for annotation in coco.annotations:
        if annotation.category_id in wanted:
            masks_of[annotation.image_id].append(annotation)

    def keep(image: CocoImage) -> str:
        masks = [decoded(each, image, annotations) for each in masks_of[image.id]]
        mask, verdict = join_masks(masks)
        if mask is not None:
            _write(_photograph(image, images, annotations), image, mask, out, size)
        return verdict

    verdicts = track(prefetch(keep, coco.images, jobs), "preparing", len(coco.images))
    return dict(Counter(verdicts).most_common())


def read_annotations(path: Path) -> CocoFile:
    """A COCO annotation file.

    Raises:
        Missing: there is no such file.
        BadData: it is not COCO's format; an image stands twice in it; or an annotation is of an
            image or category that it does not list.
    """
    check_is_file(path, "one like instances_val2017.json")
    try:
        coco = CocoFile.model_validate_json(path.read_bytes().removeprefix(BOM_UTF8))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        cure = "give COCO's instances, not captions or keypoints"
        raise BadData(f"{path}: {where}: {plain_fault(first)}; {cure}") from error
    for entries in ([each.id for each in coco.images], [each.file_name for each in coco.images]):
        for entry, count in Counter(entries).items():
            if count > 1:
                raise BadData(f"{path}: image {entry} stands twice; remove one")
    _refuse_unlisted(coco, path)
    return coco


def _refuse_unlisted(coco: CocoFile, path: Path) -> None:
    """Refuse annotations of what the file does not list: nobody would miss their masks."""
    images = {image.id for image in coco.images}
    categories = {category.id for category in coco.categories}
    for place, each in enumerate(coco.annotations):
        where = f"{path}: annotations.{place} (id {each.id})"
        if each.image_id not in images:
            what = f"is of image {each.image_id}, which `images` does not list"
        elif each.category_id not in categories:
            what = f"is of category {each.category_id}, which `categories` does not list"
        else:
            continue
        raise BadData(f"{where}: {what}; correct the number, list it, or remove the annotation")


def join_masks(masks: Sequence[Mask]) -> tuple[Mask | None, str]:
    """The mask of a photograph by ExtractNet's rules, or None, and the verdict in words.

    Only masks that cover at least 0.1 of the image count. The largest of them must cover at least
    0.3 of the image. It and the next three at most become one mask, which may cover at most 0.9.

    Source: ExtractNet 2019, preparation of COCO.
    """
    large = sorted((mask for mask in masks if mask.mean() >= MIN_SHARE), key=np.mean, reverse=True)
    if not large or large[0].mean() < MIN_LARGEST_SHARE:
        return None, f"no person or vehicle of {MIN_LARGEST_SHARE:.0%}"
    joined: Mask = np.logical_or.reduce(large[: 1 + MAX_OTHERS])
    if joined.mean() > MAX_TOTAL_SHARE:
        return None, f"over {MAX_TOTAL_SHARE:.0%} covered"
    return joined, "kept"


def decoded(annotation: CocoAnnotation, image: CocoImage, path: Path) -> Mask:
    """The mask (H, W) of an object.

    Args:
        path: of the annotation file.

    Raises:
        BadData: the outline is damaged.
    """
    shape, outline = (image.height, image.width), annotation.segmentation
    try:
        if isinstance(outline, CocoRuns):
            return from_runs(outline, shape)
        return from_polygons(outline, shape)
    except ValueError as error:
        where = f"{path}, image {image.id} ({image.file_name})"
        raise BadData(f"{where}: {error}; outline that object again, or remove it") from error


def from_polygons(polygons: Sequence[Sequence[float]], shape: Size) -> Mask:
    """The mask (H, W) of pixels that polygons cover by half or more; the first pixel spans 0 to 1.

    Raises:
        ValueError: there is no polygon, or one is no list of three points or more.
    """
    if not polygons:
        raise ValueError("an object without an outline (a box alone)")
    fine = np.zeros((shape[0] * OVERSAMPLING, shape[1] * OVERSAMPLING), np.uint8)
    for polygon in polygons:
        if len(polygon) % 2:
            raise ValueError(f"a polygon of {len(polygon)} numbers has a point without its y")
        if len(polygon) < 6:
            raise ValueError(f"a polygon of {len(polygon) // 2} points has no inside")
        corners = np.asarray(polygon).reshape(-1, 2) * OVERSAMPLING - 0.5
        cv2.fillPoly(fine, [np.rint(corners).astype(np.int32)], 255)
    return np.asarray(cv2.resize(fine, shape[::-1], interpolation=cv2.INTER_AREA) >= 128)


def from_runs(runs: CocoRuns, shape: Size) -> Mask:
    """The mask (H, W) of run lengths.

    Raises:
        ValueError: the run lengths do not fill the image, or their packed text is damaged.
    """
    counts = unpack_counts(runs.counts) if isinstance(runs.counts, str) else runs.counts
    if runs.size != shape or sum(counts) != shape[0] * shape[1] or min(counts) < 0:
        raise ValueError(f"the run lengths do not fill {size_name(shape)} pixels")
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape(shape, order="F")


def unpack_counts(text: str) -> list[int]:
    """Read the run lengths in COCO's packed text.

    A character holds five bits of a number, lowest first, and a sixth that says whether more
    follow; the fifth bit of a number's last character is the sign. From the fourth number on, each
    is the difference to the last but one.

    Raises:
        ValueError: the text holds another character.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        code = ord(character) - 48
        if not 0 <= code < 64:
            raise ValueError(f"{character!r} is no character of packed run lengths")
        value |= (code & 31) << shift
        shift += 5
        if not code & 32:
            value -= (code & 16) << (shift - 4)  # the sign bit counts negative
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value = shift = 0
    return counts


def _photograph(image: CocoImage, images: Path, annotations: Path) -> Path:
    """The file of a photograph, which must lie inside the folder `images`."""
    inside = Path(image.file_name)
    is_photograph = inside.suffix.lower() in PHOTOGRAPH_SUFFIXES
    if inside.is_absolute() or ".." in inside.parts or not is_photograph:
        raise BadData(
            f"{annotations}, image {image.id}: '{image.file_name}' is no photograph inside "
            f"{images}; restore the file"
        )
    photograph = find(images / inside.parent, inside.name)
    if not photograph.is_file():
        raise Missing(f"{photograph}: no such photograph; name its folder with --images")
    return photograph


def _write(photograph: Path, image: CocoImage, mask: Mask, out: Path, size: Size | None) -> None:
    picture = read_image(photograph)
    if picture.shape[:2] != mask.shape:
        raise other_size(photograph, "annotated as", mask.shape, photograph)
    name = f"{image.id:012d}"
    target = out / "train" / f"{name}{photograph.suffix.lower()}"
    content = photograph.read_bytes()
    if size is not None:
        target = target.with_suffix(".jpg")
        content = simplejpeg.encode_jpeg(resized(picture, size), JPEG_QUALITY, "RGB", "444")
        mask = resized(mask.astype(np.uint8) * 255, size) >= 128
    write_mask(out / "train_masks" / f"{name}_mask.gif", mask)
    write_bytes(target, content)
