"""What can be asked of the server: the page, cut-outs, masks, and what the model is."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import quote

from fastapi import FastAPI, File, Form, Request, UploadFile
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartParser
from starlette.responses import Response

from bench import photographs, rle
from bench.cutout import BATCH, Background, Seen, look
from bench.exported import Model
from bench.photographs import MOST_PIXELS
from bench.serve.answers import ERRORS, add_errors
from bench.serve.desk import Desk
from bench.serve.guard import MOST_BYTES, Guard
from bench.serve.layers import Layers, layers, mask_png
from bench.switches import SWITCHES

PAGE = Path(__file__).parent / "page"
FILES = {  # path -> file and type: the only files that are ever sent
    "/": ("index.html", "text/html; charset=utf-8"),
    "/docs": ("docs.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/docs.js": ("docs.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
WAITING = 16  # photographs that may wait for their turn
LIMIT_S = 60.0  # for a photograph, from its arrival to its result
GONE_S = 0.5  # how often a waiting client is asked whether it is still there
Answer = TypeVar("Answer")


class Runs(BaseModel):
    """A mask as Kaggle's run-length text: pairs of start (from 1) and length, row by row."""

    width: int
    height: int
    rle: str


class Health(BaseModel):
    """Whether the server works, and how busy it is."""

    status: Literal["ok"]
    waiting: int
    uptime_s: float


@dataclass(frozen=True)
class Work:
    """A photograph, and what is to be made of it."""

    content: bytes
    pixels: int
    steps: Sequence[str]
    finish: Callable[[Seen], Any]


Upload = Annotated[UploadFile, File(description="JPEG, PNG, WebP or GIF, up to 20 MiB")]
Steps = Annotated[
    list[str],
    Form(
        description="What is done to the map before the car is cut out; see GET /model",
        json_schema_extra={"items": {"type": "string", "enum": list(SWITCHES)}},
    ),
]
BACKGROUND = r"^(transparent|white|blur|image|#[0-9a-fA-F]{6})$"


def make_app(model: Model, *, waiting: int = WAITING, limit_s: float = LIMIT_S) -> FastAPI:
    """The application around a model in memory."""
    MultiPartParser.spool_max_size = 2 * MOST_BYTES  # uploads stay in memory: none touches a disk
    pool = ThreadPoolExecutor(2, "pictures")
    desk: Desk[Work, Any] = Desk(
        lambda works: _do(model, works, pool), lambda work: work.pixels,
        most=MOST_PIXELS, batch=BATCH, room=waiting, limit_s=limit_s,
    )  # fmt: skip

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await desk.end()
        pool.shutdown()

    app = FastAPI(
        title="carvana-bench", summary="Cuts cars out of photographs.", version="1",
        docs_url=None, redoc_url=None, lifespan=lifespan,
    )  # fmt: skip
    app.state.desk = desk
    app.add_middleware(Guard)
    add_errors(app)
    _add_files(app)
    _add_cutting(app, desk)
    _add_about(app, desk, model)
    return app


def _do(model: Model, works: Sequence[Work], pool: ThreadPoolExecutor) -> list[Any]:
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


def _add_cutting(app: FastAPI, desk: Desk[Work, Any]) -> None:
    @app.post(
        "/cutout", summary="Cut the car out", response_class=Response,
        responses={200: {"content": {"image/png": {}}, "description": "PNG"}, **ERRORS},
    )  # fmt: skip
    async def cutout(
        request: Request,
        photograph: Upload,
        steps: Steps = [],  # noqa: B006 (FastAPI copies it)
        background: Annotated[
            str, Form(pattern=BACKGROUND, description="transparent, white, blur, #rrggbb, or image")
        ] = "transparent",
        background_image: Annotated[
            UploadFile | None, File(description="The picture of the background named image")
        ] = None,
    ) -> Response:
        """The car alone, upright and in the photograph's own size, as a PNG with alpha.

        On any background but transparent the PNG is opaque.
        """
        behind = await _behind(background, background_image)
        content = await _ask(
            request, desk, photograph, steps, lambda seen: seen.picture(behind, "png")
        )
        name = quote(Path(photograph.filename or "photograph").stem[:100], safe="")
        shown = f"inline; filename=\"cutout.png\"; filename*=UTF-8''{name}.png"
        return Response(content, media_type="image/png", headers={"content-disposition": shown})

    @app.post(
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
            content = await _ask(request, desk, photograph, steps, mask_png)
            return Response(content, media_type="image/png")
        runs: Runs = await _ask(request, desk, photograph, steps, _runs)
        return runs

    @app.post("/layers", summary="All that the page shows", responses=ERRORS)
    async def all_layers(request: Request, photograph: Upload, steps: Steps = []) -> Layers:  # noqa: B006
        """Cut-out, mask, disagreement of the members, blurred background, and numbers."""
        began = time.monotonic()
        found: Layers = await _ask(
            request, desk, photograph, steps, lambda seen: layers(seen, began)
        )
        return found


def _runs(seen: Seen) -> Runs:
    height, width = seen.map.shape
    return Runs(width=width, height=height, rle=rle.encode_map(seen.map))


async def _behind(name: str, image: UploadFile | None) -> Background:
    if name != "image":
        return Background.named(name)
    if image is None:
        raise HTTPException(422, "background_image: wanted for the background image")
    content = await image.read()
    photographs.pixel_count(content)
    return Background("image", image=await asyncio.to_thread(photographs.read, content))


async def _ask(
    request: Request,
    desk: Desk[Work, Any],
    upload: UploadFile,
    steps: Sequence[str],
    finish: Callable[[Seen], Any],
) -> Any:
    """The result of a photograph, once it is its turn; a client that has gone frees its place."""
    strangers = sorted(set(steps) - SWITCHES.keys())
    if strangers:
        raise HTTPException(422, f"steps: no {strangers[0]!r}, only {', '.join(SWITCHES)}")
    content = await upload.read()
    work = Work(content, photographs.pixel_count(content), steps, finish)
    asked = asyncio.create_task(desk.ask(work))
    while not asked.done():
        await asyncio.wait([asked], timeout=GONE_S)
        if not asked.done() and await request.is_disconnected():
            asked.cancel()
            raise HTTPException(400, "the client has gone")
    return asked.result()


def _add_about(app: FastAPI, desk: Desk[Work, Any], model: Model) -> None:
    began = time.monotonic()
    manifest = model.manifest
    about = {
        "suite": manifest.suite,
        "entry": manifest.entry,
        "rule": manifest.rule,
        "parameters": manifest.parameters,
        "members": [
            {"name": member.name, "size": member.size,
             "weights_sha256": [part.weights_sha256 for part in member.parts]}
            for member in manifest.members
        ],
        "dice": manifest.dice,
        "steps": [
            {"name": name, "title": switch.title, "text": switch.text}
            for name, switch in SWITCHES.items()
        ],
        "limits": {"bytes": MOST_BYTES, "pixels": MOST_PIXELS},
    }  # fmt: skip

    @app.get("/health", summary="Whether it works", responses={503: ERRORS[503]})
    async def health() -> Health:
        """How many photographs wait; 503 while the server stops, or when it needs a restart."""
        if desk.stopping or desk.stuck:
            raise HTTPException(503, "stopping" if desk.stopping else "stuck; restart it")
        return Health(status="ok", waiting=desk.waiting, uptime_s=time.monotonic() - began)

    @app.get("/model", summary="What the model is")
    async def about_model() -> dict[str, Any]:
        """Entry, rule, members, hashes of their weights, steps that can be asked for, limits."""
        return about


def _add_files(app: FastAPI) -> None:
    for path, (name, kind) in FILES.items():
        answer = Response((PAGE / name).read_bytes(), media_type=kind)
        app.add_api_route(path, _sender(answer), include_in_schema=False, response_model=None)


def _sender(answer: Response) -> Callable[[], Response]:
    def send() -> Response:
        return answer

    return send
