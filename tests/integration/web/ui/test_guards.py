"""Who may send a form, and what a start without a registry, a port or a clean work tree says."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest
from support.illustrated_registry import build_illustrated_registry
from support.programs import run_program
from support.repositories import git, new_work_tree
from support.served_registries import make_token, with_client

from registry_tool.server.service import Service, ServiceOptions, open_service
from registry_tool.web.app.face import build_face

_FORM = "/-/tag/nlp/lang-id/5"
_ORIGIN = {"Origin": "http://127.0.0.1:8080"}
_HIDDEN = re.compile(r'<input type="hidden" name="(token|at|key)" value="([^"]*)">')


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("guards") / "registry"
    build_illustrated_registry(made)
    return made


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Service]:
    with open_service(folder, ServiceOptions()) as opened:
        yield opened


def _ask(service: Service, path: str, headers: Mapping[str, str] | None = None, **options: Path) -> httpx.Response:  # fmt: skip
    return with_client(
        service, lambda client: client.get(path, headers=headers), faces=[build_face(service)], **options
    )  # fmt: skip


async def _open_form(client: httpx.AsyncClient, path: str = _FORM) -> dict[str, str]:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return dict(_HIDDEN.findall(answer.text))


def test_pages_have_their_headers_and_tags(service: Service) -> None:
    answer = _ask(service, "/models/nlp/lang-id/")
    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    again = _ask(service, "/models/nlp/lang-id/", {"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    data = _ask(service, "/models/nlp/lang-id/index.json").json()
    assert data["model"] == "nlp/lang-id"


@pytest.mark.parametrize(
    "path",
    [
        "/nope/", "/models/nlp/none/", "/models/../registry.yaml", "/%2e%2e/registry.yaml", "/-/tag/nlp/lang-id",
        "/-/tag/nlp/lang-id/99", "/-/edit/nlp/..", "/-/nothing/nlp/lang-id", "/-/commit/0000", "/-/commit/--help",
        "/-/edit/nlp/lang-id%2f..%2frouter", "/assets/none.css", f"/models/nlp/{'x' * 300}/",
    ],
)  # fmt: skip
def test_what_is_missing_is_a_page_that_says_so(service: Service, path: str) -> None:
    answer = _ask(service, path)
    assert answer.status_code == 404, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"}]
)
def test_pages_of_others_get_nothing(service: Service, headers: dict[str, str]) -> None:
    assert _ask(service, "/", headers).status_code == 403


@pytest.mark.parametrize("origin", [{}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:9"}])
def test_a_form_of_another_page_is_refused(service: Service, folder: Path, origin: dict[str, str]) -> None:  # fmt: skip
    before = git(folder, "rev-parse", "HEAD")

    async def send(client: httpx.AsyncClient) -> int:
        form = {**await _open_form(client), "f-tag": "stolen", "step": "commit"}
        return (await client.post(_FORM, data=form, headers=origin)).status_code

    assert with_client(service, send, faces=[build_face(service)]) == 403
    assert git(folder, "rev-parse", "HEAD") == before


@pytest.mark.parametrize("spoiled", ["token", "cookie"])
def test_a_form_without_its_token_keeps_its_values(service: Service, folder: Path, spoiled: str) -> None:  # fmt: skip
    before = git(folder, "rev-parse", "HEAD")

    async def send(client: httpx.AsyncClient) -> httpx.Response:
        form = {**await _open_form(client), "f-tag": "kept-value", "step": "commit"}
        if spoiled == "token":
            form["token"] = "0" * 64
        else:
            client.cookies.clear()
        return await client.post(_FORM, data=form, headers=_ORIGIN)

    answer = with_client(service, send, faces=[build_face(service)])
    assert answer.status_code == 422
    assert "The form is too old" in answer.text
    assert 'value="kept-value"' in answer.text
    assert git(folder, "rev-parse", "HEAD") == before


def test_a_form_sent_twice_is_one_commit_and_ten_at_once_are_ten(service: Service, folder: Path) -> None:  # fmt: skip
    before = int(git(folder, "rev-list", "--count", "main"))

    async def send(client: httpx.AsyncClient) -> list[httpx.Response]:
        forms = []
        for number in range(10):
            form = await _open_form(client)
            forms.append({**form, "f-tag": f"many-{number}", "step": "commit"})
        posts = [client.post(_FORM, data=one, headers=_ORIGIN) for one in [*forms, *forms]]
        return list(await asyncio.gather(*posts))

    answers = with_client(service, send, faces=[build_face(service)])
    assert [one.status_code for one in answers] == [303] * 20, [one.text[-900:] for one in answers]
    places = [one.headers["location"] for one in answers]
    assert places[:10] == places[10:]
    assert len(set(places)) == 10
    assert int(git(folder, "rev-list", "--count", "main")) == before + 10
    assert git(folder, "status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("scopes", "status"), [(("read",), 422), (("write:vision",), 404), (("write:nlp",), 303)]
)
def test_scopes_of_a_token_decide(service: Service, tmp_path: Path, scopes: tuple[str, ...], status: int) -> None:  # fmt: skip
    tokens = tmp_path / "tokens.jsonl"
    token = make_token(tokens, *scopes)

    async def send(client: httpx.AsyncClient) -> httpx.Response:
        client.auth = httpx.BasicAuth("bob", token)
        answer = await client.get(_FORM)
        form = dict(_HIDDEN.findall(answer.text))
        form |= {"f-tag": "by-bob", "step": "commit"}
        return await client.post(_FORM, data=form, headers=_ORIGIN)

    assert _ask(service, _FORM, tokens=tokens).status_code == 401
    answer = with_client(service, send, tokens=tokens, faces=[build_face(service)])
    assert answer.status_code == status, answer.text
    if status == 303:
        author = git(service.registry.repository.git.place, "log", "-1", "--format=%an <%ae>")
        assert author.strip() == "Bob <bob@example.org>"


@pytest.mark.parametrize("branch", ["-x", "../main", "a b", "*", "x; rm -rf y", "a..b", "x.lock", "", "refs/heads"])  # fmt: skip
def test_a_branch_that_cannot_be(service: Service, folder: Path, branch: str) -> None:
    before = git(folder, "for-each-ref", "--format=%(refname) %(objectname)")

    async def send(client: httpx.AsyncClient) -> int:
        form = await _open_form(client)
        form |= {"f-tag": "elsewhere", "step": "commit", "where": "branch", "branch": branch}
        return (await client.post(_FORM, data=form, headers=_ORIGIN)).status_code

    status = with_client(service, send, faces=[build_face(service)])
    after = git(folder, "for-each-ref", "--format=%(refname) %(objectname)")
    if branch == "refs/heads":  # a branch like any other
        assert status == 303
        git(folder, "update-ref", "-d", "refs/heads/refs/heads")
        return
    assert status == 422
    assert after == before


def test_a_token_does_not_choose_the_branch(service: Service, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.jsonl"
    token = make_token(tokens, "write", "review")

    async def send(client: httpx.AsyncClient) -> httpx.Response:
        client.auth = httpx.BasicAuth("bob", token)
        answer = await client.get(_FORM)
        assert "Another branch" not in answer.text
        form = dict(_HIDDEN.findall(answer.text))
        form |= {"f-tag": "by-bob-2", "step": "commit", "where": "branch", "branch": "release"}
        return await client.post(_FORM, data=form, headers=_ORIGIN)

    answer = with_client(service, send, tokens=tokens, faces=[build_face(service)])
    assert "you may not choose the branch of a commit" in answer.text
    assert answer.status_code == 422


def test_a_file_with_uncommitted_changes_is_not_overwritten(service: Service, folder: Path) -> None:
    path = folder / "models/nlp/router/model.yaml"
    before, form_path = path.read_bytes(), "/-/edit/nlp/router"
    path.write_bytes(before + b"# not committed\n")

    async def send(client: httpx.AsyncClient) -> httpx.Response:
        form = {**await _open_form(client, form_path), "f-description": "new", "step": "commit"}
        return await client.post(form_path, data=form, headers=_ORIGIN)

    try:
        answer = with_client(service, send, faces=[build_face(service)])
        assert answer.status_code == 422
        assert "models/nlp/router/model.yaml" in answer.text
        assert path.read_bytes() == before + b"# not committed\n"
    finally:
        path.write_bytes(before)


def test_a_past_state_has_no_forms(folder: Path) -> None:
    with open_service(folder, ServiceOptions(read_only=True)) as service:
        face = build_face(service, "main~5")
        page = with_client(service, lambda client: client.get("/models/nlp/lang-id/"), faces=[face])
        form = with_client(service, lambda client: client.get(_FORM), faces=[face])
    assert page.status_code == 200
    assert "/-/edit/" not in page.text
    assert form.status_code == 403


def test_a_start_says_what_is_wrong(folder: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = run_program("ui", "--port", str(port), cwd=folder)
    assert ran.code == 4
    assert f"cannot listen on 127.0.0.1:{port}" in ran.err
    ran = run_program("ui", "--host", "0.0.0.0", "--port", "0", cwd=folder)
    assert ran.code == 2
    assert "requests must have tokens" in ran.err
    ran = run_program("ui", "--port", "0", "--ref", "no-such-branch", cwd=folder)
    assert ran.code == 2
    assert "no-such-branch" in ran.err
    new_work_tree(tmp_path / "empty")
    ran = run_program("ui", "--port", "0", cwd=tmp_path / "empty")
    assert ran.code == 2
    assert "Traceback" not in ran.err
