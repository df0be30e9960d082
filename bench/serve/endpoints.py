"""What is asked of the server about a photograph: its cut-out, its mask, and all that is shown."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import quote

from fastapi import APIRouter, File, Form, Request, UploadFile
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from bench.config.refinement import DEFAULT_STEPS
from bench.cutout import photographs
from bench.cutout.background import Background
from bench.cutout.cutout import Seen, look
from bench.cutout.model import Model
from bench.masks import rle
from bench.serve.errors import ERRORS
from bench.serve.layers import Layers, layers, mask_png
from bench.serve.queue import Desk

GONE_S = 0.5  # how often a waiting client is asked whether it is still there
BACKGROUND = r"^(transparent|white|blur|image|#[0-9a-fA-F]{6})$"
Answer = TypeVar("Answer")
router = APIRouter()

Upload = Annotated[UploadFile, File(description="JPEG, PNG, WebP or GIF, up to 20 MiB")]
Steps = Annotated[
    list[str],
    Form(
        description="What is done to the map before the car is cut out; see GET /model",
        json_schema_extra={"items": {"type": "string", "enum": list(DEFAULT_STEPS)}},
    ),
]
BackgroundWorkers = Annotated[
    str, Form(pattern=BACKGROUND, description="transparent, white, blur, #rrggbb, or image")
]
Picture = Annotated[
    UploadFile | None, File(description="The picture of the background named image")
]


class Runs(BaseModel):
    """A mask as Kaggle's run-length text: pairs of start (from 1) and length, row by row."""

    width: int
    height: int
    rle: str


@dataclass(frozen=True)
class Work:
    """A photograph, and what is to be made of it."""

    content: bytes
    pixels: int
    steps: Sequence[str]
    finish: Callable[[Seen], Any]


@router.post(
    "/cutout", summary="Cut the car out", response_class=Response,
    responses={200: {"content": {"image/png": {}}, "description": "PNG"}, **ERRORS},
)  # fmt: skip
async def cutout(
    request: Request,
    photograph: Upload,
    steps: Steps = [],  # noqa: B006 (FastAPI copies it)
    background: BackgroundWorkers = "transparent",
    background_image: Picture = None,
) -> Response:
    """The car alone, upright and in the photograph's own size, as a PNG with alpha.

    On any background but transparent the PNG is opaque.
    """
    behind = await _behind(background, background_image)
    content = await _ask(request, photograph, steps, lambda seen: seen.picture(behind(), "png"))
    name = quote(Path(photograph.filename or "photograph").stem[:100], safe="")
    shown = f"inline; filename=\"cutout.png\"; filename*=UTF-8''{name}.png"
    return Response(content, media_type="image/png", headers={"content-disposition": shown})


@router.post(
    "/mask", summary="The car's mask", response_model=None,
    responses={200: {"content": {"image/png": {}}, "description": "PNG, or run lengths",
                     "model": Runs}, **ERRORS},
)  # fmt: skip
async def mask(
    request: Request,
    photograph: Upload,
    steps: Steps = [],  # noqa: B006
    format: Annotated[Literal["png", "rle"], Form(description="of the answer")] = "png",
) -> Response | Runs:
    """White on black as a PNG, or Kaggle's run-length text in JSON."""
    if format == "png":
        content = await _ask(request, photograph, steps, mask_png)
        return Response(content, media_type="image/png")
    return await _ask(request, photograph, steps, _runs)


@router.post("/layers", summary="All that the page shows", responses=ERRORS)
async def all_layers(request: Request, photograph: Upload, steps: Steps = []) -> Layers:  # noqa: B006
    """Cut-out, mask, disagreement of the members, blurred background, and numbers."""
    began = time.monotonic()
    return await _ask(request, photograph, steps, lambda seen: layers(seen, began))


def _runs(seen: Seen) -> Runs:
    height, width = seen.map.shape
    return Runs(width=width, height=height, rle=rle.encode_map(seen.map))


async def _behind(name: str, image: UploadFile | None) -> Callable[[], Background]:
    """What makes the background, once the photograph has its turn; a picture is not decoded yet."""
    if name != "image":
        return lambda: Background.named(name)
    if image is None:
        raise HTTPException(422, "background_image: wanted for the background image")
    content = await image.read()
    photographs.pixel_count(content)
    return lambda: Background("image", image=photographs.read(content))


async def _ask(
    request: Request,
    upload: UploadFile,
    steps: Sequence[str],
    finish: Callable[[Seen], Answer],
) -> Answer:
    """The result of a photograph, once it is its turn; a client that has gone frees its place."""
    strangers = sorted(set(steps) - DEFAULT_STEPS.keys())
    if strangers:
        raise HTTPException(422, f"steps: no {strangers[0]!r}, only {', '.join(DEFAULT_STEPS)}")
    content = await upload.read()
    work = Work(content, photographs.pixel_count(content), steps, finish)
    desk: Desk[Work, Answer] = request.app.state.desk
    asked = asyncio.create_task(desk.ask(work))
    while not asked.done():
        await asyncio.wait([asked], timeout=GONE_S)
        if not asked.done() and await request.is_disconnected():
            asked.cancel()
            raise HTTPException(400, "the client has gone")
    return asked.result()


def do(model: Model, works: Sequence[Work], pool: ThreadPoolExecutor) -> list[Any]:
    """Results of works, or what is wrong with each."""
    read = list(pool.map(lambda work: _or_error(photographs.read, work.content), works))
    good = [(work, one) for work, one in zip(works, read, strict=True)
            if not isinstance(one, Exception)]  # fmt: skip
    seen = look(model, [one for _, one in good], [work.steps for work, _ in good]) if good else []
    finished = iter(pool.map(
        lambda pair: _or_error(pair[0].finish, pair[1]),
        [(work, one) for (work, _), one in zip(good, seen, strict=True)],
    ))  # fmt: skip
    return [one if isinstance(one, Exception) else next(finished) for one in read]


def _or_error(function: Callable[[Any], Answer], given: Any) -> Answer | Exception:
    try:
        return function(given)
    except Exception as error:
        return error
