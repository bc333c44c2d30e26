"""``docs/site.md``: its commands run, and its configuration of nginx serves a site as it says."""

from __future__ import annotations

import http.client
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from support import Ran, without
from support.git_servers import NGINX, missing, nginx_pages
from support.manifests import small_registry

_PAGE = Path(__file__).parents[2] / "docs" / "site.md"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

Cli = Callable[..., Ran]


def _blocks(language: str) -> list[str]:
    return [body for name, body in _BLOCK.findall(_PAGE.read_text("utf-8")) if name == language]


def test_every_command_of_the_page_runs(make_registry: Callable[..., Path], cli: Cli) -> None:
    root = make_registry(small_registry())
    lines = [line for block in _blocks("sh") for line in block.splitlines()]
    commands = [line.split()[1:] for line in lines if line.startswith("registry ")]
    assert len(commands) == 3
    for command in commands:
        assert cli(*command, cwd=root).code == 0, command
    assert (root / "public/index.html").is_file()
    assert "https://example.org/models/" in (root / "public/timeline/feed.xml").read_text()
    assert [line for line in lines if not line.startswith("registry ")] == [
        "python3 -m http.server --directory public"
    ]


def _ask(
    port: int, path: str, headers: Mapping[str, str] | None = None
) -> tuple[int, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers=dict(headers or {}))
        answer = connection.getresponse()
        answer.read()
        return answer.status, dict(answer.getheaders())
    finally:
        connection.close()


def test_nginx_serves_a_site_with_the_headers_of_the_page(
    make_registry: Callable[..., Path], cli: Cli, tmp_path: Path
) -> None:
    why = missing(NGINX)
    if why:
        without(why)
    site = tmp_path / "www/models"
    root = make_registry(small_registry())
    assert cli("site", "build", "-o", str(site), cwd=root).code == 0
    (server,) = _blocks("nginx")
    server = server.replace("8080", "127.0.0.1:{port}").replace("/srv/www", str(tmp_path / "www"))
    lasting = [*site.glob("assets/*"), *site.glob("search/[0-9a-f]*.json")]
    others = [place for place in site.rglob("*") if place.is_file() and place not in lasting]
    assert len(lasting) > 5
    with nginx_pages(server, tmp_path / "nginx") as port:
        for place in lasting:
            status, headers = _ask(port, f"/{place.relative_to(tmp_path / 'www').as_posix()}")
            assert (status, headers["Cache-Control"][-9:]) == (200, "immutable"), place
        for place in others:
            path = f"/{place.relative_to(tmp_path / 'www').as_posix()}"
            status, headers = _ask(port, path)
            if place.name == ".build.json":
                assert status == 404
                continue
            assert (status, headers["Cache-Control"]) == (200, "no-cache"), place
            assert "frame-ancestors" in headers["Content-Security-Policy"]
            assert _ask(port, path, {"If-None-Match": headers["ETag"]})[0] == 304


@pytest.mark.parametrize("block", _blocks("text"))
def test_what_is_uploaded_first_is_what_never_changes(
    make_registry: Callable[..., Path], cli: Cli, tmp_path: Path, block: str
) -> None:
    """The patterns of the first two commands part the files of a site."""
    import fnmatch

    site = tmp_path / "public"
    assert cli("site", "build", "-o", str(site), cwd=make_registry(small_registry())).code == 0
    first, second = block.replace("\\\n", " ").splitlines()[:2]

    def choose(command: str) -> set[str]:
        filters = re.findall(r'--(include|exclude) "([^"]+)"', command)
        found = set()
        for place in site.rglob("*"):
            path, taken = place.relative_to(site).as_posix(), True
            for kind, pattern in filters:  # the last one that matches decides
                taken = kind == "include" if fnmatch.fnmatchcase(path, pattern) else taken
            if place.is_file() and taken:
                found.add(path)
        return found

    lasting, pages = choose(first), choose(second)
    named_by_digest = re.compile(r"(assets/.*\.[0-9a-f]{12}\.\w+|search/[0-9a-f]{16}\.json)")
    assert all(map(named_by_digest.fullmatch, lasting))
    assert not any(map(named_by_digest.fullmatch, pages))
    every = {p.relative_to(site).as_posix() for p in site.rglob("*") if p.is_file()}
    assert lasting | pages | {"search/index.json", ".build.json"} == every
