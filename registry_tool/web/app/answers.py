"""Answers of the app: pages with their headers."""

from __future__ import annotations

import hashlib
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from registry_tool.server.http.faces import Failure
from registry_tool.web.app.state import PageFile
from registry_tool.web.pages.environment import POLICY, load_templates

__all__ = ["answer_file", "answer_page", "render_failure"]

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".xml": "application/atom+xml; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
}
_HEADERS: Final = {
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_YEAR: Final = "public, max-age=31536000, immutable"
_NO_SITE: Final = "registry"
_TITLES: Final = {
    "not_found": "Not found",
    "unauthenticated": "Log in",
    "forbidden": "Not allowed",
    "busy": "Too many requests",
    "unavailable": "Not available now",
    "internal": "The server failed",
}


def answer_file(request: Request, file: PageFile) -> Response:
    """A file of the site, or that the browser has it already."""
    suffix = f".{file.path.rpartition('.')[2]}"
    tag = f'"{hashlib.sha256(file.content).hexdigest()[:32]}"'
    headers = {**_HEADERS, "ETag": tag, "Cache-Control": _YEAR if file.is_fixed else "no-cache"}
    if not file.is_fixed:
        headers["Vary"] = "Authorization"
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    headers["Content-Type"] = _TYPES.get(suffix, "application/octet-stream")
    return Response(file.content, headers=headers)


def answer_page(template: str, *, status: int = 200, **values: object) -> Response:
    """A page of the app alone, which is never kept.

    Args:
        template: Its file in ``templates/web/app/``.
        status: Of HTTP.
        values: The names for the template.
    """
    html = load_templates().render_html(f"app/{template}", "", **values)
    headers = {**_HEADERS, "Cache-Control": "no-store", "Content-Type": _TYPES[".html"]}
    return Response(html, status, headers)


def render_failure(failure: Failure) -> Response:
    """A page that says why a request is not answered."""
    title = _TITLES.get(failure.code, "This did not work")
    message, _, remedy = failure.message.partition("\n")
    return answer_page(
        "failure.html", status=failure.status, site=_NO_SITE, heading=title, message=message, remedy=remedy,
    )  # fmt: skip
