"""Build the web application: the page, cut-outs, masks, and facts about the model."""

import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from fastapi import Depends, FastAPI
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from bench.config.refinement import DEFAULT_STEPS
from bench.cutout.cutout import BATCH
from bench.cutout.model import Model
from bench.cutout.photographs import MAX_PIXELS
from bench.serve.access import BEARER, Access
from bench.serve.endpoints import PhotographTask, cut_out_batch, router
from bench.serve.errors import add_errors, described
from bench.serve.guard import MAX_BODY_BYTES, Guard
from bench.serve.queue import BatchQueue

PAGE_FOLDER = Path(__file__).parent / "page"
PAGE_FILES = {  # path -> file and type; no other file is ever sent
    "/": ("index.html", "text/html; charset=utf-8"),
    "/docs": ("docs.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/docs.js": ("docs.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
MAX_WAITING = 16  # photographs that may wait for their turn
LIMIT_S = 60.0  # from the arrival of a photograph to its result


class Health(BaseModel):
    """Whether the server works, and how busy it is."""

    status: Literal["ok"]
    waiting: int
    uptime_s: float


def make_app(
    model: Model,
    access: Access | None = None,
    *,
    max_waiting: int = MAX_WAITING,
    limit_s: float = LIMIT_S,
) -> FastAPI:
    """Return the application around a model in memory.

    Args:
        access: of a server that other machines reach.
    """
    pool = ThreadPoolExecutor(2, "images")
    queue: BatchQueue[PhotographTask, Any] = BatchQueue(
        lambda tasks: cut_out_batch(model, tasks, pool),
        lambda task: task.pixels,
        max_weight=MAX_PIXELS,
        max_batch=BATCH,
        max_waiting=max_waiting,
        limit_s=limit_s,
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await queue.end()
        pool.shutdown()

    app = FastAPI(
        title="carvana-bench",
        summary="Cuts cars out of photographs.",
        version="1",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        responses=described(403, 413, 429 if access else 400),  # of the guard, whatever is asked
    )
    app.state.queue = queue
    app.add_middleware(Guard, access=access)
    add_errors(app)
    _add_files(app)
    closed: dict[str, Any] = (
        {"responses": described(401), "dependencies": [Depends(BEARER)]} if access else {}
    )
    app.include_router(router, **closed)
    _add_about(app, queue, model, closed)
    return app


def _add_about(
    app: FastAPI,
    queue: BatchQueue[PhotographTask, Any],
    model: Model,
    closed: dict[str, Any],
) -> None:
    """Add the paths that say how the server is, to everybody, and what its model is.

    Args:
        closed: how a path is described that asks for a token.
    """
    began = time.monotonic()
    manifest = model.manifest
    about = {
        "suite": manifest.suite,
        "entry": manifest.entry,
        "rule": manifest.rule,
        "parameters": manifest.parameters,
        "members": [
            {
                "name": member.name,
                "size": member.size,
                "weights_sha256": [part.weights_sha256 for part in member.parts],
            }
            for member in manifest.members
        ],
        "dice": manifest.dice,
        "steps": [
            {"name": name, "title": step.title, "text": step.describe()}
            for name, step in DEFAULT_STEPS.items()
        ],
        "limits": {"bytes": MAX_BODY_BYTES, "pixels": MAX_PIXELS},
    }

    @app.get("/health", summary="Whether it works", responses=described(503))
    async def health() -> Health:
        """How many photographs wait; 503 while the server stops, or when it needs a restart."""
        if queue.stopping or queue.stuck:
            raise HTTPException(503, "stopping" if queue.stopping else "stuck; restart it")
        return Health(status="ok", waiting=queue.waiting, uptime_s=time.monotonic() - began)

    @app.get("/model", summary="What the model is", **closed)
    async def about_model() -> dict[str, Any]:
        """Entry, rule, members, hashes of their weights, steps that can be asked for, limits."""
        return about


def _add_files(app: FastAPI) -> None:
    for path, (name, kind) in PAGE_FILES.items():
        answer = Response((PAGE_FOLDER / name).read_bytes(), media_type=kind)
        app.add_api_route(path, _send(answer), include_in_schema=False, response_model=None)


def _send(answer: Response) -> Callable[[], Response]:
    def send() -> Response:
        return answer

    return send
