"""What TrueFoundry's client asks before anything else: which releases are served, the tenant, and who it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import Response

from registry_tool.server.http.faces import JsonResponse, current_subject
from registry_tool.server.truefoundry.lookup import read_tenant
from registry_tool.server.truefoundry.render import render_subject, write_subject

if TYPE_CHECKING:
    from registry_tool.server.service import Service

__all__ = ["Session"]

_OLDEST: Final = "0.5.0"  # of the client's releases, the oldest with the prefix /api/svc/v1


class Session:
    """The calls, over a service.

    Args:
        service: What they answer from.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    async def get_oldest_release(self, _: Request) -> Response:
        """``GET min-cli-version``."""
        said = {
            "minVersion": _OLDEST,
            "truefoundryCliMinVersion": _OLDEST,
            "useSFYServerAuthAPIs": True,
        }
        return JsonResponse(said)

    async def get_tenant(self, _: Request) -> Response:
        """``GET tenant-id``."""
        tenant = read_tenant(self._service.snapshot)
        return JsonResponse({"tenantName": tenant, "auth_server_url": self._service.public_url})

    async def get_session(self, request: Request) -> Response:
        """``GET session``."""
        subject = current_subject(request)
        tenant = read_tenant(self._service.snapshot)
        shown = render_subject(write_subject(subject), subject.name)
        user = {**shown, "email": subject.email, "tenantName": tenant}
        return JsonResponse({"user": user, "tenantInfo": {"tenantName": tenant}})
