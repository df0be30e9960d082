"""What can be asked of the server: the page, cut-outs, masks, and what the model is."""

import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from fastapi import FastAPI
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from bench.config.refinement import DEFAULT_STEPS
from bench.cutout.cutout import BATCH
from bench.cutout.model import Model
from bench.cutout.photographs import MOST_PIXELS
from bench.serve.endpoints import Work, do, router
from bench.serve.errors import ERRORS, add_errors
from bench.serve.guard import MOST_BYTES, Guard
from bench.serve.queue import Desk

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


class Health(BaseModel):
    """Whether the server works, and how busy it is."""

    status: Literal["ok"]
    waiting: int
    uptime_s: float


def make_app(model: Model, *, waiting: int = WAITING, limit_s: float = LIMIT_S) -> FastAPI:
    """The application around a model in memory."""
    pool = ThreadPoolExecutor(2, "pictures")
    desk: Desk[Work, Any] = Desk(
        lambda works: do(model, works, pool), lambda work: work.pixels,
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
    app.include_router(router)
    _add_about(app, desk, model)
    return app


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
            {"name": name, "title": step.title, "text": step.describe()}
            for name, step in DEFAULT_STEPS.items()
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
