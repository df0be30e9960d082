"""Answer requests about a photograph: its cut-out, its mask, and all that the page shows."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import quote

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from bench.config.refinement import DEFAULT_STEPS
from bench.cutout import photographs
from bench.cutout.background import NAMES, Background
from bench.cutout.cutout import Segmented, segment
from bench.cutout.model import Model
from bench.masks import rle
from bench.serve.errors import described
from bench.serve.guard import MAX_BODY_BYTES
from bench.serve.layers import Layers, layers, mask_png
from bench.serve.queue import BatchQueue
from bench.system.errors import BadData

DISCONNECT_CHECK_S = 0.5  # between checks whether the client is still there
OWN_PICTURE = "image, with a picture as background_image"
TaskResult = TypeVar("TaskResult")
LIMIT = f"all fields together up to {MAX_BODY_BYTES / 2**20:.0f} MiB"
Upload = Annotated[UploadFile, File(description=f"JPEG, PNG, WebP or GIF; {LIMIT}")]
StepNames = Annotated[
    list[str],
    Form(
        description="What is done to the map before the car is cut out; see GET /model",
        json_schema_extra={"items": {"type": "string", "enum": list(DEFAULT_STEPS)}},
    ),
]
BackgroundName = Annotated[str, Form(description=f"{NAMES} or {OWN_PICTURE}")]
BackgroundImage = Annotated[
    UploadFile | None, File(description=f"The picture of the background named image; {LIMIT}")
]


async def check_fields(request: Request) -> None:
    """Refuse what would be passed over: a field that the path does not take, or takes once.

    Raises:
        HTTPException: there is such a field.
    """
    known = [field.alias for field in request.scope["route"].dependant.body_params]
    sent = Counter(name for name, _ in (await request.form()).multi_items())
    for name, times in sent.items():
        if name not in known:
            raise HTTPException(422, f"no field {name[:100]!r}, only {', '.join(known)}")
        if times > 1 and name != "steps":
            raise HTTPException(422, f"{name}: sent {times} times; send one")


router = APIRouter(
    dependencies=[Depends(check_fields)], responses=described(400, 408, 413, 415, 422, 503, 504)
)


class RunLengths(BaseModel):
    """A mask as Kaggle's run-length text: pairs of start (from 1) and length, row by row."""

    width: int
    height: int
    rle: str


@dataclass(frozen=True)
class PhotographTask:
    """A photograph, the steps it takes, and the function that makes its answer."""

    content: bytes
    pixels: int
    steps: Sequence[str]
    finish: Callable[[Segmented], Any]


@router.post(
    "/cutout",
    summary="Cut the car out",
    response_class=Response,
    responses={200: {"content": {"image/png": {}}, "description": "PNG"}},
)
async def cutout(
    request: Request,
    photograph: Upload,
    steps: StepNames = [],  # noqa: B006 (FastAPI copies it)
    background: BackgroundName = "transparent",
    background_image: BackgroundImage = None,
) -> Response:
    """The car alone, upright and in the photograph's own size, as a PNG with alpha.

    On any background but transparent the PNG is opaque.
    """
    make_background = await _background_maker(background, background_image)

    def finish(segmented: Segmented) -> bytes:
        return segmented.picture(make_background(), "png")

    content = await _process(request, photograph, steps, finish)
    name = quote(Path(photograph.filename or "photograph").stem[:100], safe="", errors="replace")
    disposition = f"inline; filename=\"cutout.png\"; filename*=UTF-8''{name}.png"
    return Response(content, media_type="image/png", headers={"content-disposition": disposition})


@router.post(
    "/mask",
    summary="The car's mask",
    response_model=None,
    responses={
        200: {
            "content": {"image/png": {}},
            "description": "PNG, or run lengths",
            "model": RunLengths,
        },
    },
)
async def mask(
    request: Request,
    photograph: Upload,
    steps: StepNames = [],  # noqa: B006
    format: Annotated[Literal["png", "rle"], Form(description="of the answer")] = "png",
) -> Response | RunLengths:
    """White on black as a PNG, or Kaggle's run-length text in JSON."""
    if format == "png":
        content = await _process(request, photograph, steps, mask_png)
        return Response(content, media_type="image/png")
    return await _process(request, photograph, steps, _runs)


@router.post("/layers", summary="All that the page shows")
async def all_layers(request: Request, photograph: Upload, steps: StepNames = []) -> Layers:  # noqa: B006
    """Cut-out, mask, disagreement of the members, blurred background, and numbers."""
    began = time.monotonic()
    return await _process(request, photograph, steps, lambda segmented: layers(segmented, began))


def _runs(segmented: Segmented) -> RunLengths:
    height, width = segmented.map.shape
    return RunLengths(width=width, height=height, rle=rle.encode_map(segmented.map))


async def _background_maker(name: str, image: UploadFile | None) -> Callable[[], Background]:
    """Return what makes the background; an uploaded image is decoded only when it is called.

    Raises:
        BadConfig: there is no such background.
        HTTPException: the image is wanted and was not sent, or the other way round.
    """
    if name != "image":
        behind = Background.named(name, OWN_PICTURE)
        if image is not None:
            raise HTTPException(422, f"background_image: for background=image, not {name}")
        return lambda: behind
    if image is None:
        raise HTTPException(422, "background_image: wanted for the background image")
    content = await image.read()
    await asyncio.to_thread(_of_background, photographs.pixel_count, content)
    return lambda: Background("image", image=_of_background(photographs.read, content))


def _of_background(look: Callable[[bytes], TaskResult], content: bytes) -> TaskResult:
    """Return what is found in a background picture; errors say that they are about it."""
    try:
        return look(content)
    except BadData as error:
        raise type(error)(f"background_image: {error}") from error


async def _process(
    request: Request,
    upload: UploadFile,
    steps: Sequence[str],
    finish: Callable[[Segmented], TaskResult],
) -> TaskResult:
    """Wait for the answer of a photograph; a client that disconnects frees the photograph's place.

    Raises:
        HTTPException: a step is not known, or the client has gone.
    """
    unknown = sorted(set(steps) - DEFAULT_STEPS.keys())
    if unknown:
        raise HTTPException(422, f"steps: no {unknown[0]!r}, only {', '.join(DEFAULT_STEPS)}")
    content = await upload.read()
    pixels = await asyncio.to_thread(photographs.pixel_count, content)
    task = PhotographTask(content, pixels, steps, finish)
    queue: BatchQueue[PhotographTask, TaskResult] = request.app.state.queue
    answer = asyncio.create_task(queue.process(task))
    while not answer.done():
        await asyncio.wait([answer], timeout=DISCONNECT_CHECK_S)
        if not answer.done() and await request.is_disconnected():
            answer.cancel()
            raise HTTPException(400, "the client has gone")
    return answer.result()


def cut_out_batch(
    model: Model, tasks: Sequence[PhotographTask], pool: ThreadPoolExecutor
) -> list[Any]:
    """Return the answer of each task, or its error."""
    decoded = list(pool.map(lambda task: _or_error(photographs.read, task.content), tasks))
    valid = [
        (task, photograph)
        for task, photograph in zip(tasks, decoded, strict=True)
        if not isinstance(photograph, Exception)
    ]
    if not valid:
        return decoded
    segmented = segment(
        model, [photograph for _, photograph in valid], [task.steps for task, _ in valid]
    )
    answers = pool.map(_or_error, [task.finish for task, _ in valid], segmented)
    return [item if isinstance(item, Exception) else next(answers) for item in decoded]


def _or_error(function: Callable[[Any], TaskResult], argument: Any) -> TaskResult | Exception:
    try:
        return function(argument)
    except Exception as error:
        return error
