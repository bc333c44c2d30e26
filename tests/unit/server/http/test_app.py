"""Faces share one application: each words its own errors, also for paths that are none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from support.served_registries import with_client
from support.written_trains import bare_registry

from registry_tool.errors import UsageError
from registry_tool.server.http.faces import Face, Failure, route
from registry_tool.server.protocols import PROTOCOLS, choose_protocols
from registry_tool.server.service import Service, ServiceOptions, open_service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with open_service(bare_registry(tmp_path), ServiceOptions(read_only=True)) as found:
        yield found


def _render(failure: Failure) -> Response:
    return JSONResponse({"wire": failure.code}, failure.status)


async def _hello(request: Request) -> Response:
    return JSONResponse({"hello": request.path_params["name"]})


FACE = Face("wire", ("/api/x",), [route("/api/x/{name}", _render, get=_hello)], _render)


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/api/x/ada", 200, {"hello": "ada"}),
        ("POST", "/api/x/ada", 405, {"wire": "method"}),
        ("TRACE", "/api/x/ada", 405, {"wire": "method"}),
        ("GET", "/api/x/a/b", 404, {"wire": "not_found"}),
        ("GET", "/api/x/ada/", 404, {"wire": "not_found"}),
        ("GET", "/api/x", 404, {"wire": "not_found"}),
    ],
)
def test_a_protocol_words_all_errors_below_its_prefixes(
    service: Service, method: str, path: str, status: int, body: dict[str, str]
) -> None:
    found = with_client(service, lambda one: one.request(method, path), faces=[FACE])
    assert (found.status_code, found.json()) == (status, body)


@pytest.mark.parametrize("path", ["/", "/api", "/api/xy", "/healthz"])
def test_other_paths_have_the_plain_form(service: Service, path: str) -> None:
    found = with_client(service, lambda one: one.get(path), faces=[FACE])
    assert (found.status_code, found.json()["error"]["code"]) == (404, "not_found")


def test_prefixes_are_disjoint_and_protocols_are_chosen_by_name(service: Service) -> None:
    from importlib import import_module

    over_http = [one for one in PROTOCOLS if not one.is_rpc]
    faces = [import_module(one.module).build_face(service) for one in over_http]
    prefixes = [prefix for face in faces for prefix in face.prefixes]
    for one in prefixes:
        assert not [other for other in prefixes if other != one and other.startswith(f"{one}/")]
    assert len(prefixes) == len(set(prefixes))
    assert choose_protocols([]) == PROTOCOLS
    assert choose_protocols([one.name for one in PROTOCOLS[:1]]) == PROTOCOLS[:1]
    with pytest.raises(UsageError, match="'gopher' is not a protocol"):
        choose_protocols(["gopher"])
