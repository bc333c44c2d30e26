"""The app as a face of the server: it owns every path."""

from __future__ import annotations

from registry_tool.server.http.faces import Face, Handler, route, word_errors
from registry_tool.server.http.guard import failure_for
from registry_tool.server.service import Service
from registry_tool.web.app.answers import render_failure
from registry_tool.web.app.handlers import AppHandlers
from registry_tool.web.app.state import PageState

__all__ = ["build_face"]


def build_face(service: Service, ref: str = "") -> Face:
    """The pages and forms of a service.

    Args:
        service: The service.
        ref: A revision whose pages are shown, without forms; empty for the newest state.

    Raises:
        NotFoundError: There is no such revision.
    """
    shown = service.registry.repository.commit(ref) if ref else ""
    state = PageState(
        service.registry.repository.source,
        lambda: shown or service.snapshot.commit,
        has_acts=service.writes,
    )
    service.on_closing(state.close)
    app = AppHandlers(service, state)

    def worded(handler: Handler) -> Handler:
        return word_errors(handler, lambda error: render_failure(failure_for(error)))

    model = "/-/{act}/{namespace}/{model}"
    forms = {"get": worded(app.show_form), "post": worded(app.take_form)}
    return Face(
        name="ui",
        prefixes=("",),
        routes=[
            route("/-/commit/{commit}", render_failure, get=worded(app.show_commit)),
            route(model, render_failure, **forms),
            route(f"{model}/{{version}}", render_failure, **forms),
            route("/{path:path}", render_failure, get=worded(app.show_page)),
        ],
        render_error=render_failure,
        media_types=frozenset({"application/x-www-form-urlencoded"}),
    )
