"""Entity tags: an answer that a client has already is 304, before it is made again (RFC 9110, 8.8.3 and 13.1.2).

An answer of a protocol follows from the served commit, the request's address and its subject. The tag is made of these, not
of the answer, so that a list of any length costs nothing where nothing has changed.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from registry_tool._version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from registry_tool.access.subjects import Subject
    from registry_tool.server.faces import Face

__all__ = ["EntityTags"]

_OK: Final = 200
_CACHING: Final = (b"cache-control", b"private, no-cache")
_VARYING: Final = (b"vary", b"Authorization")


def _matches(asked: Iterable[bytes], tag: bytes) -> bool:
    """True if one of the tags of ``If-None-Match`` is the tag; they are compared weakly."""
    return any(one.strip().removeprefix(b"W/") == tag for one in asked)


class EntityTags:
    """Adds entity tags to answers that read the published state.

    Args:
        app: The routes.
        faces: The protocols; one without prefixes has no tags, because it shows more than the published state.
        commit: Returns the commit that is served.
        address: Returns the address that clients use, which some answers contain.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        faces: Sequence[Face],
        commit: Callable[[], str],
        address: Callable[[], str],
    ) -> None:
        self._app = app
        self._commit = commit
        self._address = address
        self._prefixes = tuple(f"{p}/" for face in faces for p in face.prefixes)
        self._files = tuple(path for face in faces for path in face.stream_paths)

    def _is_tagged(self, scope: Scope) -> bool:
        path: str = scope["path"]
        return (
            scope["method"] in {"GET", "HEAD"}
            and path.startswith(self._prefixes)
            and not path.startswith(self._files)
        )

    def _tag(self, subject: Subject | None) -> bytes:
        words = f"{VERSION} {self._address()} {self._commit()} {subject!r}"
        digest = hashlib.blake2b(words.encode(), digest_size=12).hexdigest()
        return f'"{digest}"'.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI, https://asgi.readthedocs.io/en/latest/specs/www.html."""
        if scope["type"] != "http" or not self._is_tagged(scope):
            await self._app(scope, receive, send)
            return
        # Taken first: while an answer is made, the state can only become newer, and then the tag only costs a request.
        tag = self._tag(scope["state"]["subject"])
        headers = [(b"etag", b"W/" + tag), _CACHING, _VARYING]
        asked = (value for key, value in scope["headers"] if key == b"if-none-match")
        if _matches((one for value in asked for one in value.split(b",")), tag):
            await send({"type": "http.response.start", "status": 304, "headers": headers})
            await send({"type": "http.response.body"})
            return

        async def send_tagged(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == _OK:
                own = list(message.get("headers", ()))
                if not any(key == b"etag" for key, _ in own):  # a protocol may know a better one
                    message = {**message, "headers": [*own, *headers]}
            await send(message)

        await self._app(scope, receive, send_tagged)
