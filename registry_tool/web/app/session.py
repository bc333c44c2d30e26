"""Whether a form was sent by the page that it is on: its origin, and a token that only that page has."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from registry_tool.errors import ForbiddenError

__all__ = ["FormTokens", "check_origin"]

_COOKIE: Final = "registry_form"
_VALUE: Final = re.compile(r"[0-9a-f]{32}")


def check_origin(request: Request) -> None:
    """Check that a form was sent by a page of this server; browsers say so with every POST.

    Raises:
        ForbiddenError: It was not.
    """
    origin = request.headers.get("origin", "")
    if not origin or origin.partition("://")[2] != request.headers.get("host", ""):
        raise ForbiddenError("forms are accepted only from pages of this server")


class FormTokens:
    """Tokens of forms, made of a cookie and a key of this process: nothing is stored."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def _cookie(self, request: Request) -> str:
        found = request.cookies.get(_COOKIE, "")
        return found if _VALUE.fullmatch(found) else ""

    def _token(self, cookie: str) -> str:
        return hmac.new(self._key, cookie.encode(), hashlib.sha256).hexdigest()

    def give(self, request: Request) -> tuple[str, str]:
        """The cookie of a browser, new where it has none, and the token of its forms."""
        cookie = self._cookie(request) or secrets.token_hex(16)
        return cookie, self._token(cookie)

    def is_valid(self, request: Request, token: str) -> bool:
        """True for a token that this process gave to this browser."""
        cookie = self._cookie(request)
        return bool(cookie) and hmac.compare_digest(self._token(cookie), token)

    @staticmethod
    def keep(response: Response, cookie: str, *, is_secure: bool) -> None:
        """Give the browser its cookie."""
        response.set_cookie(
            _COOKIE, cookie, httponly=True, samesite="strict", secure=is_secure, path="/"
        )
