"""Starting the app: the server of ``registry serve`` with the app as its only face."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from registry_tool.server.protocols import ServerOptions, run_server
from registry_tool.server.service import Service
from registry_tool.web.app.face import build_face

__all__ = ["run_ui"]


def run_ui(
    source: str | Path,
    options: ServerOptions,
    *,
    ref: str = "",
    on_started: Callable[[Service], None],
) -> None:
    """Serve the pages and forms of a registry until the process gets SIGINT or SIGTERM.

    Args:
        source: A folder of the registry, a checkout or a bare repository; or a URL as text.
        options: How; no protocol is spoken.
        ref: A revision whose pages are shown, without forms; empty for the newest state of the branch.
        on_started: Called when the first request can be made.

    Raises:
        UsageError: An option does not fit.
        NotFoundError: There is no such revision.
        OperationalError: The registry cannot be read or written, or the port is in use.
    """
    run_server(
        source,
        replace(options, protocols=(), service=replace(options.service, read_only=bool(ref))),
        on_started=lambda service, _: on_started(service),
        build_faces=lambda service, _: [build_face(service, ref)],
    )
