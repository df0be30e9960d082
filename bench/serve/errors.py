"""Headers of every answer of the server, and errors as JSON with a reason."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from bench.cutout.photographs import NoPhotograph, TooLarge
from bench.serve.queue import QueueFull, ServerStopping, TimeLimitExceeded
from bench.system.errors import BadConfig, BadData
from bench.system.progress import say
from bench.system.text import plain_fault

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
ERROR_NAMES = {
    400: "bad_request",
    401: "no_token",
    403: "other_site",
    404: "not_found",
    405: "wrong_method",
    408: "too_slow",
    413: "too_large",
    415: "no_photograph",
    422: "cannot_be_read",
    429: "too_often",
    500: "our_mistake",
    503: "busy",
    504: "took_too_long",
}


class Problem(BaseModel):
    """What went wrong."""

    error: str
    reason: str


DESCRIPTIONS = {
    400: "Not a form, or, on a server without a token, not asked for as localhost.",
    401: "Without the token, or with a wrong one.",
    403: "Asked for by another site's page.",
    408: "The body did not come in time.",
    413: "The request is over 20 MiB, or a picture over 40 megapixels.",
    415: "Neither JPEG, PNG, WebP nor GIF by its content.",
    422: "The photograph is damaged, or a field is missing or wrong.",
    429: "Asked too often within a minute, or with too many wrong tokens; see Retry-After.",
    503: "Too many photographs wait, or the server stops or hangs; see Retry-After, if any.",
    504: "Not done within the time limit.",
}


def described(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what the API's description says of errors, for FastAPI's `responses`."""
    return {status: {"model": Problem, "description": DESCRIPTIONS[status]} for status in statuses}


def error_response(status: int, reason: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return an error as JSON: a name for programs, and a reason for people."""
    content = {"error": ERROR_NAMES.get(status, "refused"), "reason": reason}
    return JSONResponse(content, status, headers)


def add_errors(app: FastAPI) -> None:
    """Have every error, ours or the framework's, answered as JSON with a reason."""
    statuses: dict[type[Exception], int] = {
        NoPhotograph: 415,
        TooLarge: 413,
        BadConfig: 422,
        BadData: 422,
        ServerStopping: 503,
        TimeLimitExceeded: 504,
    }
    for kind, status in statuses.items():
        app.add_exception_handler(kind, _handler(status))

    @app.exception_handler(QueueFull)
    async def full(request: Request, error: QueueFull) -> JSONResponse:
        return error_response(503, str(error), {"retry-after": str(error.retry_after_s)})

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        return error_response(error.status_code, str(error.detail), dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"][1:]) or "body"
        no_file = "UploadFile" in first["msg"]
        reason = f"should be a file: -F {field}=@FILE" if no_file else plain_fault(first)
        return error_response(422, f"{field}: {reason}")

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> JSONResponse:
        say(f"{request.method} {request.url.path}: {type(error).__name__}: {error}")
        return error_response(
            500, "something broke here; the server's log says what", dict(HEADERS)
        )


def _handler(status: int) -> Callable[[Request, Exception], JSONResponse]:
    headers = {"retry-after": "5"} if status == 503 else None

    def handle(request: Request, error: Exception) -> JSONResponse:
        return error_response(status, str(error), headers)

    return handle
