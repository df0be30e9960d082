"""Who may ask a server that other machines reach: who sends the token, so many times a minute."""

import base64
import hmac
import ipaddress
import time
from collections import Counter
from pathlib import Path

from fastapi.security import HTTPBearer
from starlette.datastructures import Headers
from starlette.responses import JSONResponse

from bench.serve.errors import error_response
from bench.system.errors import BadConfig, BadFile
from bench.system.files import read_text

MIN_TOKEN = 16  # characters: nobody guesses so many, at so many tries a minute
MAX_TOKEN = 1024
ASKED_A_MINUTE = 300  # by one address
WRONG_A_MINUTE = 10  # tokens, from one address
OPEN = "/health"  # tells nothing but how many wait; asked by those who restart the server
CLOSE = {"connection": "close"}  # otherwise the rest of the body would still be read
BEARER = HTTPBearer(  # refuses nobody: it is the API's description of what `Access` asks for
    auto_error=False,
    description="The token of the server's --token-file; from a browser, the password.",
)
MAKE_ONE = "python3 -c 'import secrets; print(secrets.token_hex())' > FILE"


class Access:
    """The token of a server, and how often each address asked within this minute.

    Args:
        token: sent as `Authorization: Bearer TOKEN`, or as the password of any name, for which a
            browser asks.
    """

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        self._minute = 0.0
        self._asked, self._wrong = Counter[str](), Counter[str]()

    def refusal(self, headers: Headers, client: str, path: str) -> JSONResponse | None:
        """Return the refusal of a request that its headers say; None: it may be answered."""
        self._begin_minute()
        self._asked[client] += 1
        if self._asked[client] > ASKED_A_MINUTE or self._wrong[client] >= WRONG_A_MINUTE:
            wait = {"retry-after": str(60 - int(time.monotonic() % 60))}
            return error_response(429, "asked too often; wait a minute", CLOSE | wait)
        sent = _sent(headers.get("authorization", ""))
        if path == OPEN or hmac.compare_digest(sent, self._token):
            return None
        self._wrong[client] += bool(sent)
        asks = {"www-authenticate": 'Basic realm="carvana-bench", charset="UTF-8"'}
        reason = "wrong token" if sent else "send the token: Authorization: Bearer TOKEN"
        return error_response(401, reason, CLOSE | asks)

    def _begin_minute(self) -> None:
        minute = time.monotonic() // 60
        if minute != self._minute:
            self._minute = minute
            self._asked.clear()
            self._wrong.clear()


def _sent(authorization: str) -> bytes:
    """Return the token in the header of a request; empty: there is none."""
    kind, _, value = authorization.partition(" ")
    if kind.lower() == "bearer":
        return value.strip().encode()
    if kind.lower() != "basic":
        return b""
    try:
        return base64.b64decode(value, validate=True).partition(b":")[2]
    except ValueError:  # no base64, and no token, which is longer
        return b"?"


def open_access(host: str, token_file: Path | None) -> Access | None:
    """Return the access of a server on an address; None where this machine alone can ask.

    Raises:
        BadConfig: other machines could ask, and there is no token.
        BadFile: the file holds no token that is long enough.
    """
    if token_file is None:
        if is_loopback(host):
            return None
        raise BadConfig(
            f"--host {host}: other machines could ask there, so name a --token-file; make one by "
            f"{MAKE_ONE}"
        )
    token = read_text(token_file, f"make it by {MAKE_ONE}").strip()
    if not (MIN_TOKEN <= len(token) <= MAX_TOKEN and token.isascii() and token.isprintable()):
        what = f"no token: {MIN_TOKEN} to {MAX_TOKEN:,} letters, digits or signs on one line"
        raise BadFile(token_file, what, f"make it by {MAKE_ONE}")
    return Access(token)


def is_loopback(host: str) -> bool:
    """Whether an address, or the name localhost, is one that this machine alone can ask."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
