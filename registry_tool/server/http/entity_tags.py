"""ETags of reads: what a read answers follows from its URL, who asks and the state that they see."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from starlette.responses import Response, StreamingResponse

if TYPE_CHECKING:
    from starlette.requests import Request

    from registry_tool.access.subjects import Subject
    from registry_tool.server.http.faces import Handler
    from registry_tool.server.service import Service
    from registry_tool.server.views import SubjectView

__all__ = ["make_entity_tag", "tag_reads"]


@lru_cache(maxsize=256)
def make_entity_tag(mark: str, subject: Subject) -> str:
    """The ETag of all reads of a subject in a state; a client sends one back to the URL that it came from.

    Args:
        mark: Of the state; see ``SubjectView``.
        subject: Who asks.
    """
    said = f"{mark} {subject}".encode()
    return f'"{hashlib.blake2b(said, digest_size=12).hexdigest()}"'


def tag_reads(
    handler: Handler,
    service: Service,
    begin: Callable[[Request], tuple[SubjectView, Subject]],
) -> Handler:
    """A handler of GET whose answers have an ETag, and are kept until the registry changes.

    Args:
        handler: The handler; its answer must follow from the URL, the subject and the state alone.
        service: The registry.
        begin: Gives the state that a request is answered from, to the handler too, and who asks.
    """

    async def answer(request: Request) -> Response:
        view, subject = begin(request)
        tag = make_entity_tag(view.mark, subject)
        headers = {"ETag": tag, "Vary": "Authorization"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        response = await handler(request)
        response.headers.update(headers)
        if not isinstance(response, StreamingResponse):
            service.keep_answer(request.scope, subject, view.snapshot, response)
        return response

    return answer
