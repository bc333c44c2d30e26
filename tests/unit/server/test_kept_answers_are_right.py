"""Kept answers are those that would be made, whatever was written or pushed meanwhile, and an ETag hides no change."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from starlette.types import ASGIApp, Message, Scope
from support import git, run_git
from support.manifests import (
    alias_yaml,
    metadata_yaml,
    model_files,
    model_yaml,
    namespace_yaml,
    registry_yaml,
    status_yaml,
    version_yaml,
)
from support.written_trains import bare_registry

from registry_tool.access.authenticate import Authenticator, local_subject
from registry_tool.access.subjects import Subject, parse_grants
from registry_tool.server.http.app import build_app
from registry_tool.server.http.kept_answers import KeptAnswers
from registry_tool.server.kubeflow.face import build_face as build_kubeflow
from registry_tool.server.limits import Limits
from registry_tool.server.mlflow.routes import build_face as build_mlflow
from registry_tool.server.service import Service, ServiceOptions, open_service

_MLFLOW: Final = "/api/2.0/mlflow"
_KUBEFLOW: Final = "/api/model_registry/v1alpha3"
# Who reads: everyone is served from the same memory. What Carol may not do without review is proposed.
_READERS: Final = {
    "ada": local_subject("Ada", "ada@example.org"),
    "bob": Subject("Bob", "bob@example.org", "user", parse_grants(["read:nlp"])),
    "carol": Subject("Carol", "carol@example.org", "user", parse_grants(["write", "delete"])),
}
_NAMES: Final = ("nlp.lang-id", "nlp.other", "ops.pager", "renamed", "nlp.renamed", "lang-id")
_HOME: Final = "models/nlp/lang-id"
_SERVE: Final = "schema: serve/v1\n"


class Step(NamedTuple):
    """Something that happens to the registry: a request of a client, or files that are pushed."""

    who: str = ""
    call: str = ""
    fields: Mapping[str, str] = {}
    files: Mapping[str, str | None] = {}


def _call(method_and_path: str, who: str = "ada", **fields: str) -> Step:
    return Step(who, method_and_path, fields)


def _push_to(path: str, text: str | None) -> Step:
    return Step(files={path: text})


_LANG: Final = {"name": "nlp.lang-id"}
_TITLE: Final = "schema: title/v1\ntitle: renamed\n"
# Each is done in any order, again and again; what is refused in a state changes nothing.
_STEPS: Final[Sequence[Step]] = (
    _call("POST registered-models/rename", **_LANG, new_name="renamed"),
    _call("POST registered-models/rename", **_LANG, new_name="nlp.renamed"),
    _call("POST registered-models/rename", name="nlp.renamed", new_name="nlp.lang-id"),
    _call("POST registered-models/create", name="renamed"),
    _call("POST registered-models/create", name="lang-id"),
    _call("DELETE registered-models/delete", name="nlp.renamed"),
    _call("DELETE registered-models/delete", name="nlp.other"),
    _call("PATCH registered-models/update", **_LANG, description="Changed."),
    _call("POST registered-models/set-tag", **_LANG, key="team", value="a"),
    _call("POST model-versions/create", **_LANG, source="s3://bucket/x"),
    _call("POST model-versions/create", name="nlp.other", source="s3://bucket/y"),
    _call("POST model-versions/create", "carol", name="ops.pager", source="s3://bucket/z"),
    _call("DELETE model-versions/delete", **_LANG, version="1"),
    _call("DELETE model-versions/delete", "carol", **_LANG, version="2"),
    _call("POST model-versions/set-tag", **_LANG, version="2", key="edge", value="yes"),
    _call("DELETE model-versions/delete-tag", **_LANG, version="2", key="edge"),
    _call("PATCH model-versions/update", **_LANG, version="2", description="Better."),
    _call("POST registered-models/alias", **_LANG, alias="champion", version="1"),
    _call("POST registered-models/alias", **_LANG, alias="champion", version="2"),
    _call("DELETE registered-models/alias", **_LANG, alias="champion"),
    _call("POST model-versions/transition-stage", **_LANG, version="2", stage="Production"),
    _call("POST model-versions/transition-stage", **_LANG, version="1", stage="Production"),
    _push_to(f"{_HOME}/title.yaml", _TITLE),
    _push_to(f"{_HOME}/title.yaml", None),
    _push_to("models/nlp/other/title.yaml", _TITLE),
    _push_to(f"{_HOME}/versions/2/version.yaml", "no: [manifest"),
    _push_to(f"{_HOME}/versions/2/version.yaml", version_yaml("2")),
    _push_to(f"{_HOME}/versions/2/version.yaml", None),
    _push_to(f"{_HOME}/versions/1/status.yaml", status_yaml("withdrawn", reason="Wrong.")),
    _push_to(f"{_HOME}/versions/1/metadata.yaml", metadata_yaml(metadata={"edge": "yes"})),
    _push_to(f"{_HOME}/model.yaml", "no: [manifest"),
    _push_to(f"{_HOME}/model.yaml", model_yaml(description="New.")),
    _push_to(f"{_HOME}/aliases/champion.yaml", alias_yaml("3")),
    _push_to(f"{_HOME}/aliases/latest.yaml", alias_yaml("2")),
    _push_to(f"{_HOME}/titles/champion.yaml", "schema: title/v1\ntitle: production\n"),
    _push_to("models/renamed/namespace.yaml", namespace_yaml()),
    _push_to("serve.yaml", f"{_SERVE}namespaces: {{mlflow: nlp}}\n"),
    _push_to("serve.yaml", f"{_SERVE}mlflow: {{stages: {{Production: champion}}}}\n"),
    _push_to("serve.yaml", None),
    _push_to("registry.yaml", registry_yaml(version_scheme="free")),
    _push_to("registry.yaml", registry_yaml()),
)  # fmt: skip


def _list_urls() -> Iterator[str]:
    def mlflow(path: str, **query: str) -> str:
        return f"{_MLFLOW}/{path}?{urlencode(query)}"

    for name in _NAMES:
        yield mlflow("registered-models/get", name=name)
        yield mlflow("registered-models/get-latest-versions", name=name)
        yield mlflow("model-versions/search", filter=f"name='{name}'")
        yield mlflow("registered-models/search", filter=f"name='{name}'")
        for alias in ("champion", "latest", "production"):
            yield mlflow("registered-models/alias", name=name, alias=alias)
        for version in "123":
            yield mlflow("model-versions/get", name=name, version=version)
    yield mlflow("model-versions/get-download-uri", name="nlp.lang-id", version="2")
    yield mlflow("model-versions/search", filter="name='nlp.lang-id' AND tags.edge='yes'")
    yield mlflow("model-versions/search", filter="name IN ('nlp.lang-id', 'renamed')")
    yield mlflow("model-versions/search", filter="tags.edge='yes'")
    yield mlflow("registered-models/search", max_results="2")
    for number in range(1, 9):
        yield f"{_KUBEFLOW}/registered_models/{number}"
        yield f"{_KUBEFLOW}/registered_models/{number}/versions"
        yield f"{_KUBEFLOW}/model_versions/{number}"
    yield f"{_KUBEFLOW}/registered_model?name=nlp.lang-id"
    yield f"{_KUBEFLOW}/model_version?parentResourceId=1&name=2"
    yield f"{_KUBEFLOW}/registered_models"


_URLS: Final = tuple(_list_urls())


class Answer(NamedTuple):
    """What came back."""

    status: int
    etag: str
    body: bytes


async def _request(
    app: ASGIApp, method: str, url: str, *, tag: str = "", body: bytes = b""
) -> Answer:
    path, _, query = url.partition("?")
    headers = [(b"host", b"127.0.0.1:8080"), (b"content-type", b"application/json")]
    headers += [(b"content-length", str(len(body)).encode())] if body else []
    headers += [(b"if-none-match", tag.encode())] if tag else []
    scope: Scope = {
        "type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": headers,
        "root_path": "", "scheme": "http", "server": ("127.0.0.1", 8080),
    }  # fmt: skip
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    etag = dict(sent[0]["headers"]).get(b"etag", b"").decode()
    return Answer(sent[0]["status"], etag, b"".join(one.get("body", b"") for one in sent[1:]))


def _read_all(app: ASGIApp, asked: Iterable[tuple[str, str]]) -> list[Answer]:
    """The answers at some addresses, each with the tag of an answer that the client has."""

    async def run() -> list[Answer]:
        return [await _request(app, "GET", url, tag=tag) for url, tag in asked]

    return asyncio.run(run())


class Scene:
    """A served registry, and who asks it."""

    def __init__(self, service: Service, bare: Path) -> None:
        self.service = service
        self._bare = bare
        self._start = git(bare, "rev-parse", "main")
        self._moments = count(2_000_000_000)
        self._apps = {name: self._build(one) for name, one in _READERS.items()}
        # Of each ETag at an address the body that it stands for.
        self._tagged: dict[tuple[str, str, str], bytes] = {}

    def _build(self, subject: Subject) -> ASGIApp:
        faces = [build_mlflow(self.service), build_kubeflow(self.service)]
        authenticator = Authenticator(anonymous=subject)
        return build_app(self.service, faces, authenticator=authenticator, limits=Limits())

    def begin(self) -> None:
        """Go back to the first state: the branch is rewound, and its proposals are gone."""
        git(self._bare, "update-ref", "refs/heads/main", self._start)
        for ref in git(
            self._bare, "for-each-ref", "--format=%(refname)", "refs/heads/serve"
        ).split():
            git(self._bare, "update-ref", "-d", ref)
        self._tagged.clear()
        self._look()

    def _look(self) -> None:
        self.service.live.look()
        self.service._proposals.look()  # type: ignore[union-attr]  # a service has them

    def do(self, step: Step) -> None:
        """Do what a step says."""
        if step.call:
            method, path = step.call.split(" ")
            body = json.dumps(step.fields).encode()
            asyncio.run(_request(self._apps[step.who], method, f"{_MLFLOW}/{path}", body=body))
            return
        lines = [
            f"commit refs/heads/main\ncommitter P <p@example.org> {next(self._moments)} +0000\n"
        ]
        lines += ["data 4\nPush\nfrom refs/heads/main^0\n"]
        for path, text in step.files.items():
            lines.append(
                f"D {path}\n"
                if text is None
                else f"M 644 inline {path}\ndata {len(text.encode())}\n{text}\n"
            )
        run_git(self._bare, "fast-import", "--quiet", stdin="".join(lines).encode())
        self._look()

    def compare(self) -> None:
        """Every reader gets what would be made now, and a tag of earlier says so only if it is the same."""
        for who, subject in _READERS.items():
            while not self._compare_for(who, subject):
                pass  # a thread has looked at what the reader proposed

    def _compare_for(self, who: str, subject: Subject) -> bool:
        """Compare for one reader; False where another state was seen meanwhile."""
        state = self.service.snapshot_for(subject)
        fresh = self._ask_anew(subject)
        first, second = self._ask(who), self._ask(who)  # the second time, what the first has kept
        earlier = self._list_recent(who)
        unchanged = _read_all(self._apps[who], earlier)
        if self.service.snapshot_for(subject) is not state:
            return False
        for url, found in [*zip(_URLS, first, strict=True), *zip(_URLS, second, strict=True)]:
            assert (found.status, found.body) == (fresh[url].status, fresh[url].body), (who, url)
            if found.status == 200:
                known = self._tagged.setdefault((who, url, found.etag), found.body)
                assert known == found.body, (who, url)
        for ((url, _), body), answer in zip(earlier.items(), unchanged, strict=True):
            said = (200, body) if answer.status == 304 else (answer.status, answer.body)
            assert said == (fresh[url].status, fresh[url].body), (who, url)
        return True

    def _list_recent(self, who: str) -> dict[tuple[str, str], bytes]:
        """The last two tags of each address, with what they stand for."""
        found: dict[str, list[tuple[str, bytes]]] = {}
        for (of, url, tag), body in self._tagged.items():
            if of == who:
                found.setdefault(url, []).append((tag, body))
        return {(url, tag): body for url, tags in found.items() for tag, body in tags[-2:]}

    def _ask(self, who: str) -> list[Answer]:
        return _read_all(self._apps[who], [(url, "") for url in _URLS])

    def _ask_anew(self, subject: Subject) -> dict[str, Answer]:
        kept, self.service.answers = self.service.answers, KeptAnswers()
        found = _read_all(self._build(subject), [(url, "") for url in _URLS])
        self.service.answers = kept
        return dict(zip(_URLS, found, strict=True))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    files = {
        **model_files("nlp/other"), **model_files("ops/pager"),
        "models/ops/namespace.yaml": namespace_yaml(),
        f"{_HOME}/aliases/production.yaml": alias_yaml("1"),
    }  # fmt: skip
    bare = bare_registry(tmp_path_factory.mktemp("scene"), files)
    with open_service(bare, ServiceOptions()) as service:
        service.public_url = "http://127.0.0.1:8080"
        yield Scene(service, bare)


def _at(*numbers: int) -> list[Step]:
    return [_STEPS[number] for number in numbers]


@pytest.mark.long
@settings(max_examples=2, deadline=None, suppress_health_check=[*HealthCheck])
@example(steps=_at(9, 18, 16, 1, 2, 13, 17, 12))  # names, an alias, a proposal, a deletion
@example(steps=_at(25, 26, 34, 18, 37, 36, 39, 22, 30, 31))  # what is pushed
@given(steps=st.lists(st.sampled_from(_STEPS), min_size=2, max_size=5))
def test_kept_answers_are_those_that_would_be_made(scene: Scene, steps: list[Step]) -> None:
    scene.begin()
    scene.compare()
    for step in steps:
        scene.do(step)
        scene.compare()
