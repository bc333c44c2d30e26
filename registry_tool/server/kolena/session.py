"""The exchange of a token, and the events that the client reports, which are answered and not kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import Response

from registry_tool.live.parts import decode
from registry_tool.manifests.data import text
from registry_tool.server.http.faces import JsonResponse, current_authenticator
from registry_tool.server.kolena.bodies import LoginBody, read_body

if TYPE_CHECKING:
    from registry_tool.server.service import Service

__all__ = ["Session"]

_TENANT: Final = "registry"
_DONE: Final[Mapping[str, str]] = {}


class Session:
    """The calls, over a service.

    Args:
        service: What they answer from.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    async def log_in(self, request: Request) -> Response:
        """``PUT token/login``: the access token is the token itself, so that one which is revoked ends at once."""
        body = await read_body(request, LoginBody)
        authenticator = current_authenticator(request)
        await authenticator.wait(f"Bearer {body.api_token}")
        authenticator.find_subject(body.api_token)
        tenant = text(decode(self._service.snapshot.settings), "name") or _TENANT
        return JsonResponse(
            {"tenant": tenant, "access_token": body.api_token, "token_type": "bearer"}
        )

    async def ignore(self, _: Request) -> Response:
        """``PUT event/profile``, ``POST event``, ``POST client-log/upload``."""
        return JsonResponse(_DONE)
